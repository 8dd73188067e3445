import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'
import type { Queryable } from './start-check.ts'

const migrationsTable = 'pgmigrations'

export interface MigrationStatus {
  readonly name: string
  /** Undefined while it is pending. */
  readonly appliedAt: Date | undefined
}

/**
 * Applies all pending migrations, or takes back the last one. Several processes may try at once: the others wait.
 *
 * @param dir the folder of the SQL files
 * @returns the names of what was applied or taken back
 */
export async function migrate(
  options: PostgresOptions,
  dir: string,
  direction: 'up' | 'down',
): Promise<string[]> {
  // A migration may rewrite a large table, and waits for others at the lock.
  const done = await withConnection({ ...options, statementTimeoutMs: 0 }, (client) =>
    runner({
      dbClient: client,
      dir,
      direction,
      migrationsTable,
      advisoryLockMode: 'wait',
      // Its lines name SQL and counts; the caller reports what was done.
      logger: { info: () => {}, warn: () => {}, error: () => {} },
    }),
  )
  return done.map(({ name }) => name)
}

/** Every migration there is, in order. */
export function migrationStatus(options: PostgresOptions, dir: string): Promise<MigrationStatus[]> {
  return withConnection(options, (client) => migrationStatusOn(client, dir))
}

/** As {@link migrationStatus}, on a connection that is open. */
export async function migrationStatusOn(client: Queryable, dir: string): Promise<MigrationStatus[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.sql')).sort()
  const applied = await appliedMigrations(client)
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

async function appliedMigrations(client: Queryable): Promise<Map<string, Date>> {
  const { rows: there } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [migrationsTable])
  if (!there[0]?.there) return new Map()
  // The column is a timestamp in the server's time zone, which need not be ours.
  const text = `SELECT name, run_on::timestamptz AS run_on FROM ${pg.escapeIdentifier(migrationsTable)}`
  const { rows } = await client.query(text)
  return new Map(rows.map((row) => [row.name, row.run_on]))
}
