/**
 * One arrival of a message. The same message may arrive many times; each arrival is a delivery of its own and ends
 * exactly once, with one {@link Settlement}. What its source needs to settle it is the source's own matter.
 */
export interface Delivery {
  readonly messageId: string
  /** Full name of the subscription that it came from. Absent: its source has none. */
  readonly subscription?: string | undefined
  /** When the broker took the message: Unix time in ms. The same for every delivery of a message. */
  readonly publishTimeMs: number
  /** Empty where there is none. */
  readonly orderingKey: string
  readonly attributes: Readonly<Record<string, string>>
  readonly data: Buffer
  /**
   * Calls `read` with bytes that the data lies in, and where; undefined where it has more than `maxBytes`. Absent where
   * {@link readDataOf} can read `data` as well: a source that keeps messages within a larger response would have to make a
   * Buffer for each, which leaves 100 bytes of garbage.
   */
  readData?<T>(maxBytes: number, read: (bytes: Buffer, from: number, to: number) => T): T | undefined
  /** 1 for the first; 0 where the source does not count, as a subscription without a dead-letter policy. */
  readonly deliveryAttempt: number
  /** What it counts against the byte bound: what it may take in memory while it is held, as it came and decoded. */
  readonly bytes: number
  /** When this process received it: ms of the monotonic clock (`performance.now()`). */
  readonly receivedAtMs: number
  /** Noted by the engine's ledger, while it is not settled. A source leaves it alone. */
  receipt?: Receipt | undefined
}

/** Deliveries that were received together, as long as one of them is not settled. */
export interface Receipt {
  readonly keeper: object
  /** In the order in which they came; some that are settled may be left. */
  deliveries: readonly Delivery[]
  /** How many of them are not settled. */
  open: number
}

/** What `read` makes of the data where it lies; undefined where it has more than `maxBytes`. */
export function readDataOf<T>(
  delivery: Delivery,
  maxBytes: number,
  read: (bytes: Buffer, from: number, to: number) => T,
): T | undefined {
  if (delivery.readData) return delivery.readData(maxBytes, read)
  const { data } = delivery
  return data.length > maxBytes ? undefined : read(data, 0, data.length)
}

/**
 * How a delivery ends, one of several records with the last of them. Each name stands for a fact; a claim, a time-out or
 * an error is none.
 *
 * - `written`: this process saw the commit of the statement that put its row there. A statement says how many rows it
 *   placed, not which: per batch `written` and `stale` are right as sums
 * - `coalesced`: folded into a newer or equal record of its batch, which ended `written` or `stale`
 * - `stale`: a committed record of its key is newer or equal
 * - `duplicate`: its effect was committed before, under its identity
 * - `ignored`: by the pipeline's own rules there is nothing to store
 * - `dead-lettered`: the dead letter is stored
 * - `nacked`: returned at a forced shutdown
 */
export const settlements = [
  'written',
  'coalesced',
  'stale',
  'duplicate',
  'ignored',
  'dead-lettered',
  'nacked',
] as const
export type Settlement = (typeof settlements)[number]

/** A count of each, all 0. */
export function noneSettled(): Record<Settlement, number> {
  return Object.fromEntries(settlements.map((name) => [name, 0])) as Record<Settlement, number>
}

/** From weakest to strongest, where the records of one message end differently: what was done counts for more. */
const byStrength = [
  'ignored',
  'stale',
  'duplicate',
  'coalesced',
  'written',
  'dead-lettered',
  'nacked',
] as const satisfies readonly Settlement[]

/** How a delivery ends whose parts end so. */
export function strongest(a: Settlement | undefined, b: Settlement): Settlement {
  return a !== undefined && byStrength.indexOf(a) > byStrength.indexOf(b) ? a : b
}
