import type { Config } from '#config/config.ts'
import { logOutputOf } from '#config/log-output.ts'
import type { Logger } from '#core/logger.ts'
import { version } from '#runtime/version.ts'
import { LogDestination, flushed } from '#telemetry/log-destination.ts'
import { createLogger, fatalLine } from '#telemetry/logger.ts'
import type { Exit } from './exit-code.ts'

const service = { name: 'ingester', version }

export interface ServiceLog {
  readonly logger: Logger
  /** Lines that were dropped, since their reader was too slow or gone. */
  readonly linesDropped: () => number
}

/** The service's log on standard error; a slow or missing reader does not block the service. */
export function openServiceLog({ log, pubsub }: Pick<Config, 'log' | 'pubsub'>): ServiceLog {
  const destination: LogDestination = new LogDestination(process.stderr, {
    reportDropped: (lines) => logger.warn({ lines }, 'log lines were dropped: their reader was too slow'),
  })
  const logger: Logger = createLogger({
    ...log,
    service: { ...service, projectId: pubsub.projectId },
    write: (line, isError) => destination.write(line, isError),
  })
  return { logger, linesDropped: () => destination.dropped }
}

/** A log whose lines the caller writes. */
export function openLog(log: Config['log'], write: (line: string) => void): Logger {
  return createLogger({ ...log, service, write })
}

/**
 * The last log line of a command that a platform runs: what ended it. Undefined where the output is for people: in
 * console output, on a terminal by default, and for other commands unless a format is configured.
 */
export function fatalLogLine(
  { code, message, stack }: Exit,
  command: { readonly isService: boolean; readonly envFile: string | undefined },
): string | undefined {
  const wanted = logOutputOf(command.envFile)
  const output = wanted ?? (command.isService && !process.stderr.isTTY ? 'json' : 'console')
  if (output === 'console') return undefined
  return fatalLine(output, service, { exitCode: code, ...(stack === undefined ? {} : { stack }) }, message)
}

/** How long a reader that has fallen behind may take for the rest when the process ends. */
const flushWithinMs = 2000

/** @returns false if the rest of the log was not read in time; it would then keep the process alive */
export function flushServiceLog(): Promise<boolean> {
  return flushed(process.stderr, flushWithinMs)
}
