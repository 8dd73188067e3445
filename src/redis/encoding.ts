import { createHash, hash } from 'node:crypto'
import type { CacheRecord } from '#core/cache.ts'

/** Raised when the format of keys or values changes: old ones are then ignored. */
const format = 2

const versionDigits = 19
/** By length. `padStart` leaves four times the garbage. */
const zeros = Array.from({ length: versionDigits + 1 }, (_, length) => '0'.repeat(length))

/** 132 bits. */
const fingerprintLength = 22

/**
 * A watermark's value for a record: its version in 19 digits, so that text sorts as numbers do, and a fingerprint of its
 * content. A collision of two contents would lose a record, and contents are untrusted input: so the fingerprint is a
 * cryptographic hash. (A collision of xxHash64 is found in a second; SHA-256 takes no longer to compute, 0.5 µs.)
 */
export function watermarkValue({ version, content }: CacheRecord): string {
  const digits = version.toString()
  const fingerprint = hash('sha256', content, 'base64url').slice(0, fingerprintLength)
  return `${zeros[versionDigits - digits.length]}${digits}:${fingerprint}`
}

/** The version in a watermark; undefined where the value is not one of ours. */
export function versionInWatermark(mark: string): bigint | undefined {
  return asVersion(/^(\d{19}):[\w-]{22}$/.exec(mark))
}

/** The version in a claim, `19 digits|token`; undefined where the value is not one of ours. */
export function versionInClaim(claim: string): bigint | undefined {
  return asVersion(/^(\d{19})\|/.exec(claim))
}

function asVersion(match: RegExpExecArray | null): bigint | undefined {
  return match?.[1] === undefined ? undefined : BigInt(match[1])
}

/**
 * The names of a pipeline's keys for one epoch of its table: `ingester:{scans:0123456789abcdef}:w:<record key>` for a
 * watermark, `:c:` for a claim. Braces make all of them one slot of a cluster, since a script's keys must be of one.
 * What stands before the record's key has no part that could swallow its neighbour, so no two names are the same.
 */
export class Keyspace {
  readonly epoch: string
  readonly #watermarks: string
  readonly #claims: string

  constructor(pipeline: { readonly name: string; readonly format: number }, epoch: string) {
    this.epoch = epoch
    const state = createHash('sha256')
      .update(JSON.stringify([format, pipeline.format, epoch]))
      .digest('hex')
    const prefix = `ingester:{${encodeURIComponent(pipeline.name)}:${state.slice(0, 16)}}`
    this.#watermarks = `${prefix}:w:`
    this.#claims = `${prefix}:c:`
  }

  watermark({ key }: Pick<CacheRecord, 'key'>): string {
    return this.#watermarks + key
  }

  claim({ key }: Pick<CacheRecord, 'key'>): string {
    return this.#claims + key
  }
}
