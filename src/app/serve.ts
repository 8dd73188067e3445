import type { Config, LoadedConfig } from '#config/config.ts'
import { faultText } from '#config/fault-text.ts'
import { writeDuration } from '#config/values.ts'
import { addressOf } from '#core/address.ts'
import type { Logger } from '#core/logger.ts'
import type { Explain } from '#core/advice.ts'
import { explain, problemText } from '#connect/explain.ts'
import { loadPipelines } from '#connect/pipelines.ts'
import { isLoopback } from '#core/loopback.ts'
import type { LoadedPipeline } from '#core/pipeline.ts'
import { exitCode } from './exit-code.ts'
import type { Ingester } from './ingester.ts'
import { psqlLine } from './psql-line.ts'
import type { ServiceLog } from './service-log.ts'
import { openServiceLog } from './service-log.ts'
import { aborted, startupLogLevels } from './serving.ts'
import { shutDown } from './shutdown.ts'
import { version } from '#runtime/version.ts'

/** See {@link serve}. */
export interface ServeOptions {
  /** For commands that are suggested. */
  readonly envFile?: string | undefined
  readonly stop: AbortSignal
  readonly forceStop: AbortSignal
  /** Called when it consumes, if the log is for people and its level includes it; otherwise there is a log line. */
  readonly started: (running: RunningService) => void
}

export interface RunningService {
  readonly config: Config
  readonly ingester: Ingester
  /** Opens the database. */
  readonly psql: string
  readonly startSeconds: number
}

/**
 * The service from start to end: runs until `stop` aborts or a fatal error. `forceStop`, or the end of
 * `INGESTER_SHUTDOWN_TIMEOUT`, forces the shutdown.
 *
 * @returns the process's exit code
 * @throws ConfigurationError, UnreachableError
 */
export async function serve({ config, warnings }: LoadedConfig, options: ServeOptions): Promise<number> {
  const began = performance.now()
  const pipelines = await loadPipelines(config.pipelines, config.pubsub.projectId)
  const log = openServiceLog(config)
  const { logger } = log
  for (const warning of warnings) logger.warn({}, faultText(warning))
  warnOfPlaintext(config, logger)

  const ingester = await startUnlessStopped(config, pipelines, log, options)
  if (!ingester) return exitCode.done
  const startSeconds = Math.round((performance.now() - began) / 100) / 10
  const running = { config, ingester, startSeconds, psql: psqlLine(config.postgres) }
  if (config.log.output !== 'console') logStart(running, logger)
  else if (startupLogLevels.has(config.log.level)) options.started(running)

  const failure = await Promise.race([ingester.failed, aborted(options.stop)])
  let reported = false
  const limitMs = config.shutdownTimeoutMs
  const unsettled = await shutDown(ingester, {
    limitMs,
    forceStop: options.forceStop,
    waiting: (outstanding, because) => {
      const fields = { outstanding, ...(because.length > 0 ? { because } : {}) }
      if (reported) return logger.info(fields, 'stopping: still settling')
      reported = true
      const words = `stopping: draining in-flight messages for up to ${writeDuration(limitMs)}; press Ctrl-C again to force exit`
      logger.info(fields, words)
    },
  })
  return logExit(failure, unsettled, logger)
}

function logStart({ config, ingester, startSeconds }: RunningService, logger: Logger): void {
  for (const { name, subscription, table, cache } of ingester.pipelines) {
    logger.info(
      {
        version,
        pipeline: name,
        subscription,
        table,
        postgres: `${addressOf(config.postgres.host, config.postgres.port)}/${config.postgres.database}`,
        cache,
        workers: config.engine.workers,
        admin: ingester.adminUrl,
        seconds: startSeconds,
      },
      'consuming',
    )
  }
}

/** Undefined if stopped during startup: nothing was received, so nothing is left to settle. */
async function startUnlessStopped(
  config: Config,
  pipelines: readonly LoadedPipeline[],
  { logger, linesDropped }: ServiceLog,
  { stop, envFile }: ServeOptions,
): Promise<Ingester | undefined> {
  const explained: Explain = (problem) => problemText(problem, envFile)
  // Not before the configuration and the modules are known to be right: this loads most of the program.
  const { startIngester } = await import('./ingester.ts')
  try {
    return await startIngester(config, pipelines, logger, {
      signal: stop,
      logLinesDropped: linesDropped,
      explain: explained,
    })
  } catch (error) {
    if (!stop.aborted) throw error
    logger.info({}, 'interrupted during startup')
    return undefined
  }
}

function logExit(failure: Error | undefined, unsettled: number, logger: Logger): number {
  if (unsettled > 0) {
    logger.error(
      { nacked: unsettled },
      'forced shutdown: unsettled messages were nacked and will be redelivered',
    )
    return exitCode.unsettled
  }
  if (failure) {
    logger.error({ error: explain(failure) }, 'exiting after a fatal error')
    return exitCode.unexpected
  }
  logger.info({}, 'stopped: all in-flight messages were settled')
  return exitCode.done
}

/** Rows and passwords that are readable on the network are worth a warning; on loopback they are not. */
function warnOfPlaintext({ postgres, redis }: Config, logger: Logger): void {
  const plaintext = [
    { host: postgres.host, setting: postgres.sslMode === 'disable' && 'INGESTER_POSTGRES_SSL_MODE=disable' },
    { host: redis.host, setting: redis.enabled && !redis.tls && 'INGESTER_REDIS_TLS=false' },
  ]
  for (const { host, setting } of plaintext) {
    if (!setting || isLoopback(host)) continue
    logger.warn({ host }, `${setting}: the connection is readable on the network`)
  }
}
