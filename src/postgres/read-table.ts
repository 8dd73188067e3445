import pg from 'pg'
import type { Column, PostgresTable, StoredRow } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import type { PostgresOptions } from './pool.ts'
import { withTransaction } from './transaction.ts'
import { quotedTable } from './identifier.ts'

/** All rows of a table. */
export function readTable(options: PostgresOptions, table: PostgresTable): Promise<StoredRow[]> {
  return rowsOf(options, selectRows(table))
}

/** The rows of the greatest versions. It reads the whole table: no index is spent on it. */
export function readNewest(
  options: PostgresOptions,
  table: PostgresTable,
  limit: number,
): Promise<StoredRow[]> {
  return readGreatest(options, table, table.version, limit)
}

/** The rows that have the greatest values in these columns, likewise. */
export function readGreatest(
  options: PostgresOptions,
  table: PostgresTable,
  columns: readonly string[],
  limit: number,
): Promise<StoredRow[]> {
  // The table's own, not what they are read as.
  const order = columns.map((column) => `${quotedTable(table.name)}.${pg.escapeIdentifier(column)} DESC`)
  return rowsOf(options, `${selectRows(table)} ORDER BY ${order.join(', ')} LIMIT ${limit}`)
}

function rowsOf(options: PostgresOptions, text: string): Promise<StoredRow[]> {
  return withTransaction(options, async (client) => {
    const { rows } = await client.query<(string | number | null)[]>({ text, rowMode: 'array' })
    return rows
  })
}

/** Reads rows as {@link StoredRow} has them; to be asked with `rowMode: 'array'`. */
export function selectRows({ name, columns }: PostgresTable): string {
  return `SELECT ${columns.map(readable).join(', ')} FROM ${quotedTable(name)}`
}

/** How many rows a table has. */
export function countRows(options: PostgresOptions, table: string): Promise<number> {
  return withTransaction(options, async (client) => {
    const { rows } = await client.query(`SELECT count(*)::integer AS count FROM ${quotedTable(table)}`)
    return rows[0].count
  })
}

function readable(column: Column): string {
  const name = pg.escapeIdentifier(column.name)
  if (column.from === 'unix-seconds') return `extract(epoch FROM ${name})::float8`
  const { name: type, isArray } = typeOf(column)
  if (isArray) return `${name}::text`
  // A network keeps its prefix.
  if (type === 'inet')
    return `CASE masklen(${name}) WHEN CASE family(${name}) WHEN 4 THEN 32 ELSE 128 END THEN host(${name}) ELSE ${name}::text END`
  if (type === 'timestamptz') return `to_char(${name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
  // The table's own may be a bigint, which would be read as a text.
  if (type === 'integer' || type === 'smallint') return `${name}::float8`
  return `${name}::text`
}
