/** How much of its limit a client has used in its current window. */
export interface RateWindow {
  readonly used: number
  readonly endsInMs: number
}

/** Counts of requests that several processes share. */
export interface SharedRateLimits {
  /**
   * Counts one request of a client; its window begins with its first request. Never rejects, and resolves within a
   * second; to undefined, like the answer itself, where the shared counts cannot be had now.
   */
  count(client: string, perMs: number): Promise<RateWindow | undefined> | undefined
}
