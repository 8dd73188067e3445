import pg from 'pg'
import { tableName } from '#core/table-name.ts'

/**
 * A name as it is written in statements that are shown to people: in quotes only where it needs them. (The server's
 * `quote_ident` quotes some more.) Statements that are run quote every name.
 */
export function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !reserved.has(name) ? name : pg.escapeIdentifier(name)
}

/** A table's name as it is written in statements that are shown, its schema before it. */
export function tableIdentifier(name: string): string {
  return partsOf(name).map(identifier).join('.')
}

/** A table's name in statements that are run. */
export function quotedTable(name: string): string {
  return partsOf(name)
    .map((part) => pg.escapeIdentifier(part))
    .join('.')
}

/** The name without its schema, as the server's errors have it. */
export function bareName(name: string): string {
  return tableName(name)?.table ?? name
}

function partsOf(name: string): readonly string[] {
  const { schema, table } = tableName(name) ?? { table: name }
  return schema === undefined ? [table] : [schema, table]
}

/**
 * Words that no table, column or role can be named without quotes.
 * https://www.postgresql.org/docs/18/sql-keywords-appendix.html
 */
const reserved: ReadonlySet<string> = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation
  column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
  current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze
  from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
  localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
  returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
  unique user using variadic verbose when where window with`.split(/\s+/),
)
