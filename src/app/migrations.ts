import type { Config } from '#config/config.ts'
import { withConnectionErrors } from '#connect/postgres.ts'
import type { LastMigration } from '#postgres/last-migration.ts'
import { lastMigration } from '#postgres/last-migration.ts'
import type { MigrationStatus } from '#postgres/migrations.ts'
import { migrate, migrationStatus } from '#postgres/migrations.ts'
import { migrationsDir } from '#runtime/project.ts'

type Postgres = Config['postgres']

/** Applies pending migrations, or reverts the latest; returns their names. */
export function runMigrations(
  postgres: Postgres,
  direction: 'up' | 'down',
  warn: (message: string) => void,
): Promise<string[]> {
  return withConnectionErrors(postgres, () => migrate(postgres, migrationsDir, direction, warn))
}

/** What {@link runMigrations} would revert. */
export function nextToRevert(postgres: Postgres): Promise<LastMigration | undefined> {
  return withConnectionErrors(postgres, () => lastMigration(postgres, migrationsDir))
}

export function listMigrations(postgres: Postgres): Promise<MigrationStatus[]> {
  return withConnectionErrors(postgres, () => migrationStatus(postgres, migrationsDir))
}
