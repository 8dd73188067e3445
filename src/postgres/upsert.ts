import { hash } from 'node:crypto'
import pg from 'pg'
import { isCollated } from '#core/column-type.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { restOf, typeOf } from '#core/pipeline.ts'
import { asImage, givenRows, ordered, orderedSelection, selected } from './column-sql.ts'
import { durable } from './durable.ts'
import { quotedTable } from './identifier.ts'

/**
 * The name of a prepared statement: connections are shared, so two pipelines of one table that differ in their columns need
 * two, and PostgreSQL keeps 63 bytes of a name.
 */
export function statementName(what: string, text: string): string {
  return `${what}_${hash('sha256', text, 'hex').slice(0, 16)}`
}

export interface UpsertChanges {
  /** Writes only where this holds; it may not depend on the rows. */
  readonly condition?: string
  /** A setting that is local to the transaction, and one more for each row that is left as it stands. */
  readonly countKeptIn?: string
}

/**
 * The one statement that writes a batch, with one array parameter a column:
 *
 *   INSERT INTO t (…) SELECT … FROM unnest($1::…[], …) AS r(…) WHERE durable ORDER BY key
 *   ON CONFLICT (key) DO UPDATE SET … WHERE EXCLUDED is newer than t
 *
 * ORDER BY, because concurrent writers that lock rows in different orders deadlock even on uniform keys (measured
 * with 4 writers: 400–5,700 rows/s unsorted, 135,000–210,000 sorted). Text is ordered under COLLATE "C", as bytes,
 * both there and in the guard, so that the order does not depend on the database's locale and is the same as the
 * engine's. The guard is what makes every other part free to be late, repeated or wrong.
 *
 * A row that is not placed is locked all the same. Its lock makes the commit wait as if it had been written: the newer
 * row in the table, whichever process wrote it, is durable when this statement returns.
 */
export function upsertSql(table: PostgresTable, { condition, countKeptIn }: UpsertChanges = {}): string {
  const names = table.columns.map((column) => pg.escapeIdentifier(column.name))
  const isNewer = newerSql(table)
  return [
    `INSERT INTO ${quotedTable(table.name)} AS t (${names.join(', ')})`,
    `SELECT ${table.columns.map((column) => selected(column)).join(', ')}`,
    `FROM ${givenRows(table.columns)}`,
    `WHERE ${[durable, ...(condition === undefined ? [] : [condition])].join(' AND ')}`,
    `ORDER BY ${orderedSelection(table, table.key)}`,
    `ON CONFLICT (${table.key.map((column) => pg.escapeIdentifier(column)).join(', ')}) DO UPDATE`,
    `SET ${updatedColumns(table).join(', ')}`,
    `WHERE ${countKeptIn === undefined ? isNewer : `CASE WHEN ${isNewer} THEN true ELSE ${counted(countKeptIn)} END`}`,
  ].join('\n')
}

/**
 * Whether the given row is newer than the one that stands. NULL in a row that others have written is older than everything:
 * where one decides, the comparison is NULL.
 *
 * Between equal versions the other columns decide, by their stored bytes: no other order is known for every type. A row that
 * is marked as gone stays so, also when its guard is no longer there.
 */
function newerSql(table: PostgresTable): string {
  const [given, standing] = [ordered(table, 'EXCLUDED.', table.version), ordered(table, 't.', table.version)]
  const isNewer = `((${given}) > (${standing})) IS NOT FALSE`
  const rest = restOf(table)
  if (rest.length === 0) return isNewer
  const row = (prefix: string) =>
    `ROW(${rest.map(({ name }) => prefix + pg.escapeIdentifier(name)).join(', ')})`
  return `CASE WHEN (${given}) = (${standing}) THEN ${unmarked(table)}pg_catalog.record_image_gt(${row('EXCLUDED.')}, ${row('t.')}) ELSE ${isNewer} END`
}

/** A condition on a row that stands, where rows are marked. */
function unmarked({ deletes }: PostgresTable): string {
  return deletes?.column === undefined ? '' : `t.${pg.escapeIdentifier(deletes.column)} IS NULL AND `
}

function updatedColumns({ columns, key }: PostgresTable): string[] {
  return columns
    .filter((column) => !key.includes(column.name))
    .map((column) => `${pg.escapeIdentifier(column.name)} = EXCLUDED.${pg.escapeIdentifier(column.name)}`)
}

/** Never true. */
function counted(setting: string): string {
  return `set_config('${setting}', (current_setting('${setting}')::integer + 1)::text, true) IS NULL`
}

/**
 * How many of the rows that were given to the upsert the table lacks, as a relation of one row: `missing` have no row of
 * their key that is as new or newer by the numbers and times of the version alone, `lost` none by all that decides. The
 * difference is what a trigger may change: what it rewrites has another place in the order, a time has not.
 */
export function lookSql(table: PostgresTable): string {
  const lacking = (isKept: string) => `count(*) FILTER (WHERE NOT EXISTS (
    SELECT FROM ${quotedTable(table.name)} AS t
    WHERE ${table.key.map((column) => `t.${pg.escapeIdentifier(column)} = r.${pg.escapeIdentifier(column)}`).join(' AND ')}
      AND ${isKept}))::integer`
  const notOlder = (version: readonly string[]) =>
    `(${ordered(table, 't.', version)}) >= (${ordered(table, 'r.', version)})`
  const names = table.columns.map((column) => `${selected(column)} AS ${pg.escapeIdentifier(column.name)}`)
  return `SELECT ${lacking(notOlder(withoutText(table)))} AS missing, ${lacking(`${notOlder(table.version)}${tieLost(table)}`)} AS lost
FROM (SELECT ${names.join(', ')} FROM ${givenRows(table.columns)}) AS r`
}

/** A text stands last in a version. */
function withoutText({ version, columns }: PostgresTable): readonly string[] {
  const last = columns.find(({ name }) => name === version.at(-1))
  return last && isCollated(typeOf(last)) ? version.slice(0, -1) : version
}

function tieLost(table: PostgresTable): string {
  const rest = restOf(table)
  if (rest.length === 0) return ''
  const row = (prefix: string) =>
    `ROW(${rest.map((column) => asImage(column, prefix + pg.escapeIdentifier(column.name))).join(', ')})`
  const [standing, given] = [ordered(table, 't.', table.version), ordered(table, 'r.', table.version)]
  return ` AND ((${standing}) > (${given}) OR NOT (${unmarked(table)}pg_catalog.record_image_gt(${row('r.')}, ${row('t.')})))`
}
