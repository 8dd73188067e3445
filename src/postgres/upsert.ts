import pg from 'pg'
import type { Column, PostgresTable } from '#core/pipeline.ts'
import { durable } from './durable.ts'

/**
 * The one statement that writes a batch, with one array parameter a column:
 *
 *   INSERT INTO t (…) SELECT … FROM unnest($1::…[], …) AS r(…) WHERE durable ORDER BY key
 *   ON CONFLICT (key) DO UPDATE SET … WHERE (EXCLUDED.version) > (t.version)
 *
 * ORDER BY, because concurrent writers that lock rows in different orders deadlock even on uniform keys (measured
 * with 4 writers: 400–5,700 rows/s unsorted, 135,000–210,000 sorted). Text is ordered under COLLATE "C", as bytes,
 * both there and in the guard, so that the order does not depend on the database's locale and is the same as the
 * engine's. The guard is what makes every other part free to be late, repeated or wrong.
 *
 * A row that is not placed is locked all the same. Its lock makes the commit wait as if it had been written: whatever
 * newer row stands there, whoever wrote it, is durable when this statement says so.
 */
export function upsertSql(table: PostgresTable): string {
  const name = pg.escapeIdentifier(table.name)
  const names = table.columns.map((column) => pg.escapeIdentifier(column.name))
  const columnOf = (columnName: string) => columnNamed(table, columnName)
  const ordered = (prefix: string, columns: readonly string[]) =>
    columns
      .map((column) => `${prefix}${pg.escapeIdentifier(column)}${collation(columnOf(column))}`)
      .join(', ')
  const updated = table.columns
    .filter((column) => !table.key.includes(column.name))
    .map((column) => `${pg.escapeIdentifier(column.name)} = EXCLUDED.${pg.escapeIdentifier(column.name)}`)

  return [
    `INSERT INTO ${name} AS t (${names.join(', ')})`,
    `SELECT ${table.columns.map(selected).join(', ')}`,
    `FROM unnest(${table.columns.map(parameter).join(', ')}) AS r(${names.join(', ')})`,
    `WHERE ${durable}`,
    `ORDER BY ${ordered('r.', table.key)}`,
    `ON CONFLICT (${table.key.map((column) => pg.escapeIdentifier(column)).join(', ')}) DO UPDATE`,
    `SET ${updated.join(', ')}`,
    `WHERE (${ordered('EXCLUDED.', table.version)}) > (${ordered('t.', table.version)})`,
  ].join('\n')
}

function columnNamed(table: PostgresTable, name: string): Column {
  const column = table.columns.find((one) => one.name === name)
  if (!column)
    throw new Error(`table ${table.name}: key or version names the column ${name}, which it does not have`)
  return column
}

function selected(column: Column): string {
  const name = `r.${pg.escapeIdentifier(column.name)}`
  return column.from === 'unix-seconds' ? `to_timestamp(${name})` : name
}

function parameter(column: Column, index: number): string {
  return `$${index + 1}::${column.from === 'unix-seconds' ? 'bigint' : column.type}[]`
}

function collation(column: Column): string {
  return column.type === 'text' ? ' COLLATE "C"' : ''
}
