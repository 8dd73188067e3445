import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PG_MIGRATE_LOCK_ID, runner } from 'node-pg-migrate'
import pg from 'pg'
import { ConfigurationError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { advice } from '#core/advice.ts'
import { shownPath } from '#core/shown-path.ts'
import type { PostgresOptions } from './pool.ts'
import { isConnectionFailure } from './sqlstate.ts'
import { checkEncoding } from './encoding.ts'
import type { Queryable } from './queryable.ts'
import { withTransaction } from './transaction.ts'

/** Where it is noted which of the project's own migrations are applied. */
const ownTable = 'pgmigrations'

/** Those of a pipeline that brings its own are noted elsewhere: neither set knows of the other. */
export const migrationsTableOf = (pipeline: string) => `${ownTable}_${pipeline}`

export interface MigrationStatus {
  readonly name: string
  /** Undefined while it is pending. */
  readonly appliedAt: Date | undefined
}

/**
 * Applies all pending migrations, or none where one fails; or reverts the last one. Several processes may try at once:
 * the others wait.
 *
 * @param dir the folder of the SQL files
 * @param warn called with what works, but should be fixed
 * @param table where it is noted what is applied
 * @returns the names of what was applied or reverted
 * @throws ConfigurationError where the role may not, the database's encoding does not do, or a migration fails; whatever
 *   connecting throws
 */
export async function migrate(
  options: PostgresOptions,
  dir: string,
  direction: 'up' | 'down',
  warn: (message: string) => void = () => {},
  table = ownTable,
): Promise<string[]> {
  // A migration may rewrite a large table, and waits for others at the lock.
  const done = await withTransaction({ ...options, statementTimeoutMs: 0 }, async (client) => {
    if (direction === 'up') {
      const warning = await checkEncoding(client)
      if (warning !== undefined) warn(warning)
    }
    if (!(await mayMigrate(client, table)))
      throw new ConfigurationError(await refusal(client), { fixes: [asTheirOwner] })
    return await run(client, dir, direction, table).catch((error: unknown) => {
      throw explained(error, `migrate ${direction}`)
    })
  })
  return done.map(({ name }) => name)
}

/**
 * In the transaction that is open, which the runner's own COMMIT ends: a lock or a setting of the session would stay
 * behind on the server connection of a pooler. So no migration may be one that cannot run in a transaction.
 */
async function run(client: pg.Client, dir: string, direction: 'up' | 'down', migrationsTable: string) {
  await client.query(`SELECT pg_advisory_xact_lock(${PG_MIGRATE_LOCK_ID})`)
  let current: string | undefined
  const running = runner({
    dbClient: client,
    dir,
    direction,
    migrationsTable,
    noLock: true,
    singleTransaction: true,
    // Its lines name SQL and counts; the caller reports what was done. Which one fails they alone say.
    logger: {
      info: (line) => (current = /^### MIGRATION (.*) \((?:UP|DOWN)\) ###$/.exec(line)?.[1] ?? current),
      warn: () => {},
      error: () => {},
    },
  })
  return await running.catch(async (error: unknown) => {
    if (current === undefined || !(error instanceof pg.DatabaseError) || isConnectionFailure(error))
      throw error
    const place = await placeIn(join(dir, `${current}.sql`), direction, error.position)
    throw new FailedMigration(`${place}: ${error.message}`, { cause: error })
  })
}

class FailedMigration extends Error {}

/**
 * A file, and its line where PostgreSQL says it.
 *
 * @param position from 1, in characters of the part that is run, which the runner finds by its comment
 */
async function placeIn(
  path: string,
  direction: 'up' | 'down',
  position: string | undefined,
): Promise<string> {
  const file = shownPath(path)
  const text = position === undefined ? undefined : await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return file
  const start = Math.max(0, text.search(new RegExp(`^\\s*--[\\s-]*${direction}\\s+migration`, 'im')))
  const before =
    text.slice(0, start) +
    Array.from(text.slice(start))
      .slice(0, Number(position) - 1)
      .join('')
  return `${file}:${before.split('\n').length}`
}

/** Whether the role may make tables, and note what it has done. */
export async function mayMigrate(client: Queryable, table = ownTable): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
            AND (to_regclass($1) IS NULL OR has_table_privilege(to_regclass($1)::oid, 'SELECT')
                                            AND has_table_privilege(to_regclass($1)::oid, 'INSERT')) AS may`,
    [pg.escapeIdentifier(table)],
  )
  return rows[0].may
}

async function refusal(client: Queryable): Promise<string> {
  const { rows } = await client.query(
    `SELECT quote_ident(current_user) AS role, coalesce('schema ' || quote_ident(current_schema()), 'any schema') AS place`,
  )
  const { role, place } = rows[0]
  return `role ${role} lacks CREATE on ${place}`
}

const asTheirOwner = advice`run it as the tables' owner, for example with --env-file owner.env`

/** Not where the connection failed. Of the runner's own errors, which quote traces, the first line. */
function explained(error: unknown, what: string): unknown {
  if (error instanceof pg.DatabaseError && error.code === '42501') {
    return new ConfigurationError(error.message, { fixes: [asTheirOwner], cause: error })
  }
  const [first] = messageOf(error).split('\n', 1)
  const known = error instanceof Error && 'code' in error ? error : new Error(first, { cause: error })
  return isConnectionFailure(known) ? known : new ConfigurationError(`${what}: ${first}`, { cause: error })
}

/** Every migration there is, in order. */
export function migrationStatus(
  options: PostgresOptions,
  dir: string,
  table = ownTable,
): Promise<MigrationStatus[]> {
  return withTransaction(options, (client) =>
    migrationStatusOn(client, dir, table).catch((error: unknown) => {
      throw explained(error, 'migrate status')
    }),
  )
}

/** As {@link migrationStatus}, on a connection that is open. */
export async function migrationStatusOn(
  client: Queryable,
  dir: string,
  table = ownTable,
): Promise<MigrationStatus[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.sql')).sort()
  const applied = await appliedMigrations(client, table)
  return files.map((file) => {
    const name = file.replace(/\.sql$/, '')
    return { name, appliedAt: applied.get(name) }
  })
}

/**
 * What makes a table, by the migration that first did: for a table that was dropped by hand, which no migration makes
 * again. Without comments; undefined where none makes it.
 */
export async function creationOf(table: string, dir: string): Promise<string | undefined> {
  for (const file of (await readdir(dir)).filter((name) => name.endsWith('.sql')).sort()) {
    const [up = ''] = (await readFile(join(dir, file), 'utf8')).split(/^-- Down Migration/m)
    const [statement] = new RegExp(`^CREATE TABLE ${RegExp.escape(table)} \\([^;]*;`, 'm').exec(up) ?? []
    if (statement !== undefined) return statement.replaceAll(/\s*--.*$/gm, '')
  }
  return undefined
}

async function appliedMigrations(client: Queryable, table: string): Promise<Map<string, Date>> {
  const name = pg.escapeIdentifier(table)
  const { rows: there } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [name])
  if (!there[0]?.there) return new Map()
  // The column is a timestamp in the server's time zone, which need not be ours.
  const text = `SELECT name, run_on::timestamptz AS run_on FROM ${name}`
  const { rows } = await client.query(text)
  return new Map(rows.map((row) => [row.name, row.run_on]))
}
