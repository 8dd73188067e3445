/**
 * Knows which records are stale before they cost the database anything. It may forget everything at any instant:
 * that costs speed, never truth. Only `stale` is a fact; `busy` and `fresh` are hints.
 */
export interface Cache {
  /**
   * One verdict a record, in order. `stale`: a committed version is newer, or equal with the same content.
   * `busy`: somebody else is writing this version or a newer one. `fresh`: write it. Never rejects.
   */
  begin(records: readonly CacheRecord[], token: string): Promise<readonly Verdict[]>
  /** After the commit: these versions are facts. Late, repeated or lost: harmless. Never rejects. */
  confirm(records: readonly CacheRecord[], token: string): Promise<void>
  /** Takes back the claims of `begin`. Late, repeated or lost: harmless. Never rejects. */
  release(records: readonly CacheRecord[], token: string): Promise<void>
}

export interface CacheRecord {
  readonly key: string
  readonly version: bigint
  readonly content: string
}

export type Verdict = 'fresh' | 'stale' | 'busy'

/** The absence of a cache: everything is fresh, and the database's guard decides. */
export const noCache: Cache = {
  begin: async (records) => records.map(() => 'fresh'),
  confirm: async () => {},
  release: async () => {},
}
