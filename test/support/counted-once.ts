import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Merge } from '#core/merge.ts'
import { Rejection } from '#core/rejection.ts'
import type { Sink, Stored } from '#core/sink.ts'
import { WriteFailure } from '#core/write-failure.ts'

/** Each row counts once, by what it is of which message: of sums and logs. */
export function byIdentity<R>(): Merge<R> {
  return {
    recordOf: (row, { messageId }, index) => ({
      key: `${messageId} ${index}`,
      version: 0n,
      content: '',
      row,
      bytes: 50,
    }),
    compare: () => 0,
  }
}

export interface Increment {
  readonly key: string
  readonly by: bigint
}

/** `key amount`, or several with a semicolon between them. */
export function decodeIncrements({ data }: Delivery): (Increment | Rejection)[] {
  return data
    .toString()
    .split(';')
    .map((text) => {
      const [, key, by] = /^(\S+) (-?\d+)$/.exec(text) ?? []
      return key === undefined || by === undefined
        ? new Rejection('malformed', 'not a key and a number')
        : { key, by: BigInt(by) }
    })
}

/** Exact sums in memory: an identity counts once, whichever batch or process brings it again. */
export class Sums implements Sink<Increment> {
  readonly values = new Map<string, bigint>()
  readonly #applied = new Set<string>()
  readonly #limit: bigint

  constructor(limit = 2n ** 63n) {
    this.#limit = limit
  }

  async write(records: readonly KeyedRecord<Increment>[]): Promise<Stored> {
    const fresh = records.filter(({ key }) => !this.#applied.has(key))
    const sums = new Map(this.values)
    for (const { row } of fresh) sums.set(row.key, (sums.get(row.key) ?? 0n) + row.by)
    if ([...sums.values()].some((value) => value >= this.#limit))
      throw new WriteFailure('bad-row', 'bigint out of range', '22003', { ownFault: true })
    for (const [key, value] of sums) this.values.set(key, value)
    for (const { key } of fresh) this.#applied.add(key)
    return { written: fresh.length, duplicates: others(records, fresh) }
  }
}

/** A log in memory: one row a record. */
export class Log<R> implements Sink<R> {
  readonly rows = new Map<string, R>()

  async write(records: readonly KeyedRecord<R>[]): Promise<Stored> {
    const fresh = records.filter(({ key }) => !this.rows.has(key))
    for (const { key, row } of fresh) this.rows.set(key, row)
    return { written: fresh.length, duplicates: others(records, fresh) }
  }
}

/** The places of those that are not among `some`. */
function others<R>(all: readonly KeyedRecord<R>[], some: readonly KeyedRecord<R>[]): number[] {
  return [...all.keys()].filter((at) => !some.includes(all[at] as KeyedRecord<R>))
}
