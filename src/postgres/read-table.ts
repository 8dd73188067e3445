import pg from 'pg'
import type { Column, PostgresTable } from '#core/pipeline.ts'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'

/** All rows of a table, in its columns' order: addresses without prefix length, times in whole Unix seconds. */
export async function readTable(
  options: PostgresOptions,
  table: PostgresTable,
): Promise<(string | number | null)[][]> {
  const columns = table.columns.map(readable).join(', ')
  const text = `SELECT ${columns} FROM ${pg.escapeIdentifier(table.name)}`
  return withConnection(options, async (client) => {
    const { rows } = await client.query<(string | number | null)[]>({ text, rowMode: 'array' })
    return rows
  })
}

/** How many rows a table has. */
export function countRows(options: PostgresOptions, table: string): Promise<number> {
  return withConnection(options, async (client) => {
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
  return column
}
