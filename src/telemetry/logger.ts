import { pino } from 'pino'
import { PinoPretty } from 'pino-pretty'
import type { Logger } from '#core/logger.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

export interface LoggerOptions {
  readonly level: (typeof logLevels)[number]
  /** `json` for machines, `console` for people. */
  readonly output: 'json' | 'console'
}

/** Where a value must not be, it is not: these names are masked wherever a line's fields have them. */
const secretNames = ['password', '*.password', 'token', '*.token', 'authorization', '*.authorization']

/** Logs to stderr: stdout is for data. Each line is written before the call returns, so none is lost at the end. */
export function createLogger({ level, output }: LoggerOptions): Logger {
  const options = { level, base: null, redact: { paths: secretNames, censor: '***' } }
  if (output === 'json') {
    return pino(
      { ...options, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ dest: 2, sync: true }),
    )
  }
  const colorize = process.stderr.isTTY && process.stderr.hasColors()
  return pino(options, PinoPretty({ colorize, translateTime: 'SYS:HH:MM:ss.l', destination: 2, sync: true }))
}
