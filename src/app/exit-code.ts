import { ConfigFault } from '#config/fault.ts'
import { ConfigurationError, UnreachableError, messageOf } from '#core/failure.ts'

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

export function endingOf(error: unknown): Exit {
  if (error instanceof ConfigFault || error instanceof ConfigurationError) {
    return { code: exitCode.usage, message: error.message }
  }
  if (error instanceof UnreachableError) return { code: exitCode.unreachable, message: error.message }
  const stack = error instanceof Error && error.stack ? { stack: error.stack } : {}
  return { code: exitCode.unexpected, message: messageOf(error), ...stack }
}
