import type { CacheCalls } from './cache-calls.ts'
import {
  coversBySameOrNewer,
  endClaim,
  noCalls,
  raise,
  scriptCalls,
  scriptCallsWithoutClaims,
  versionOf,
} from './cache-calls.ts'

/** A protocol: what the cache does, and what a replica makes of it. All of them walk through the same steps. */
export interface Design {
  readonly name: string
  readonly calls: CacheCalls
  /** A call releases only its own token's claims. */
  readonly isOwnOnly: boolean
  /** How a replica differs from the one that the code is. */
  readonly flaw?:
    | 'busy acks'
    | 'acks before the write'
    | 'an error is a success'
    | 'losers end with a rejected winner'
    | 'acks before the dead letter'
    | 'forgets losers'
    | 'dead-letters nothing'
    | 'dead-letters what fails'
    | 'no guard in SQL'
    | 'no epoch'
}

const base = { calls: scriptCalls, isOwnOnly: true } as const

export const withClaims: Design = { ...base, name: 'watermarks and claims' }
export const withoutClaims: Design = {
  ...base,
  name: 'watermarks only',
  calls: scriptCallsWithoutClaims,
}
export const withoutCache: Design = { ...base, name: 'no cache', calls: noCalls }

/**
 * The plain way: the watermark is raised before the write, and is the claim. What fails puts back what it has read,
 * or deletes the key.
 */
const raisedFirst: CacheCalls['begin'] = (cached, record, _, versions) => {
  if (coversBySameOrNewer(cached, record, versions)) return 'stale'
  raise(cached, record, versions)
  return 'fresh'
}

export const rollback = {
  restore: {
    name: 'raised before the write, restored on failure',
    isOwnOnly: false,
    calls: {
      begin: raisedFirst,
      confirm: undefined,
      release: (cached, read) => void (cached.watermark = read),
    },
  },
  delete: {
    name: 'raised before the write, deleted on failure',
    isOwnOnly: false,
    calls: { begin: raisedFirst, confirm: undefined, release: (cached) => void (cached.watermark = 0) },
  },
} as const satisfies Record<string, Design>

/** Each loses something, or never ends. */
export const flawed = {
  busyAcks: { ...base, name: '`busy` acks', flaw: 'busy acks' },
  settleFirst: { ...base, name: 'acked before the commit', flaw: 'acks before the write' },
  errorIsSuccess: {
    ...base,
    name: 'a failed write counted as success',
    flaw: 'an error is a success',
  },
  losersEnd: {
    ...base,
    name: 'losers acked with a rejected winner',
    flaw: 'losers end with a rejected winner',
  },
  ackBeforeDeadLetter: {
    ...base,
    name: 'acked before the dead letter is stored',
    flaw: 'acks before the dead letter',
  },
  forgetsLosers: { ...base, name: 'losers of a refused winner are forgotten', flaw: 'forgets losers' },
  deadLettersNothing: { ...base, name: 'a refused row is tried for ever', flaw: 'dead-letters nothing' },
  deadLettersAnything: { ...base, name: 'dead-lettered at any failure', flaw: 'dead-letters what fails' },
  unguarded: { ...base, name: 'no guard in SQL', flaw: 'no guard in SQL' },
  noEpoch: { ...base, name: 'epoch ignored', flaw: 'no epoch' },
  confirmFirst: {
    ...base,
    name: 'confirmed at begin',
    calls: {
      ...scriptCalls,
      begin(cached, record, token, versions) {
        const said = scriptCalls.begin(cached, record, token, versions)
        if (said === 'fresh') raise(cached, record, versions)
        return said
      },
    },
  },
  versionAlone: {
    ...base,
    name: 'stale by equal version, whatever the content',
    calls: {
      ...scriptCalls,
      begin(cached, record, token, versions) {
        if (versionOf(versions, cached.watermark) >= versionOf(versions, record)) return 'stale'
        return scriptCalls.begin(cached, record, token, versions)
      },
    },
  },
} as const satisfies Record<string, Design>

/** Each looks dangerous and costs double writes only, since the table's guard has the last word. */
export const harmless = {
  overwriting: {
    ...base,
    name: 'confirm overwrites: no “watermark := max”',
    calls: {
      ...scriptCalls,
      confirm(cached, record, token, versions) {
        scriptCalls.confirm(cached, record, token, versions)
        cached.watermark = record
      },
    },
  },
  releasesOthers: {
    name: 'release and confirm end others’ claims: no token check',
    isOwnOnly: false,
    calls: {
      ...scriptCalls,
      confirm(cached, record, _, versions) {
        raise(cached, record, versions)
        endClaim(cached)
      },
      release: endClaim,
    },
  },
  ownIsBusy: {
    ...base,
    name: 'one’s own claim is busy, too',
    calls: {
      ...scriptCalls,
      begin(cached, record, token, versions) {
        const isOwn = cached.claimVersion > 0 && cached.claimToken === token
        if (isOwn && !coversBySameOrNewer(cached, record, versions)) return 'busy'
        return scriptCalls.begin(cached, record, token, versions)
      },
    },
  },
  takesAnyClaim: {
    ...base,
    name: 'begin takes every claim over: nothing is busy',
    calls: {
      ...scriptCalls,
      begin(cached, record, token, versions) {
        endClaim(cached)
        return scriptCalls.begin(cached, record, token, versions)
      },
    },
  },
  forgetsWatermark: {
    name: 'release deletes the watermark as well',
    isOwnOnly: false,
    calls: {
      ...scriptCalls,
      release(cached, read, token) {
        scriptCalls.release(cached, read, token)
        cached.watermark = 0
      },
    },
  },
} as const satisfies Record<string, Design>
