import type { CacheRecord } from '#core/cache.ts'
import type { Keyspace } from './encoding.ts'
import { watermarkLength, watermarkValue, watermarkValues } from './encoding.ts'

/** What Redis gets of some records, in their order. */
export interface Columns {
  /** The names of their watermarks. */
  readonly watermarks: readonly string[]
  /** The values of their watermarks, one after the other. */
  readonly values: string
}

/** The records of one batch as columns, which are made once, for begin and confirm, and only where Redis is asked. */
export class BatchColumns {
  readonly keyspace: Keyspace
  readonly token: string
  readonly #records: readonly CacheRecord[]
  #columns: Columns | undefined
  #valueOf: ReadonlyMap<CacheRecord, string> | undefined

  constructor(keyspace: Keyspace, token: string, records: readonly CacheRecord[]) {
    this.keyspace = keyspace
    this.token = token
    this.#records = records
  }

  /** Of the batch's records or some of them. */
  columnsOf(records: readonly CacheRecord[]): Columns {
    // Most batches are confirmed as they began: no record has to be looked up.
    if (records === this.#records)
      return (this.#columns ??= { watermarks: this.#namesOf(records), values: watermarkValues(records) })
    const known = (this.#valueOf ??= this.#valuesByRecord())
    const values = records.map((record) => known.get(record) ?? watermarkValue(record)).join('')
    return { watermarks: this.#namesOf(records), values }
  }

  /** A value has a fingerprint, which is by far the dearest part. */
  #valuesByRecord(): ReadonlyMap<CacheRecord, string> {
    const { values } = this.columnsOf(this.#records)
    const known = new Map<CacheRecord, string>()
    for (const [i, record] of this.#records.entries())
      known.set(record, values.slice(i * watermarkLength, (i + 1) * watermarkLength))
    return known
  }

  #namesOf(records: readonly CacheRecord[]): string[] {
    return records.map((record) => this.keyspace.watermark(record))
  }
}
