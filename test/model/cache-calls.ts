import type { State } from './state.ts'

/** What Redis knows of the key. */
export type Cached = Pick<State, 'watermark' | 'claimVersion' | 'claimToken'>

export type Said = 'fresh' | 'stale' | 'busy'

/** The calls of a cache, each of them one step. Versions are given per record; see `Story`. */
export interface CacheCalls {
  begin(cached: Cached, record: number, token: number, versions: readonly number[]): Said
  /** Undefined: the design has none. */
  readonly confirm:
    | ((cached: Cached, record: number, token: number, versions: readonly number[]) => void)
    | undefined
  /** @param read the watermark that `begin` saw */
  readonly release: ((cached: Cached, read: number, token: number) => void) | undefined
}

/**
 * What src/redis/protocol.lua does to one record's two keys, in the model's numbers; test/model/script.redis.test.ts
 * sees to it that they agree.
 */
export const scriptCalls = {
  begin(cached, record, token, versions) {
    const version = versionOf(versions, record)
    if (coversBySameOrNewer(cached, record, versions)) return 'stale'
    const { claimVersion, claimToken } = cached
    if (claimVersion > 0 && claimToken !== token && claimVersion >= version) return 'busy'
    cached.claimVersion = version
    cached.claimToken = token
    return 'fresh'
  },
  confirm(cached, record, token, versions) {
    raise(cached, record, versions)
    endOwnClaim(cached, token)
  },
  release(cached, _, token) {
    endOwnClaim(cached, token)
  },
} as const satisfies CacheCalls

/** The same without claims: `INGESTER_REDIS_CLAIMS=false`. */
export const scriptCallsWithoutClaims = {
  begin: (cached, record, _, versions) => (coversBySameOrNewer(cached, record, versions) ? 'stale' : 'fresh'),
  confirm: (cached, record, _, versions) => raise(cached, record, versions),
  release: undefined,
} as const satisfies CacheCalls

/** No cache: `INGESTER_REDIS_ENABLED=false`. */
export const noCalls: CacheCalls = { begin: () => 'fresh', confirm: undefined, release: undefined }

export function versionOf(versions: readonly number[], record: number): number {
  return versions[record] as number
}

/** A watermark of equal version says nothing of other content. */
export function coversBySameOrNewer(cached: Cached, record: number, versions: readonly number[]): boolean {
  return versionOf(versions, cached.watermark) > versionOf(versions, record) || cached.watermark === record
}

export function raise(cached: Cached, record: number, versions: readonly number[]): void {
  if (versionOf(versions, cached.watermark) <= versionOf(versions, record)) cached.watermark = record
}

function endOwnClaim(cached: Cached, token: number): void {
  if (cached.claimToken === token) endClaim(cached)
}

export function endClaim(cached: Cached): void {
  cached.claimVersion = 0
  cached.claimToken = 0
}
