import type { Config } from '#config/config.ts'
import { ConfigurationError, UnreachableError, messageOf } from '#core/failure.ts'
import type { MigrationStatus } from '#postgres/migrations.ts'
import { migrate, migrationStatus } from '#postgres/migrations.ts'
import { isConnectionFailure, isRefusedForGood } from '#postgres/sqlstate.ts'
import { migrationsDir } from './project.ts'

type Postgres = Config['postgres']

/** Applies what is pending, or takes back the last one; returns the names. */
export function runMigrations(postgres: Postgres, direction: 'up' | 'down'): Promise<string[]> {
  return reached(postgres, () => migrate(postgres, migrationsDir, direction))
}

export function listMigrations(postgres: Postgres): Promise<MigrationStatus[]> {
  return reached(postgres, () => migrationStatus(postgres, migrationsDir))
}

async function reached<T>({ host, port, database }: Postgres, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isConnectionFailure(error)) throw error
    const mend = 'check INGESTER_POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DB and _SSL_MODE'
    const Kind = isRefusedForGood(error) ? ConfigurationError : UnreachableError
    throw new Kind(`PostgreSQL at ${host}:${port}/${database}: ${messageOf(error)}; ${mend}`, {
      cause: error,
    })
  }
}
