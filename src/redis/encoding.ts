import { createHash, hash } from 'node:crypto'
import type { CacheRecord } from '#core/cache.ts'

/** Raised when the format of keys or values changes: old ones are then ignored. */
const format = 2

const versionDigits = 19
/** 132 bits. */
const fingerprintLength = 22
/** Of a watermark's value. */
export const watermarkLength = versionDigits + 1 + fingerprintLength

const zero = 0x30
const colon = 0x3a

/**
 * The values of some records' watermarks, one after the other: each the record's version in 19 digits, so that text sorts
 * as numbers do, a colon, and a fingerprint of its content. A collision of two contents would lose a record, and contents
 * are untrusted input: so the fingerprint is a cryptographic hash. (A collision of xxHash64 is found in a second; SHA-256
 * takes no longer to compute, 0.5 µs.)
 *
 * Written as bytes, a value leaves 130 bytes of garbage; as texts that were joined it left 310.
 */
export function watermarkValues(records: readonly CacheRecord[]): string {
  const bytes = Buffer.allocUnsafe(records.length * watermarkLength)
  let at = 0
  for (const { version, content } of records) {
    writeVersion(bytes, at, version)
    bytes[at + versionDigits] = colon
    bytes.write(hash('sha256', content, 'base64url'), at + versionDigits + 1, fingerprintLength, 'latin1')
    at += watermarkLength
  }
  return bytes.toString('latin1')
}

export function watermarkValue(record: CacheRecord): string {
  return watermarkValues([record])
}

function writeVersion(bytes: Buffer, at: number, version: bigint): void {
  if (version > Number.MAX_SAFE_INTEGER) {
    bytes.write(String(version).padStart(versionDigits, '0'), at, 'latin1')
    return
  }
  let left = Number(version)
  for (let i = at + versionDigits - 1; i >= at; i--) {
    const tens = Math.floor(left / 10)
    bytes[i] = zero + (left - 10 * tens)
    left = tens
  }
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
