import type { Advice } from '#core/advice.ts'
import { advice, command } from '#core/advice.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { Connections } from '../connection-pool.ts'
import type { Queryable } from '../queryable.ts'
import { runStatement, runTransaction } from '../statement.ts'
import { daysSql } from './identities-sql.ts'
import { keepDaysFunction, keepDaysGrant } from './keep-days-function.ts'

export interface AppliedDays {
  /** Until when there are partitions, in Unix ms; undefined where there is none of today. */
  readonly untilMs: number | undefined
}

const text = `SELECT ${keepDaysFunction}($1::interval)`

/**
 * Has those partitions of `applied_messages` made that are missing, and those dropped that are no longer needed. Any number
 * of replicas may do this at once.
 *
 * @throws WriteFailure
 */
export async function keepAppliedDays(pool: Connections, horizonMs: number): Promise<AppliedDays> {
  const keep = async (client: Queryable): Promise<AppliedDays> => {
    await client.query(text, [`${horizonMs} milliseconds`])
    const { rows } = await client.query<{ until: Date | null }>(daysSql)
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
const duplicateTable = '42P07'

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
  if (code === duplicateTable)
    return new WriteFailure(
      'schema-drift',
      `${message}: the table of a day exists, and is no partition`,
      code,
      {
        fixes: [advice`as its owner: ${attachment}, for the day in its name; or drop it`],
        cause,
      },
    )
  // Nothing that the function fails for is the fault of a row.
  return failureClass === 'bad-row' ? new WriteFailure('schema-drift', message, code, { cause }) : error
}

const attachment =
  "ALTER TABLE applied_messages ATTACH PARTITION applied_messages_<day> FOR VALUES FROM ('<day> 00:00+00') TO ('<next day> 00:00+00')"

async function grant(pool: Connections): Promise<Advice> {
  const text = 'SELECT quote_ident(current_user) AS role'
  const { rows } = await runStatement<{ role: string }>(pool, { text }, 'the role')
  return advice`as its owner: ${keepDaysGrant(String(rows[0]?.role))}`
}
