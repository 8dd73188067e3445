import pg from 'pg'
import { ConfigurationError } from '#core/failure.ts'
import type { PostgresTable } from '#core/pipeline.ts'

export type Queryable = Pick<pg.Client, 'query'>

/** A table that is written or read, with what that needs of it. */
export interface NeededTable {
  readonly name: string
  /** Columns and their types, as PostgreSQL writes them out. */
  readonly columns: Readonly<Record<string, string>>
  /** Columns that identify a row: `ON CONFLICT` names them. */
  readonly key: readonly string[]
  readonly rights: readonly string[]
}

const writing = ['SELECT', 'INSERT', 'UPDATE']

const deadLetters: NeededTable = {
  name: 'dead_letters',
  columns: {
    pipeline: 'text',
    subscription: 'text',
    message_id: 'text',
    publish_time: 'timestamptz',
    ordering_key: 'text',
    attributes: 'jsonb',
    data: 'bytea',
    reason: 'text',
    detail: 'text',
    delivery_attempt: 'integer',
    last_seen_at: 'timestamptz',
    times_seen: 'integer',
  },
  key: ['subscription', 'message_id', 'publish_time'],
  rights: writing,
}

const cacheEpochs: NeededTable = {
  name: 'cache_epochs',
  columns: { pipeline: 'text', epoch: 'uuid' },
  key: ['pipeline'],
  rights: ['SELECT'],
}

/**
 * The tables that a pipeline's ingester needs, its own first.
 *
 * @param withCache whether the cache's epoch will be read
 */
export function neededTables(
  table: PostgresTable,
  withCache: boolean,
): readonly [NeededTable, NeededTable, ...NeededTable[]] {
  const { name, key } = table
  const columns = Object.fromEntries(table.columns.map((column) => [column.name, column.type]))
  return [{ name, columns, key, rights: writing }, deadLetters, ...(withCache ? [cacheEpochs] : [])]
}

/** Why a table cannot be used. */
export interface TableFault {
  readonly kind: 'absent' | 'columns' | 'rights'
  readonly what: string
  /** Columns, or rights. */
  readonly missing: readonly string[]
  /** For {@link TableFault.kind} `rights`: the statement that gives them, without a semicolon. */
  readonly grant: string
}

/**
 * Looks whether the tables are there with the columns and rights that writing needs, so that a wrong database is
 * found at start and not by the first message.
 *
 * @param withCache whether the cache's epoch will be read
 * @throws ConfigurationError with the mend; whatever the connection throws
 */
export async function checkTables(
  connection: Queryable,
  table: PostgresTable,
  withCache: boolean,
  rights: readonly string[] = writing,
): Promise<void> {
  const [own, letters, epochs] = neededTables(table, withCache)
  for (const needed of [own, letters]) await checkTable(connection, { ...needed, rights })
  if (epochs) await checkTable(connection, epochs)
}

/** As {@link checkTables}, of the dead letters alone, for those who read and mark them. */
export function checkDeadLetterTable(connection: Queryable, rights: readonly string[]): Promise<void> {
  const more = { id: 'bigint', first_seen_at: 'timestamptz', status: 'text' }
  return checkTable(connection, { ...deadLetters, columns: { ...deadLetters.columns, ...more }, rights })
}

/** As {@link checkTables}, of the table that holds the cache's epochs. */
export function checkEpochTable(connection: Queryable, rights: readonly string[]): Promise<void> {
  return checkTable(connection, { ...cacheEpochs, rights })
}

async function checkTable(connection: Queryable, needed: NeededTable): Promise<void> {
  const [fault] = await tableFaults(connection, needed)
  if (!fault) return
  const mends = {
    absent: 'create it: bin/ingester migrate up',
    columns: 'bring it up to date: bin/ingester migrate up',
    rights: `as its owner: ${fault.grant}`,
  }
  throw new ConfigurationError(`${fault.what}; ${mends[fault.kind]}`)
}

/** @throws whatever the connection throws */
export async function tableFaults(
  connection: Queryable,
  { name, columns, rights }: NeededTable,
): Promise<TableFault[]> {
  const { rows } = await connection.query(
    `SELECT quote_ident(current_user) AS role, to_regclass($1) IS NOT NULL AS there,
            ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0) AS columns,
            ARRAY(SELECT wanted FROM unnest($2::text[]) AS wanted
                  WHERE NOT coalesce(has_table_privilege(to_regclass($1)::oid, wanted), false)) AS refused`,
    [pg.escapeIdentifier(name), rights],
  )
  const { role, there, columns: found, refused } = rows[0]
  const grant = `GRANT ${rights.join(', ')} ON ${name} TO ${role}`
  const missing = Object.keys(columns).filter((column) => !found.includes(column))
  const fault = (kind: TableFault['kind'], what: string, lacks: readonly string[]): TableFault[] =>
    kind === 'absent' || lacks.length > 0 ? [{ kind, what, missing: lacks, grant }] : []
  if (!there) return fault('absent', `the table ${name} is not there`, missing)
  return [
    ...fault('columns', `the table ${name} has no column ${missing.join(', ')}`, missing),
    ...fault('rights', `the role ${role} has not the rights it needs on the table ${name}`, refused),
  ]
}
