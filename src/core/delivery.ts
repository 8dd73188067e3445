/**
 * One arrival of a message. The same message may arrive many times; each arrival is a delivery of its own and ends
 * exactly once, with one {@link Settlement}. What its source needs to settle it is the source's own matter.
 */
export interface Delivery {
  readonly messageId: string
  /** When the broker took the message: Unix time in ms. The same for every delivery of a message. */
  readonly publishTimeMs: number
  /** Empty where there is none. */
  readonly orderingKey: string
  readonly attributes: Readonly<Record<string, string>>
  readonly data: Buffer
  /** 1 for the first; 0 where the source does not count, as a subscription without a dead-letter policy. */
  readonly deliveryAttempt: number
  /** What it counts against the byte bound: what it may take in memory while it is held, as it came and decoded. */
  readonly bytes: number
  /** When this process received it: ms of the monotonic clock (`performance.now()`). */
  readonly receivedAtMs: number
}

/**
 * How a delivery ends. Each name stands for a fact; a claim, a time-out or an error is none.
 *
 * - `written`: this process saw the commit of the statement that put its row there. A statement says how many rows it
 *   placed, not which: per batch `written` and `stale` are right as sums
 * - `coalesced`: folded into a newer or equal record of its batch, which ended `written` or `stale`
 * - `stale`: a committed record of its key is newer or equal
 * - `dead-lettered`: the dead letter is stored
 * - `nacked`: returned at a forced shutdown
 */
export const settlements = ['written', 'coalesced', 'stale', 'dead-lettered', 'nacked'] as const
export type Settlement = (typeof settlements)[number]
