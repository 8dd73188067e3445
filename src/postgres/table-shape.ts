import pg from 'pg'
import { typeOf } from '#core/pipeline.ts'
import type { NeededTable } from './needed-tables.ts'
import { arrayLiteral } from './array-literal.ts'
import { bareType } from './column-sql.ts'
import type { Queryable } from './queryable.ts'
import { quotedTable } from './identifier.ts'

/**
 * The part of a table's catalog entries that decides whether a write is kept: how each column stores its values, what
 * identifies a row, what survives a crash, and what may discard rows.
 */
export interface TableShape {
  readonly encoding: string
  /** Of transactions that do not say. */
  readonly isolation: string
  /** `r`: a plain table; `p`: partitioned; `v`: a view; … */
  readonly kind: string
  /** `p`: it survives a crash; `u`: unlogged; `t`: temporary. */
  readonly persistence: string
  /** Those that a crash empties, or that are no plain tables. Qualified and quoted. */
  readonly unfitPartitions: readonly string[]
  /** Those of the needed columns that exist. */
  readonly columns: Readonly<Record<string, ColumnShape>>
  /** Others that are NOT NULL and have no default: no row that lacks them is taken. */
  readonly mandatory: readonly string[]
  /** Unique indexes that `ON CONFLICT` takes for the key, all of them. */
  readonly keys: readonly KeyShape[]
  /** Enabled ones that fire on INSERT or UPDATE, or on a DELETE of ours, also of partitions. */
  readonly triggers: readonly string[]
  /** On the same. */
  readonly rules: readonly RuleShape[]
}

export interface ColumnShape {
  readonly type: string
  /** Whether it is exactly of the type that is needed, modifiers and all. */
  readonly fits: boolean
  /** `s`, `v`: generated from other columns, stored or virtual; `a`: GENERATED ALWAYS AS IDENTITY; else empty. */
  readonly generated: string
  /** An enum, or a domain over texts of any length: two of its values are the same exactly where their texts are. */
  readonly isText: boolean
}

export interface KeyShape {
  /** Quoted; of its constraint, too, where it has one. */
  readonly name: string
  /** `ON CONFLICT` cannot use one that is checked only at the commit. */
  readonly immediate: boolean
  /** Whether it distinguishes all texts that differ. */
  readonly deterministic: boolean
}

export interface RuleShape {
  readonly name: string
  /** It discards what is inserted. Others make the upsert impossible. */
  readonly discards: boolean
}

/**
 * The shape of a table as JSON text, as a scalar subquery; NULL where it does not exist. As text two shapes are the same
 * if and only if they are equal, so a statement can say for itself whether the table is the one that was examined.
 */
export function shapeSql({ name, columns, key, deletes = false }: NeededTable): string {
  const names = pg.escapeLiteral(arrayLiteral(Object.keys(columns)))
  const wanted = Object.entries(columns).map(([column, type]) => typeOf({ name: column, type }))
  const types = pg.escapeLiteral(arrayLiteral(wanted.map(bareType)))
  const modifiers = pg.escapeLiteral(arrayLiteral(wanted.map((type) => type.modifiers.join(','))))
  const sortedKey = pg.escapeLiteral(arrayLiteral([...key].sort()))
  return `(
  SELECT json_build_object(
    'encoding', current_setting('server_encoding'),
    'isolation', current_setting('default_transaction_isolation'),
    'kind', c.relkind,
    'persistence', c.relpersistence,
    'unfitPartitions', CASE WHEN c.relkind = 'p' THEN ARRAY(
      SELECT p.oid::regclass::text FROM pg_class AS p
      WHERE p.oid = ANY (tree.oids) AND p.relkind <> 'p' AND (p.relkind <> 'r' OR p.relpersistence <> 'p')
      ORDER BY p.oid) ELSE '{}' END,
    'columns', coalesce((
      SELECT json_object_agg(a.attname, json_build_object(
               'type', format_type(a.atttypid, a.atttypmod),
               'fits', a.atttypid = to_regtype(w.type)
                       AND CASE WHEN a.atttypmod = -1 THEN w.modifiers = '' ELSE w.modifiers =
                         coalesce(substring(format_type(a.atttypid, a.atttypmod) FROM '[(]([-0-9,]+)[)]'), '') END,
               'isText', y.typtype = 'e' OR y.typtype = 'd' AND y.typtypmod = -1 AND y.typbasetype IN ('text'::regtype, 'varchar'::regtype),
               'generated', CASE a.attidentity WHEN 'a' THEN 'a' ELSE a.attgenerated END) ORDER BY a.attnum)
      FROM pg_attribute AS a
      JOIN unnest(${names}::text[], ${types}::text[], ${modifiers}::text[]) AS w(name, type, modifiers)
        ON w.name = a.attname
      JOIN pg_type AS y ON y.oid = a.atttypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{}'::json),
    'mandatory', ARRAY(
      SELECT a.attname::text FROM pg_attribute AS a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attname <> ALL (${names}::text[])
      ORDER BY a.attnum),
    'keys', ARRAY(
      SELECT json_build_object(
               'name', quote_ident(i.relname), 'immediate', x.indimmediate,
               'deterministic', NOT EXISTS (SELECT FROM pg_collation AS o
                                            WHERE o.oid = ANY (x.indcollation) AND NOT o.collisdeterministic))
      FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
      WHERE x.indrelid = c.oid AND x.indisunique AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL
        AND ARRAY(SELECT a.attname::text COLLATE "C" FROM unnest(x.indkey) WITH ORDINALITY AS n(attnum, at)
                  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = n.attnum
                  WHERE n.at <= x.indnkeyatts ORDER BY 1) = ${sortedKey}::text[]
      ORDER BY x.indexrelid),
    'triggers', ARRAY(
      SELECT DISTINCT quote_ident(t.tgname) FROM pg_trigger AS t
      WHERE t.tgrelid = ANY (tree.oids) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & ${deletes ? 28 : 20} <> 0
      ORDER BY 1),
    'rules', ARRAY(
      SELECT json_build_object('name', quote_ident(r.rulename), 'discards',
                               r.ev_type = '3' AND pg_get_ruledef(r.oid) LIKE '%DO INSTEAD NOTHING;')
      FROM pg_rewrite AS r WHERE r.ev_class = c.oid AND r.ev_type IN (${deletes ? `'2', '3', '4'` : `'2', '3'`}) ORDER BY r.oid)
  )::text
  FROM pg_class AS c,
       LATERAL (SELECT CASE WHEN c.relkind = 'p' THEN ARRAY(SELECT relid::oid FROM pg_partition_tree(c.oid))
                            ELSE ARRAY[c.oid] END AS oids) AS tree
  WHERE c.oid = to_regclass(${pg.escapeLiteral(quotedTable(name))}))`
}

/**
 * Undefined where the table does not exist.
 *
 * @throws whatever the connection throws
 */
export async function readShape(connection: Queryable, needed: NeededTable): Promise<TableShape | undefined> {
  const { rows } = await connection.query<{ shape: string | null }>(`SELECT ${shapeSql(needed)} AS shape`)
  const text = rows[0]?.shape ?? null
  return text === null ? undefined : parseShape(text)
}

export function parseShape(text: string): TableShape {
  return JSON.parse(text) as TableShape
}
