import { fileURLToPath } from 'node:url'
import type { Config } from '#config/config.ts'
import { isUnbound } from '#core/pipeline.ts'
import { chosenPipeline, loadPipelines } from '#connect/pipelines.ts'
import { withConnectionErrors } from '#connect/postgres.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { LoadedPipeline } from '#core/pipeline.ts'
import type { LastMigration } from '#postgres/last-migration.ts'
import { lastMigration } from '#postgres/last-migration.ts'
import type { MigrationStatus } from '#postgres/migrations.ts'
import { migrate, migrationStatus, migrationsTableOf } from '#postgres/migrations.ts'
import { migrationsDir } from '#runtime/project.ts'

export type { LastMigration }

type DatabaseConfig = Pick<Config, 'pipelines' | 'postgres'>

/** Migrations that belong together; of a pipeline, where that brings its own. */
interface MigrationSet {
  readonly pipeline: string | undefined
  readonly dir: string
  /** Undefined: the project's own. */
  readonly table: string | undefined
}

/** A migration, and whose it is: undefined for the project's own. */
export interface ListedMigration extends MigrationStatus {
  readonly pipeline: string | undefined
}

const ownSet: MigrationSet = { pipeline: undefined, dir: migrationsDir, table: undefined }

/**
 * Applies all pending migrations: the project's, then those of the configured pipelines.
 *
 * @returns their names
 * @throws ConfigurationError, UnreachableError
 */
export async function applyMigrations(
  config: DatabaseConfig,
  warn: (message: string) => void,
): Promise<string[]> {
  const names: string[] = []
  for (const { dir, table } of await setsOf(config))
    names.push(
      ...(await withConnectionErrors(config.postgres, () =>
        migrate(config.postgres, dir, 'up', warn, table),
      )),
    )
  return names
}

/**
 * Reverts the latest migration: the project's, or that of the pipeline that is named.
 *
 * @returns its name, or none
 * @throws ConfigurationError, UnreachableError
 */
export async function revertMigration(config: DatabaseConfig, pipeline?: string): Promise<string[]> {
  const { dir, table } = await setNamed(config, pipeline)
  return withConnectionErrors(config.postgres, () => migrate(config.postgres, dir, 'down', undefined, table))
}

/** What {@link revertMigration} would revert. */
export async function nextToRevert(
  config: DatabaseConfig,
  pipeline?: string,
): Promise<LastMigration | undefined> {
  const { dir, table } = await setNamed(config, pipeline)
  return withConnectionErrors(config.postgres, () => lastMigration(config.postgres, dir, table))
}

export async function listMigrations(config: DatabaseConfig): Promise<ListedMigration[]> {
  const all: ListedMigration[] = []
  for (const { pipeline, dir, table } of await setsOf(config)) {
    const status = await withConnectionErrors(config.postgres, () =>
      migrationStatus(config.postgres, dir, table),
    )
    all.push(...status.map((one) => ({ ...one, pipeline })))
  }
  return all
}

async function setsOf({ pipelines }: DatabaseConfig): Promise<MigrationSet[]> {
  const loaded = await loadPipelines(pipelines)
  return [ownSet, ...loaded.flatMap((pipeline) => setOf(pipeline) ?? [])]
}

async function setNamed({ pipelines }: DatabaseConfig, wanted: string | undefined): Promise<MigrationSet> {
  if (wanted === undefined) return ownSet
  const pipeline = await chosenPipeline(pipelines, wanted)
  const set = setOf(pipeline)
  if (set) return set
  throw new ConfigurationError(`the pipeline ${pipeline.name} has no migrations of its own`)
}

/** Those of a module: a mapping file has none. */
function setOf(pipeline: LoadedPipeline): MigrationSet | undefined {
  if (isUnbound(pipeline)) return undefined
  const { name, migrations } = pipeline
  return migrations && { pipeline: name, dir: fileURLToPath(migrations), table: migrationsTableOf(name) }
}
