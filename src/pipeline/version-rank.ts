import type { Column } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import { microsOfTimestamptz } from './values/times.ts'

const integers: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint'])

/** Whether numbers or times of the column can be ordered here as in the database. */
export function hasRank(column: Pick<Column, 'name' | 'type'>): boolean {
  const { name, isArray } = typeOf(column)
  return !isArray && (integers.has(name) || name === 'timestamptz')
}

/**
 * A column's place in the order of versions: integers as they are, times in microseconds since 1970, or in the seconds that
 * they come in.
 *
 * @throws TypeError where the row has none: the decoder is wrong
 */
export function rankReader<R>(column: Column<R>): (row: R) => bigint {
  const isTime = typeOf(column).name === 'timestamptz' && column.from === undefined
  return (row) => {
    const value = column.of(row)
    if (typeof value === 'bigint') return value
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
    if (typeof value === 'string') return isTime ? unixMicros(value) : BigInt(value)
    throw new TypeError(`${column.name} is ${value}, and part of the version`)
  }
}

/** The same, but for times in microseconds wherever they come from: what is remembered outlives a pipeline's definition. */
export function guardRankReader<R>(column: Column<R>): (row: R) => bigint {
  const rankOf = rankReader(column)
  return column.from === 'unix-seconds' ? (row) => rankOf(row) * 1_000_000n : rankOf
}

/** A time as a version is no later: its microseconds are a bigint of PostgreSQL. */
export const latestVersionMicros = 2n ** 63n - 1n

const microsTo2000 = 946_684_800_000_000n

/** Of an encoded timestamptz. */
export function unixMicros(encoded: string): bigint {
  return microsOfTimestamptz(encoded) + microsTo2000
}
