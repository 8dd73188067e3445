import type { Config } from '#config/config.ts'
import { problemText } from '#connect/explain.ts'
import { tableConflict } from '#connect/pipelines.ts'
import { connectionHint, postgresPlace } from '#connect/postgres.ts'
import { bindTo } from '#connect/bind.ts'
import type { Startup } from '#connect/startup.ts'
import type { Logger } from '#core/logger.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { LoadedPipeline, Pipeline } from '#core/pipeline.ts'
import { createPool } from '#postgres/pool.ts'
import { reportPooler } from '#postgres/pooler.ts'
import type { Queryable } from '#postgres/queryable.ts'
import { tableOids } from '#postgres/read-catalog.ts'
import { isRefusedForGood } from '#postgres/sqlstate.ts'
import { checkTables } from '#postgres/start-check.ts'
import { rollingBackOf } from '#postgres/transaction.ts'
import type { Metrics } from '#telemetry/metrics.ts'

export interface OpenDatabase {
  readonly pool: ReturnType<typeof createPool>
  /** With the types of their columns. */
  readonly pipelines: readonly Pipeline[]
}

/**
 * Waits for PostgreSQL and checks the tables that the pipelines need.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function openDatabase(
  startup: Startup,
  { postgres, redis, engine }: Config,
  loaded: readonly LoadedPipeline[],
  metrics: Pick<Metrics, 'connectionSilent'>,
  logger: Logger,
): Promise<OpenDatabase> {
  await using opening = new AsyncDisposableStack()
  const onSilence = () => metrics.connectionSilent()
  const pool = opening.adopt(
    createPool({ ...postgres, poolSize: engine.poolSize, explain: problemText, onSilence }, logger),
    (opened) => opened.end(),
  )
  const { pipelines, warning } = await startup.reach(
    postgresPlace(postgres),
    (error) => connectionHint(postgres, error),
    () => rollingBackOf(pool, (client) => bindAndCheck(client, loaded, redis.enabled)),
    isRefusedForGood,
  )
  if (warning !== undefined) logger.warn({}, warning)
  await reportPooler(pool, postgres, logger)
  opening.move()
  return { pool, pipelines }
}

async function bindAndCheck(connection: Queryable, loaded: readonly LoadedPipeline[], withCache: boolean) {
  const pipelines: Pipeline[] = []
  for (const pipeline of loaded) pipelines.push(await bindTo(connection, pipeline))
  await refuseConflicts(connection, pipelines)
  const tables = pipelines.map(({ sink }) => sink)
  return { pipelines, warning: await checkTables(connection, tables, withCache) }
}

/** A table may have two names, with its schema and without: only the database knows that. */
async function refuseConflicts(connection: Queryable, pipelines: readonly Pipeline[]): Promise<void> {
  const oids = await tableOids(
    connection,
    pipelines.map(({ sink }) => sink.name),
  )
  for (const [at, pipeline] of pipelines.entries())
    for (const [before, other] of pipelines.slice(0, at).entries()) {
      const isSameTable = oids[at] !== null && oids[at] === oids[before]
      const what = isSameTable ? tableConflict(other, pipeline) : undefined
      if (what !== undefined) throw new ConfigurationError(`${other.name} and ${pipeline.name} ${what}`)
    }
}
