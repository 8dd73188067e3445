import type { LoadedConfig } from '#config/config.ts'
import type { Logger } from '#core/logger.ts'
import { messageOf } from '#core/failure.ts'
import { isLoopback } from '#core/loopback.ts'
import { createLogger } from '#telemetry/logger.ts'
import { exitCode } from './exit-code.ts'
import type { Ingester } from './ingester.ts'
import { startIngester } from './ingester.ts'
import { shutDown } from './shutdown.ts'
import { version } from './version.ts'

/** When to end: see {@link serve}. */
export interface StopRequests {
  readonly stop: AbortSignal
  readonly hurry: AbortSignal
}

/**
 * The service from start to end: runs until `stop` aborts or it cannot go on.
 *
 * @returns the process's exit code
 * @throws ConfigurationError, UnreachableError
 */
export async function serve({ config, warnings }: LoadedConfig, requests: StopRequests): Promise<number> {
  const logger = createLogger(config.log)
  for (const warning of warnings) logger.warn({}, warning)
  warnOfPlaintext(config, logger)

  const ingester = await startUnlessStopped(config, logger, requests.stop)
  if (!ingester) return exitCode.done
  logger.info(
    {
      version,
      pipeline: config.pipeline,
      subscription: ingester.subscription,
      postgres: `${config.postgres.host}:${config.postgres.port}/${config.postgres.database}`,
      cache: ingester.cache,
      workers: config.engine.workers,
      admin: ingester.adminUrl,
    },
    'consuming',
  )
  const failure = await Promise.race([ingester.failed, aborted(requests.stop)])
  const unsettled = await shutDown(ingester, config.shutdownTimeoutMs, requests.hurry)
  return farewell(failure, unsettled, logger)
}

/** Undefined where the user did not wait for it: nothing was taken, so nothing is left undone. */
async function startUnlessStopped(
  config: LoadedConfig['config'],
  logger: Logger,
  stop: AbortSignal,
): Promise<Ingester | undefined> {
  try {
    return await startIngester(config, logger, { signal: stop })
  } catch (error) {
    if (!stop.aborted) throw error
    logger.info({}, 'stopped before it had started')
    return undefined
  }
}

function farewell(failure: Error | undefined, unsettled: number, logger: Logger): number {
  if (unsettled > 0) {
    logger.error(
      { nacked: unsettled },
      'stopped hard: what was in hand was given back, and will be delivered again',
    )
    return exitCode.unsettled
  }
  if (failure) {
    logger.error({ error: messageOf(failure) }, 'ended, since it could not go on')
    return exitCode.unexpected
  }
  logger.info({}, 'stopped: everything in hand was settled')
  return exitCode.done
}

function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal.aborted) resolve(undefined)
  signal.addEventListener('abort', () => resolve(undefined), { once: true })
  return promise
}

/** Rows and passwords readable on the network are worth a loud word; on one's own machine they are not on it. */
function warnOfPlaintext({ postgres, redis }: LoadedConfig['config'], logger: Logger): void {
  const plaintext = [
    { host: postgres.host, setting: postgres.sslMode === 'disable' && 'INGESTER_POSTGRES_SSL_MODE=disable' },
    { host: redis.host, setting: redis.enabled && !redis.tls && 'INGESTER_REDIS_TLS=false' },
  ]
  for (const { host, setting } of plaintext) {
    if (!setting || isLoopback(host)) continue
    logger.warn({ host }, `${setting}: the connection is readable on the network`)
  }
}
