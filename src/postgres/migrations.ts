import { readdir } from 'node:fs/promises'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'

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
  const done = await withConnection(options, (client) =>
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
export async function migrationStatus(options: PostgresOptions, dir: string): Promise<MigrationStatus[]> {
  const files = (await readdir(dir)).filter((file) => file.endsWith('.sql')).sort()
  const applied = await appliedMigrations(options)
  return files.map((file) => {
    const name = file.replace(/\.sql$/, '')
    return { name, appliedAt: applied.get(name) }
  })
}

function appliedMigrations(options: PostgresOptions): Promise<Map<string, Date>> {
  return withConnection(options, async (client) => {
    const { rows: there } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [
      migrationsTable,
    ])
    if (!there[0]?.there) return new Map()
    // The column is a timestamp in the server's time zone, which need not be ours.
    const text = `SELECT name, run_on::timestamptz AS run_on FROM ${pg.escapeIdentifier(migrationsTable)}`
    const { rows } = await client.query(text)
    return new Map(rows.map((row) => [row.name, row.run_on]))
  })
}
