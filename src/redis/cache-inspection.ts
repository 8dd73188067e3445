import { RedisConnection } from './connection.ts'
import type { RedisOptions } from './connection.ts'
import { Keyspace, watermarkValue, versionInClaim, versionInWatermark } from './encoding.ts'
import type { CacheRecord } from '#core/cache.ts'
import { claimLeaseMs } from '#core/cache.ts'

/** What Redis holds about one record. */
export interface CacheInspection {
  /** Undefined: there is none; `strange`: an unrecognized value, which is ignored. */
  readonly watermark: Watermark | 'strange' | undefined
  readonly claim: Claim | undefined
}

export interface Watermark {
  readonly version: bigint
  /** Whether it is the one of just this record: version and content. */
  isOf(record: CacheRecord): boolean
}

export interface Claim {
  readonly version: bigint
  /** When it was made or last renewed, and when it expires: ms from now, the first one negative. */
  readonly madeInMs: number
  readonly endsInMs: number
}

/**
 * Only reads. Takes a second or two at most.
 *
 * @param epoch of the table that the watermark is about
 * @throws RedisFailure
 */
export async function inspectKey(
  options: RedisOptions,
  pipeline: { readonly name: string; readonly format: number },
  epoch: string,
  record: Pick<CacheRecord, 'key'>,
): Promise<CacheInspection> {
  const keyspace = new Keyspace(pipeline, epoch)
  const claimKey = keyspace.claim(record)
  const connection = new RedisConnection(options)
  try {
    await connection.firstAttempt()
    if (connection.unavailableReason) throw connection.unavailableReason
    const [stored, leaseMs] = await Promise.all([
      connection.read('MGET', [keyspace.watermark(record), claimKey]),
      connection.read('PTTL', [claimKey]),
    ])
    const [mark, claim] = stored as (string | null)[]
    return { watermark: watermarkOf(mark), claim: claimOf(claim, Number(leaseMs)) }
  } finally {
    connection.close()
  }
}

function watermarkOf(mark: string | null | undefined): CacheInspection['watermark'] {
  if (mark == null) return undefined
  const version = versionInWatermark(mark)
  return version === undefined ? 'strange' : { version, isOf: (record) => watermarkValue(record) === mark }
}

/** One that has just ended, or that has no end and so is not ours, is none. */
function claimOf(claim: string | null | undefined, leaseMs: number): Claim | undefined {
  const version = claim == null ? undefined : versionInClaim(claim)
  if (version === undefined || leaseMs <= 0) return undefined
  return { version, madeInMs: leaseMs - claimLeaseMs, endsInMs: leaseMs }
}
