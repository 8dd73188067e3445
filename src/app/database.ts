import type { Config } from '#config/config.ts'
import { problemText } from '#connect/explain.ts'
import { connectionHint, postgresPlace } from '#connect/postgres.ts'
import type { Startup } from '#connect/startup.ts'
import type { Logger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { createPool } from '#postgres/pool.ts'
import { reportPooler } from '#postgres/pooler.ts'
import { isRefusedForGood } from '#postgres/sqlstate.ts'
import { checkTables } from '#postgres/start-check.ts'
import { rollingBackOf } from '#postgres/transaction.ts'
import type { Metrics } from '#telemetry/metrics.ts'

/**
 * Waits for PostgreSQL and checks the tables that the pipelines need.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function openDatabase(
  startup: Startup,
  { postgres, redis, engine }: Config,
  pipelines: readonly Pipeline[],
  metrics: Pick<Metrics, 'connectionSilent'>,
  logger: Logger,
): Promise<ReturnType<typeof createPool>> {
  await using opening = new AsyncDisposableStack()
  const onSilence = () => metrics.connectionSilent()
  const pool = opening.adopt(
    createPool({ ...postgres, poolSize: engine.poolSize, explain: problemText, onSilence }, logger),
    (opened) => opened.end(),
  )
  const tables = pipelines.map(({ sink }) => sink)
  const warning = await startup.reach(
    postgresPlace(postgres),
    (error) => connectionHint(postgres, error),
    () => rollingBackOf(pool, (client) => checkTables(client, tables, redis.enabled)),
    isRefusedForGood,
  )
  if (warning !== undefined) logger.warn({}, warning)
  await reportPooler(pool, postgres, logger)
  opening.move()
  return pool
}
