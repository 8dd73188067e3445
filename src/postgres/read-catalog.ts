import type { CatalogTable } from '#core/catalog.ts'
import { tableName } from '#core/table-name.ts'
import { quotedTable } from './identifier.ts'
import type { Queryable } from './queryable.ts'

/** A table, view or the like of that name, which the role may look up; that which the search path finds, without a schema. */
const named = `
  SELECT c.oid, c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_schema_privilege(n.oid, 'USAGE')
    AND CASE WHEN $1::text IS NULL THEN pg_table_is_visible(c.oid) ELSE n.nspname = $1 END`

/**
 * What can be said about types is that of `format_type`, as `fits` of `table-shape.ts` compares it. A domain may refuse NULL or have a
 * default in its column's place.
 */
const catalogSql = `
SELECT json_build_object(
  'kind', c.relkind,
  'columns', ARRAY(
    SELECT json_strip_nulls(json_build_object(
             'name', a.attname,
             'type', format_type(a.atttypid, a.atttypmod),
             'domainOf', CASE y.typtype WHEN 'd' THEN (
               WITH RECURSIVE restricted AS (
                 SELECT y.typbasetype AS oid, y.typtypmod AS typmod
                 UNION ALL SELECT t.typbasetype, t.typtypmod FROM restricted AS r JOIN pg_type AS t ON t.oid = r.oid
                 WHERE t.typtype = 'd')
               SELECT format_type(r.oid, r.typmod) FROM restricted AS r JOIN pg_type AS t ON t.oid = r.oid
               WHERE t.typtype <> 'd') END,
             'isNullable', NOT (a.attnotnull OR y.typnotnull),
             'hasDefault', a.atthasdef OR a.attidentity <> '' OR y.typdefault IS NOT NULL,
             'generated', CASE WHEN a.attgenerated <> '' THEN 'expression' WHEN a.attidentity = 'a' THEN 'identity' ELSE 'never' END))
    FROM pg_attribute AS a JOIN pg_type AS y ON y.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum),
  'keys', ARRAY(
    SELECT json_build_object(
             'columns', ARRAY(SELECT a.attname FROM unnest(x.indkey) WITH ORDINALITY AS n(attnum, at)
                              JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = n.attnum
                              WHERE n.at <= x.indnkeyatts ORDER BY n.at),
             'isPrimary', x.indisprimary)
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
    WHERE x.indrelid = c.oid AND x.indisunique AND x.indimmediate AND x.indisvalid AND NOT x.indisexclusion
      AND x.indpred IS NULL AND x.indexprs IS NULL
    ORDER BY x.indisprimary DESC, x.indnkeyatts, i.relname)
)::text AS catalog
FROM (${named}) AS c`

/**
 * Undefined where there is no such table, or the role lacks USAGE on its schema.
 *
 * @param table as `table-name.ts` reads it
 * @throws whatever the connection throws
 */
export async function readCatalog(connection: Queryable, table: string): Promise<CatalogTable | undefined> {
  const { schema = null, table: name } = tableName(table) ?? { table }
  const { rows } = await connection.query<{ catalog: string }>(catalogSql, [schema, name])
  return rows[0] && (JSON.parse(rows[0].catalog) as CatalogTable)
}

/** What tells tables from each other, whatever names they are called by; null where there is none. */
export async function tableOids(
  connection: Queryable,
  tables: readonly string[],
): Promise<readonly (string | null)[]> {
  const { rows } = await connection.query<{ oid: string | null }>(
    'SELECT to_regclass(name)::oid::text AS oid FROM unnest($1::text[]) WITH ORDINALITY AS t(name, n) ORDER BY n',
    [tables.map(quotedTable)],
  )
  return rows.map(({ oid }) => oid)
}

/** Tables of that name in any schema, in upper or lower case: what was probably meant where there is none. */
export async function tablesLike(connection: Queryable, table: string): Promise<readonly string[]> {
  const { table: name } = tableName(table) ?? { table }
  const { rows } = await connection.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE lower(c.relname) = lower($1) AND c.relkind IN ('r', 'p') AND has_schema_privilege(n.oid, 'USAGE')
       AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
     ORDER BY 1, 2 LIMIT 3`,
    [name],
  )
  return rows.map((row) => `${asPart(row.schema)}.${asPart(row.name)}`)
}

/** Part of a table's name, as `table-name.ts` reads it. */
function asPart(name: string): string {
  return /[".]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name
}
