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
  /** What to tell the user. */
  readonly message: string
  /** Message and stack trace of what nobody foresaw. */
  readonly stack?: string
}

/**
 * A terminal obeys nothing in it: control characters of what a server or a file said stand as escapes.
 *
 * @param envFile that which the command has read: others that it tells of are to read it, too
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
