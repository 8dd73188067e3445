import { ConfigurationError } from '#core/command-error.ts'
import type { Advice } from '#core/advice.ts'
import { advice, command } from '#core/advice.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import { keepDaysFacts, keepDaysFunction, keepDaysGrant } from './applied/keep-days-function.ts'
import { checkEncoding } from './encoding.ts'
import { quotedTable, tableIdentifier } from './identifier.ts'
import type { NeededTable } from './needed-tables.ts'
import type { Queryable } from './queryable.ts'
import { cacheEpochs, deadLetters, neededTables } from './needed-tables.ts'
import { additionAdvice, creationAdvice } from './table-advice.ts'
import { problemOf, unfitnessOf } from './table-fitness.ts'
import { readShape } from './table-shape.ts'

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
 * Looks whether the tables are there with the columns and rights that writing needs, and whether what is written to them
 * stays, so that a wrong database is found at start and not by the first message.
 *
 * @param withCache whether the cache's epoch will be read
 * @returns a warning, if there is one
 * @throws ConfigurationError with the fix; whatever the connection throws
 */
export async function checkTables(
  connection: Queryable,
  tables: readonly PostgresTable[],
  withCache: boolean,
): Promise<string | undefined> {
  const warning = await checkEncoding(connection)
  for (const table of tables) {
    for (const needed of neededTables(table, withCache)) {
      await checkTable(connection, needed)
      await checkFitness(connection, needed)
    }
  }
  if (tables.some(countsOnce)) await checkKeepDays(connection)
  return warning
}

/** Without it no day is made for what will count, and everything waits. */
async function checkKeepDays(connection: Queryable): Promise<void> {
  const fault = await keepDaysFault(connection)
  if (fault) throw new ConfigurationError(fault.what, { fixes: [fault.fix] })
}

/**
 * Why the function that keeps the days of identities cannot be called.
 *
 * @throws whatever the connection throws
 */
export async function keepDaysFault(
  connection: Queryable,
): Promise<{ readonly what: string; readonly fix: Advice } | undefined> {
  const { role, exists, isExecutable } = await keepDaysFacts(connection)
  const what = `function ${keepDaysFunction}`
  if (!exists) return { what: `${what} does not exist`, fix: advice`create it: ${command('migrate up')}` }
  if (isExecutable) return undefined
  return {
    what: `role ${role} lacks the privilege EXECUTE on ${what}`,
    fix: advice`as its owner: ${keepDaysGrant(role)};`,
  }
}

/** As {@link checkTables}, for commands that only read: they must also see tables that should not be written to. */
export async function checkReadableTables(
  connection: Queryable,
  table: PostgresTable,
  withCache: boolean,
): Promise<void> {
  for (const needed of neededTables(table, withCache)) {
    await checkTable(connection, { ...needed, rights: ['SELECT'] })
  }
}

/** As {@link checkTables}, of the dead letters alone, for commands that read and mark them. */
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
  const fixes = {
    absent: creationAdvice(needed),
    columns: additionAdvice(needed, fault.missing),
    rights: advice`as its owner: ${fault.grant}`,
  }
  throw new ConfigurationError(fault.what, { fixes: [fixes[fault.kind]] })
}

async function checkFitness(connection: Queryable, needed: NeededTable): Promise<void> {
  const shape = await readShape(connection, needed)
  const unfit = shape ? unfitnessOf(needed, shape) : []
  if (unfit.length === 0) return
  const { message, fixes } = problemOf(`the table ${needed.name}`, unfit)
  throw new ConfigurationError(message, { fixes })
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
    [quotedTable(name), rights],
  )
  const { role, there, columns: found, refused } = rows[0]
  const grant = `GRANT ${rights.join(', ')} ON ${tableIdentifier(name)} TO ${role}`
  const missing = Object.keys(columns).filter((column) => !found.includes(column))
  const fault = (kind: TableFault['kind'], what: string, lacks: readonly string[]): TableFault[] =>
    kind === 'absent' || lacks.length > 0 ? [{ kind, what, missing: lacks, grant }] : []
  if (!there) return fault('absent', `table ${name} does not exist`, missing)
  return [
    ...fault('columns', `table ${name} has no column ${missing.join(', ')}`, missing),
    ...fault('rights', `role ${role} lacks the required privileges on table ${name}`, refused),
  ]
}
