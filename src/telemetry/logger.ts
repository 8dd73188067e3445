import { pino } from 'pino'
import { PinoPretty, prettyFactory } from 'pino-pretty'
import type { Logger } from '#core/logger.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

export interface LoggerOptions {
  readonly level: (typeof logLevels)[number]
  /** `json` for machines, `console` for people. */
  readonly output: 'json' | 'console'
  /** Takes whole lines, newline included; default: stderr. */
  readonly write?: ((lines: string) => void) | undefined
}

/** Where a value must not be, it is not: these names are masked wherever a line's fields have them. */
const secretNames = ['password', '*.password', 'token', '*.token', 'authorization', '*.authorization']

/** Logs to stderr: stdout is for data. Each line is written before the call returns, so none is lost at the end. */
export function createLogger({ level, output, write }: LoggerOptions): Logger {
  const options = { level, base: null, redact: { paths: secretNames, censor: '***' } }
  if (output === 'json') {
    const destination = write ? { write } : pino.destination({ dest: 2, sync: true })
    return pino({ ...options, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  }
  const colorize = process.stderr.isTTY && process.stderr.hasColors()
  const pretty = { colorize, translateTime: 'SYS:HH:MM:ss.l' }
  if (write) {
    const format = prettyFactory(pretty)
    return pino(options, { write: (line) => write(format(line)) })
  }
  return pino(options, PinoPretty({ ...pretty, destination: 2, sync: true }))
}
