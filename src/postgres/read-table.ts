import pg from 'pg'
import type { Column, PostgresTable, StoredRow } from '#core/pipeline.ts'
import type { PostgresOptions } from './pool.ts'
import { withTransaction } from './transaction.ts'

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
  const order = table.version.map((column) => `${pg.escapeIdentifier(column)} DESC`)
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
  return `SELECT ${columns.map(readable).join(', ')} FROM ${pg.escapeIdentifier(name)}`
}

/** How many rows a table has. */
export function countRows(options: PostgresOptions, table: string): Promise<number> {
  return withTransaction(options, async (client) => {
    const { rows } = await client.query(
      `SELECT count(*)::integer AS count FROM ${pg.escapeIdentifier(table)}`,
    )
    return rows[0].count
  })
}

function readable({ name, type }: Column): string {
  const column = pg.escapeIdentifier(name)
  if (type === 'inet') return `host(${column})`
  if (type === 'timestamptz') return `extract(epoch FROM ${column})::float8`
  // The table's own may be a bigint, which would be read as a text.
  if (type === 'integer') return `${column}::float8`
  return column
}
