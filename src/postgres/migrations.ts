import { readdir } from 'node:fs/promises'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import type { PostgresOptions } from './pool.ts'
import { connectionOptions } from './pool.ts'

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
  const done = await runner({
    databaseUrl: connectionOptions(options),
    dir,
    direction,
    migrationsTable,
    advisoryLockMode: 'wait',
    // Its lines name SQL and counts; the caller reports what was done.
    logger: { info: () => {}, warn: () => {}, error: () => {} },
  })
  return done.map(({ name }) => name)
}

/** Every migration there is, in order. */
export async function migrationStatus(options: PostgresOptions, dir: string): Promise<MigrationStatus[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.sql')).sort()
  const applied = await appliedMigrations(options)
  return files.map((file) => {
    const name = file.replace(/\.sql$/, '')
    return { name, appliedAt: applied.get(name) }
  })
}

async function appliedMigrations(options: PostgresOptions): Promise<Map<string, Date>> {
  const client = new pg.Client(connectionOptions(options))
  await client.connect()
  try {
    const { rows: there } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [
      migrationsTable,
    ])
    if (!there[0]?.there) return new Map()
    const { rows } = await client.query(`SELECT name, run_on FROM ${pg.escapeIdentifier(migrationsTable)}`)
    return new Map(rows.map((row) => [row.name, row.run_on]))
  } finally {
    await client.end()
  }
}
