/** What a client may take, and for how long. Bodies have the limit of their door. */
export interface GatewayLimits {
  /** Of a request's line and headers. */
  readonly headerBytes: number
  /** Open at a time. One more displaces a connection that waits, or is refused. */
  readonly connections: number
  /** Requests of one connection without an answer. While it has as many, no more are read from it. */
  readonly openRequests: number
  /** From the first byte of a request, or from connecting, to the end of its headers. */
  readonly headersMs: number
  /** To the end of its body. */
  readonly requestMs: number
  /** A connection between two requests. */
  readonly keepAliveMs: number
  /** Without a byte in either direction, also while an answer is awaited: more than publishing takes. */
  readonly silenceMs: number
}

export const defaultLimits: GatewayLimits = {
  headerBytes: 16_384,
  connections: 4096,
  openRequests: 32,
  headersMs: 10_000,
  requestMs: 20_000,
  // More than the 60 s after which common load balancers drop an idle connection: who reuses one should close it first.
  keepAliveMs: 65_000,
  silenceMs: 60_000,
}
