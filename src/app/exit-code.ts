import { ConfigFault } from '#config/config-fault.ts'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import { plain } from '#core/plain.ts'

/** What the commands' exit codes mean; scripts hold on to these. */
export const exitCode = {
  done: 0,
  unexpected: 1,
  usage: 2,
  unreachable: 3,
  checkFailed: 4,
  unsettled: 5,
} as const

/** How an error ends a command. */
export interface Exit {
  readonly code: number
  /** For the user. */
  readonly message: string
  /** Message and stack trace of an unexpected error. */
  readonly stack?: string
}

/**
 * Safe to print: control characters from servers or files are escaped.
 *
 * @param envFile that which the command has read; commands that it suggests read it, too
 */
export function endingOf(error: unknown, envFile?: string): Exit {
  const message = plain(explain(error, envFile), 'lines')
  if (error instanceof ConfigFault || error instanceof ConfigurationError) {
    return { code: exitCode.usage, message }
  }
  if (error instanceof UnreachableError) return { code: exitCode.unreachable, message }
  const stack = error instanceof Error && error.stack ? { stack: plain(error.stack, 'lines') } : {}
  return { code: exitCode.unexpected, message, ...stack }
}
