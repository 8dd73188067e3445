import type { Advice } from '#core/advice.ts'
import { advice, command } from '#core/advice.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { Connections } from '../connection-pool.ts'
import type { Queryable } from '../queryable.ts'
import { runStatement, runTransaction } from '../statement.ts'
import { keepDaysFunction, keepDaysGrant } from './keep-days-function.ts'

export interface AppliedDays {
  /** Until when there are partitions, in Unix ms; undefined where there is none. */
  readonly untilMs: number | undefined
}

const text = `SELECT ${keepDaysFunction}($1::interval)`

const untilText = `SELECT (max(to_date(right(c.relname, 8), 'YYYYMMDD')) + 1)::timestamp AT TIME ZONE 'UTC' AS until
FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'applied_messages'::regclass AND c.relname ~ '^applied_messages_[0-9]{8}$'`

/**
 * Has those partitions of `applied_messages` made that are missing, and those dropped that are no longer needed. Any number
 * of replicas may do this at once.
 *
 * @throws WriteFailure
 */
export async function keepAppliedDays(pool: Connections, horizonMs: number): Promise<AppliedDays> {
  const keep = async (client: Queryable): Promise<AppliedDays> => {
    await client.query(text, [`${horizonMs} milliseconds`])
    const { rows } = await client.query<{ until: Date | null }>(untilText)
    return { untilMs: rows[0]?.until?.getTime() }
  }
  try {
    return await runTransaction(pool, keep, 'table applied_messages')
  } catch (error) {
    throw await advised(error, pool)
  }
}

const undefinedFunction = '42883'
const insufficientPrivilege = '42501'
const lockNotAvailable = '55P03'

async function advised(error: unknown, pool: Connections): Promise<unknown> {
  if (!(error instanceof WriteFailure)) return error
  const { class: failureClass, message, code, cause } = error
  if (code === undefinedFunction)
    return new WriteFailure('schema-drift', message, code, {
      fixes: [advice`create the function: ${command('migrate up')}`],
      cause,
    })
  if (code === insufficientPrivilege)
    return new WriteFailure(failureClass, message, code, { fixes: [await grant(pool)], cause })
  // Another session makes or reads them: no row is to blame.
  if (code === lockNotAvailable) return new WriteFailure('conflict', message, code, { cause })
  return error
}

async function grant(pool: Connections): Promise<Advice> {
  const text = 'SELECT quote_ident(current_user) AS role'
  const { rows } = await runStatement<{ role: string }>(pool, { text }, 'the role')
  return advice`as its owner: ${keepDaysGrant(String(rows[0]?.role))}`
}
