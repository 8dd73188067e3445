import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { migrationStatus } from './migrations.ts'
import type { PostgresOptions } from './pool.ts'

/** What `migrate down` would revert. */
export interface LastMigration {
  readonly name: string
  /** What that runs, as one line without comments. */
  readonly statements: string
}

/** Undefined where none is applied. */
export async function lastMigration(
  options: PostgresOptions,
  dir: string,
  table?: string,
): Promise<LastMigration | undefined> {
  const all = await migrationStatus(options, dir, table)
  const last = all.findLast(({ appliedAt }) => appliedAt !== undefined)
  if (!last) return undefined
  const text = await readFile(join(dir, `${last.name}.sql`), 'utf8')
  const [, down = ''] = text.split(/^-- Down Migration.*$/m)
  const statements = down.replaceAll(/--.*$/gm, '').replaceAll(/\s+/g, ' ').trim()
  return { name: last.name, statements }
}
