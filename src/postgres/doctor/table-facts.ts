import type { NeededTable } from '../needed-tables.ts'
import type { Queryable } from '../queryable.ts'
import { quotedTable } from '../identifier.ts'

/** What the catalog has about an existing table, besides its shape: what makes it slow, or hard to use. */
export interface TableFacts {
  /** Quoted where it must be, as all names here. */
  readonly role: string
  /** `r`: a plain table; `p`: partitioned; `v`: a view; … */
  readonly kind: string
  /** In percent. */
  readonly fillfactor: number
  readonly isOwner: boolean
  readonly columns: readonly ColumnFacts[]
  readonly indexes: readonly IndexFacts[]
}

export interface ColumnFacts {
  readonly name: string
}

export interface IndexFacts {
  readonly name: string
  /** Of the constraint that it stands for. */
  readonly constraint: string | null
  readonly isPrimary: boolean
  /** The columns that `ON CONFLICT` may name; null where it is of no use for that. */
  readonly key: readonly string[] | null
  /** All that it reads: a change of one of them is a change of the index. */
  readonly columns: readonly string[]
}

const tableText = `
SELECT quote_ident(current_user) AS role, c.relkind AS kind,
       coalesce((SELECT option_value::integer FROM pg_options_to_table(c.reloptions) WHERE option_name = 'fillfactor'),
                100) AS fillfactor,
       pg_has_role(c.relowner, 'MEMBER') AS "isOwner"
FROM pg_class AS c WHERE c.oid = to_regclass($1)`

const columnsText = `
SELECT a.attname::text AS name
FROM pg_attribute AS a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`

/** An index of a constraint depends on that, and not on the columns: hence those that it names are added. */
const indexesText = `
SELECT i.oid::regclass::text AS name, quote_ident(k.conname) AS "constraint", x.indisprimary AS "isPrimary",
       CASE WHEN x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL
            THEN ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS n(attnum, at)
                       JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = n.attnum
                       WHERE n.at <= x.indnkeyatts)
       END AS key,
       ARRAY(SELECT a.attname::text FROM pg_attribute AS a
             WHERE a.attrelid = x.indrelid AND a.attnum > 0
               AND (a.attnum = ANY (x.indkey)
                    OR EXISTS (SELECT FROM pg_depend AS d
                               WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
                                 AND d.refobjid = x.indrelid AND d.refobjsubid = a.attnum))) AS columns
FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint AS k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE x.indrelid = to_regclass($1)
ORDER BY 1`

/**
 * Undefined where it does not exist, or is not visible: see {@link hiddenIn}.
 *
 * @throws whatever the connection throws
 */
export async function tableFacts(
  connection: Queryable,
  { name }: NeededTable,
): Promise<TableFacts | undefined> {
  const table = quotedTable(name)
  const [facts] = (await connection.query(tableText, [table])).rows
  if (!facts) return undefined
  return {
    ...facts,
    columns: (await connection.query(columnsText, [table])).rows,
    indexes: (await connection.query(indexesText, [table])).rows,
  }
}

/** A schema that has such a table, although its name alone does not find it. */
export interface HidingSchema {
  readonly schema: string
  readonly role: string
  /** Whether the role may use what is in it; it is then only not in its search path. */
  readonly usable: boolean
}

/** @param schema in which it is meant to be; without one, any */
export async function hiddenIn(
  connection: Queryable,
  table: string,
  schema?: string,
): Promise<HidingSchema | undefined> {
  const { rows } = await connection.query(
    `SELECT quote_ident(n.nspname) AS schema, quote_ident(current_user) AS role,
            has_schema_privilege(n.oid, 'USAGE') AS usable
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relname = $1 AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname = coalesce($2, n.nspname)
     ORDER BY n.nspname = 'public' DESC, 1 LIMIT 1`,
    [table, schema],
  )
  return rows[0]
}
