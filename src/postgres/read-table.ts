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

function readable({ name, type }: Column): string {
  const column = pg.escapeIdentifier(name)
  if (type === 'inet') return `host(${column})`
  if (type === 'timestamptz') return `extract(epoch FROM ${column})::float8`
  return column
}
