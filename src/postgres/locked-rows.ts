import pg from 'pg'
import type { PostgresTable } from '#core/pipeline.ts'
import { columnNamed } from '#core/pipeline.ts'
import { parameter, selected } from './column-sql.ts'
import { quotedTable } from './identifier.ts'

/**
 * Which of some keys another transaction holds: those that are there and that a lock passes over. One array parameter a
 * key column, in the key's order; each row of the answer is a position, from 1.
 *
 * The lock is the one that the upsert takes: it goes with the locks of foreign keys that refer to the row.
 */
export function lockedRowsSql(sink: PostgresTable): string {
  const table = quotedTable(sink.name)
  const columns = sink.key.map((name) => columnNamed(sink, name))
  const names = columns.map(({ name }) => pg.escapeIdentifier(name)).join(', ')
  const values = columns.map((column) => `${selected(column)} AS ${pg.escapeIdentifier(column.name)}`)
  // A user's table or column may have any name, and names of the query's own would hide it.
  return [
    `WITH "ingester wanted" AS MATERIALIZED (`,
    `  SELECT ${values.join(', ')}, r."ingester position"`,
    `  FROM unnest(${columns.map(parameter).join(', ')}) WITH ORDINALITY AS r(${names}, "ingester position")),`,
    `"ingester free" AS MATERIALIZED (`,
    `  SELECT w."ingester position" FROM "ingester wanted" AS w JOIN ${table} AS t USING (${names})`,
    `  FOR NO KEY UPDATE OF t SKIP LOCKED)`,
    `SELECT w."ingester position"::integer FROM "ingester wanted" AS w JOIN ${table} AS t USING (${names})`,
    `WHERE w."ingester position" NOT IN (SELECT "ingester position" FROM "ingester free")`,
  ].join('\n')
}
