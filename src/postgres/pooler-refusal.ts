import pg from 'pg'
import { messageOf } from '#core/error-message.ts'

/** PgBouncer has these codes for its refusals, also for those that pass by themselves. */
const poolerCodes = new Set(['08P01', '08004'])
const passing =
  /timeout|try again|login has been failing|no more connections|too many|cannot connect|connect failed|server conn|dns|lookup|disabled|shut|paus|suspend|crash|clos|database system is/i

/** A pooler refuses the connection, and will do so until its configuration or ours is changed. */
export function isRefusedByPooler(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError) || !poolerCodes.has(error.code ?? '')) return false
  return refusedParameter(error) !== undefined || !passing.test(error.message)
}

/** The startup parameter that a pooler does not let through; undefined where it is something else. */
export function refusedParameter(error: unknown): string | undefined {
  return /unsupported startup parameter(?: in options)?:? "?(\w+)/i.exec(messageOf(error))?.[1]
}

/** What to put into pgbouncer.ini, section [pgbouncer]. */
export function ignoringLine(parameter: string): string {
  return `ignore_startup_parameters = ${parameter}`
}

/** The ingester itself asks for none that PgBouncer refuses; `options` come from the environment. */
export function refusedParameterFix(parameter: string): string {
  const line = `put this into pgbouncer.ini, section [pgbouncer]: ${ignoringLine(parameter)}`
  return parameter === 'options' ? `unset PGOPTIONS, or ${line}` : line
}
