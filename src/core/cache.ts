/**
 * Knows which records are stale before they cost the database anything, and keeps replicas from writing one key at
 * the same time. It may forget everything at any instant: that costs speed, never truth. Only `stale` is a fact;
 * `busy` and `fresh` are hints.
 */
export interface Cache {
  /**
   * Asks about records of distinct keys, and claims those that are `fresh`. Never rejects, and answers in bounded
   * time: where the cache cannot be asked, everything is fresh.
   *
   * @param token names the claims of one batch. Asking again with the same one is harmless
   */
  begin(records: readonly CacheRecord[], token: string): Promise<Begun>
}

/**
 * What `begin` said, and the two ways in which what it began ends. Both may come late, repeatedly or never: harmless.
 * Neither rejects. They belong to the state of the table that `begin` saw, so that a row that was written before a
 * TRUNCATE is not taken for one that came after it.
 */
export interface Begun {
  /** One a record, in order. */
  readonly verdicts: readonly Verdict[]
  /** After the commit: these versions are facts, and the claims have done their work. */
  confirm(records: readonly CacheRecord[]): Promise<void>
  /** The rollback: ends the token's own claims, and nothing else. */
  release(records: readonly CacheRecord[]): Promise<void>
}

export interface CacheRecord {
  readonly key: string
  readonly version: bigint
  readonly content: string
}

/**
 * - `fresh`: write it
 * - `stale`: a committed version is newer, or equal with the same content
 * - `busy`: another batch has claimed this version or a newer one, and may yet fail
 */
export const verdicts = ['fresh', 'stale', 'busy'] as const
export type Verdict = (typeof verdicts)[number]

/** A claim expires after this time, since its holder may have died. */
export const claimLeaseMs = 10_000

/**
 * Why the cache was bypassed for a record.
 *
 * - `disconnected`, `timeout`, `loading`, `read-only`, `out-of-memory`, `no-rights`: as the server's state is called
 * - `refused`: any other error reply
 * - `garbage`: foreign data under our keys, or an unexpected answer; values of other types count as absent
 * - `breaker`: it failed a moment ago, and the circuit breaker is open
 * - `epoch`: which state of the table its watermarks would be about is not known
 */
export const bypassCauses = [
  'disconnected',
  'timeout',
  'loading',
  'read-only',
  'out-of-memory',
  'no-rights',
  'refused',
  'garbage',
  'breaker',
  'epoch',
] as const
export type BypassCause = (typeof bypassCauses)[number]

/** The absence of a cache: everything is fresh, and the database's guard decides. */
export const noCache: Cache = {
  begin: async (records) => ({
    verdicts: records.map(() => 'fresh'),
    confirm: async () => {},
    release: async () => {},
  }),
}
