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

/** How an error ends a command: the code, and what to tell the user. A stack trace only for what nobody foresaw. */
export function endingOf(error: unknown): { code: number; message: string } {
  if (error instanceof ConfigFault || error instanceof ConfigurationError) {
    return { code: exitCode.usage, message: error.message }
  }
  if (error instanceof UnreachableError) return { code: exitCode.unreachable, message: error.message }
  const trace = error instanceof Error && error.stack ? error.stack : messageOf(error)
  return { code: exitCode.unexpected, message: trace }
}
