import pg from 'pg'
import type { Column, PostgresTable } from '#core/pipeline.ts'
import { columnNamed } from '#core/pipeline.ts'
import { asImage, givenRows, ordered, parameter, selected } from './column-sql.ts'
import { quotedTable } from './identifier.ts'

/** The columns that a deletion has: key, version and, where rows are only marked, the mark. One array parameter each. */
export function deletionColumns<R>(table: PostgresTable<R>): readonly Column<R>[] {
  const { key, version, deletes } = table
  const mark = deletes?.column === undefined ? [] : [deletes.column]
  return [...key, ...version, ...mark].map((name) => columnNamed(table, name))
}

/**
 * Deletes the rows that are not newer than their deletions, or marks them. NULL in the version of a row that others have
 * written is older than everything.
 */
export function deleteRowsSql(table: PostgresTable): string {
  const target = quotedTable(table.name)
  const isOld = `${sameKey(table)} AND ((${ordered(table, 'r.', table.version)}) >= (${ordered(table, 't.', table.version)})) IS NOT FALSE`
  const mark = table.deletes?.column
  if (mark === undefined) return `DELETE FROM ${target} AS t USING ${given(table)} WHERE ${isOld}`
  const set = [...table.version, mark].map(
    (name) => `${pg.escapeIdentifier(name)} = r.${pg.escapeIdentifier(name)}`,
  )
  const column = columnNamed(table, mark)
  const [marked, standing] = ['r.', 't.'].map((prefix) => asImage(column, prefix + pg.escapeIdentifier(mark)))
  // Of two deletions of one version, the stored bytes of the marks decide.
  const isMarked = `(${ordered(table, 'r.', table.version)}) = (${ordered(table, 't.', table.version)}) AND t.${pg.escapeIdentifier(mark)} IS NOT NULL`
  const isOther = `CASE WHEN ${isMarked} THEN pg_catalog.record_image_gt(ROW(${marked}), ROW(${standing})) ELSE true END`
  return `UPDATE ${target} AS t SET ${set.join(', ')} FROM ${given(table)} WHERE ${isOld} AND ${isOther}`
}

/**
 * How many of the deletions have not had their effect, because of a trigger, a rule or a policy: their rows stand there as
 * they were.
 */
export function undeletedSql(table: PostgresTable): string {
  const [deleted, standing] = [ordered(table, 'r.', table.version), ordered(table, 't.', table.version)]
  // A marked row has the version of its deletion.
  const mark = table.deletes?.column
  const isLeft =
    mark === undefined
      ? `((${deleted}) >= (${standing})) IS NOT FALSE`
      : `(((${deleted}) > (${standing})) IS NOT FALSE OR (${deleted}) = (${standing}) AND t.${pg.escapeIdentifier(mark)} IS NULL)`
  return `SELECT count(*)::integer AS left FROM ${quotedTable(table.name)} AS t JOIN ${given(table)} ON ${sameKey(table)} AND ${isLeft}`
}

/**
 * Those of some keys that have no row, of messages from beyond the horizon. One array parameter a key column, then when the
 * messages were published, in Unix ms, and the horizon; each row of the answer is a position, from 0.
 */
export function expiredRowsSql(table: PostgresTable): string {
  const columns = table.key.map((name) => columnNamed(table, name))
  const names = columns.map(({ name }) => pg.escapeIdentifier(name)).join(', ')
  const condition = columns
    .map((column) => `t.${pg.escapeIdentifier(column.name)} = ${selected(column)}`)
    .join(' AND ')
  const arrays = [...columns.map(parameter), `$${columns.length + 1}::float8[]`].join(', ')
  // A look-up for each: a join might read the whole table.
  return `SELECT r."ingester position"::integer - 1 AS at
FROM unnest(${arrays}) WITH ORDINALITY AS r(${names}, "ingester published", "ingester position")
WHERE to_timestamp(r."ingester published" / 1000) < now() - $${columns.length + 2}::interval
  AND (SELECT true FROM ${quotedTable(table.name)} AS t WHERE ${condition}) IS NULL`
}

function given(table: PostgresTable): string {
  const columns = deletionColumns(table)
  const values = columns.map((column) => `${selected(column)} AS ${pg.escapeIdentifier(column.name)}`)
  return `(SELECT ${values.join(', ')} FROM ${givenRows(columns)}) AS r`
}

function sameKey({ key }: PostgresTable): string {
  return key.map((name) => `t.${pg.escapeIdentifier(name)} = r.${pg.escapeIdentifier(name)}`).join(' AND ')
}
