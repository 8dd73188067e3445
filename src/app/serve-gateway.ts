import type { GatewayConfig } from '#config/config.ts'
import type { UnknownVariable } from '#config/fault.ts'
import { faultText } from '#config/fault-text.ts'
import { writeDuration } from '#config/values.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { isLoopback } from '#core/loopback.ts'
import type { Logger } from '#core/logger.ts'
import { version } from '#runtime/version.ts'
import type { System } from '#systems/registry.ts'
import { systems } from '#systems/registry.ts'
import { exitCode } from './exit-code.ts'
import type { Gateway } from './gateway.ts'
import type { ServiceLog } from './service-log.ts'
import { openServiceLog } from './service-log.ts'
import { shutDown } from './shutdown.ts'
import { aborted, startupLogLevels } from './serving.ts'

export interface ServeGatewayOptions {
  readonly stop: AbortSignal
  readonly forceStop: AbortSignal
  /** Called when it listens, if the log is for people and its level includes it; otherwise there is a log line. */
  readonly started: (running: RunningGateway) => void
}

export interface RunningGateway {
  readonly config: GatewayConfig
  readonly gateway: Pick<Gateway, 'url' | 'adminUrl' | 'routes'>
  readonly startSeconds: number
}

export interface LoadedGatewayConfig {
  readonly config: GatewayConfig
  readonly warnings: readonly UnknownVariable[]
}

/** Those that have doors. */
export const systemNames: readonly string[] = [...systems]
  .filter(([, { doors }]) => doors.length > 0)
  .map(([name]) => name)

/**
 * The gateway from start to end: runs until `stop` aborts. `forceStop`, or the end of `INGESTER_SHUTDOWN_TIMEOUT`, forces
 * the shutdown.
 *
 * @param names of systems
 * @returns the process's exit code
 * @throws ConfigurationError, UnreachableError
 */
export async function serveGateway(
  { config, warnings }: LoadedGatewayConfig,
  names: readonly string[],
  options: ServeGatewayOptions,
): Promise<number> {
  const began = performance.now()
  const chosen = systemsOf(names)
  const log = openServiceLog(config)
  const { logger } = log
  for (const warning of warnings) logger.warn({}, faultText(warning))
  warnOfOpenness(config, logger)

  const gateway = await startUnlessStopped(config, chosen, log, options.stop)
  if (!gateway) return exitCode.done
  const startSeconds = Math.round((performance.now() - began) / 100) / 10
  const running = { config, gateway, startSeconds }
  if (config.log.output !== 'console') logStart(running, logger)
  else if (startupLogLevels.has(config.log.level)) options.started(running)

  await aborted(options.stop)
  let reported = false
  const limitMs = config.shutdownTimeoutMs
  const unanswered = await shutDown(gateway, {
    limitMs,
    forceStop: options.forceStop,
    waiting: (requests, because) => {
      const fields = { requests, ...(because.length > 0 ? { because } : {}) }
      if (reported) return logger.info(fields, 'stopping: requests are still open')
      reported = true
      logger.info(
        fields,
        `stopping: finishing open requests for up to ${writeDuration(limitMs)}; press Ctrl-C again to force exit`,
      )
    },
  })
  if (unanswered > 0) {
    logger.error(
      { requests: unanswered },
      'forced shutdown: open requests were answered with what was known, or cut off',
    )
    return exitCode.unsettled
  }
  logger.info({}, 'stopped: all open requests were answered')
  return exitCode.done
}

/** @throws ConfigurationError */
function systemsOf(names: readonly string[]): ReadonlyMap<string, System> {
  return new Map(
    names.map((name) => {
      const system = systems.get(name)
      if (system && systemNames.includes(name)) return [name, system]
      throw new ConfigurationError(
        `--systems: unknown system "${name}" (available: ${systemNames.join(', ')})`,
      )
    }),
  )
}

function logStart({ gateway, startSeconds }: RunningGateway, logger: Logger): void {
  for (const route of gateway.routes)
    logger.info(
      { version, ...route, url: gateway.url, admin: gateway.adminUrl, seconds: startSeconds },
      'listening',
    )
}

/** Undefined if stopped during startup. */
async function startUnlessStopped(
  config: GatewayConfig,
  chosen: ReadonlyMap<string, System>,
  { logger, linesDropped }: ServiceLog,
  stop: AbortSignal,
): Promise<Gateway | undefined> {
  // Not before the configuration is known to be right: this loads most of the program.
  const { startGateway } = await import('./gateway.ts')
  try {
    return await startGateway(config, chosen, logger, { signal: stop, logLinesDropped: linesDropped })
  } catch (error) {
    if (!stop.aborted) throw error
    logger.info({}, 'interrupted during startup')
    return undefined
  }
}

/** Anyone who reaches it may publish; on loopback that is this machine. */
function warnOfOpenness({ gateway }: GatewayConfig, logger: Logger): void {
  if (gateway.tokens || isLoopback(gateway.host)) return
  logger.warn(
    { host: gateway.host },
    'INGESTER_GATEWAY_TOKENS is not set: the gateway accepts requests from anyone who can reach it',
  )
}
