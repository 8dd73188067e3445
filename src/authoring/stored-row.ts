import type { Column, PostgresTable, Scalar } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import { timestampText } from '#pipeline/values/times.ts'

/** Values by the names of their columns. */
export type StoredValues = Readonly<Record<string, string | number | boolean | null>>

/** What a row puts into the table. Integers that a number cannot hold are texts of their digits. */
export function storedRow(table: PostgresTable, row: unknown): StoredValues {
  return valuesOf(table.columns, row)
}

/** What a deletion needs of its message: which row, how new it is, and what marks it. */
export function storedDeletion(
  { columns, key, version, deletes }: PostgresTable,
  row: unknown,
): StoredValues {
  const needed = new Set([...key, ...version, deletes?.column])
  return valuesOf(
    columns.filter(({ name }) => needed.has(name)),
    row,
  )
}

/** What a record adds to the sums of its key. */
export interface Addition {
  readonly key: StoredValues
  readonly by: StoredValues
}

export function addition({ columns, key }: PostgresTable, row: unknown): Addition {
  const isKey = ({ name }: Column) => key.includes(name)
  return {
    key: valuesOf(columns.filter(isKey), row),
    by: valuesOf(
      columns.filter((column) => !isKey(column)),
      row,
    ),
  }
}

function valuesOf(columns: readonly Column[], row: unknown): StoredValues {
  return Object.fromEntries(columns.map((column) => [column.name, stored(column, column.of(row))]))
}

function stored(column: Column, value: Scalar): StoredValues[string] {
  if (value === null) return null
  if (column.from !== undefined)
    return timeText(BigInt(value) * (column.from === 'unix-seconds' ? micros : 1n))
  if (typeof value === 'bigint') return String(value)
  const { name, isArray } = typeOf(column)
  return name === 'boolean' && !isArray ? value === 'true' : value
}

const micros = 1_000_000n

/** A time before the year 1 has no such text. */
function timeText(sinceEpoch: bigint): string {
  const text = timestampText(sinceEpoch)
  return text === undefined ? `${sinceEpoch} µs since 1970` : `${text}Z`
}
