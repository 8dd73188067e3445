import type { LoggerOptions as PinoOptions } from 'pino'
import { pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Logger } from '#core/logger.ts'
import type { Service } from './cloud-logging.ts'
import { cloudLogging } from './cloud-logging.ts'
import { escapeControls, showEscapes } from './escapes.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

/** `json` for machines, `console` for people, `gcp` for Google Cloud Logging and Error Reporting. */
export type LogOutput = 'json' | 'console' | 'gcp'

/** Takes a whole line, newline included; in `console` the line's fields follow it on lines of their own. */
export type WriteLine = (line: string, isError: boolean) => void

export interface LoggerOptions {
  readonly level: (typeof logLevels)[number]
  readonly output: LogOutput
  readonly service: Service
  readonly write: WriteLine
}

/** Redacted fields, wherever a line has them. */
const secretNames = ['password', '*.password', 'token', '*.token', 'authorization', '*.authorization']

/** A log in which control characters of values and messages are escaped, in every output. */
export function createLogger({ level, output, service, write }: LoggerOptions): Logger {
  return pino({ ...optionsOf(output, service), level }, destinationOf(output, write))
}

/** The line, newline included, for the error that ended the process; it is logged at every level. */
export function fatalLine(output: LogOutput, service: Service, fields: object, message: string): string {
  const lines: string[] = []
  const destination = destinationOf(output, (line) => lines.push(line))
  pino({ ...optionsOf(output, service), level: 'fatal' }, destination).fatal(fields, message)
  return lines.join('')
}

function optionsOf(output: LogOutput, service: Service): PinoOptions {
  const common = { base: null, redact: { paths: secretNames, censor: '***' } }
  if (output === 'console') return common
  if (output === 'gcp') return { ...common, ...cloudLogging(service) }
  return { ...common, timestamp: pino.stdTimeFunctions.isoTime }
}

const errorLevel = 50

function destinationOf(output: LogOutput, write: WriteLine) {
  const colorize = process.stderr.isTTY && process.stderr.hasColors()
  const pretty = prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pipeline',
    messageFormat: '{if pipeline}{pipeline}: {end}{msg}',
  })
  return {
    // Asks pino for the level of each line.
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string) {
      const json = line.trimEnd()
      const text = output === 'console' ? pretty(showEscapes(json)) : `${escapeControls(json)}\n`
      write(text, this.lastLevel >= errorLevel)
    },
  }
}
