import type { Advice } from '#core/advice.ts'
import { advice, command } from '#core/advice.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { Connections } from '../connection-pool.ts'
import type { Queryable } from '../queryable.ts'
import { runStatement, runTransaction } from '../statement.ts'
import { daysSql } from './identities-sql.ts'
import { keepDaysFunction, keepDaysGrant } from './keep-days-function.ts'

export interface AppliedDays {
  /** Set where days were dropped: since when it is known what has counted, in Unix ms. */
  readonly droppedBeforeMs?: number
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
    const before = await daysOn(client)
    await client.query(text, [`${horizonMs} milliseconds`])
    const { since, until } = await daysOn(client)
    const isDropped = before.since !== null && since !== null && since > before.since
    return { untilMs: until?.getTime(), ...(isDropped ? { droppedBeforeMs: since.getTime() } : {}) }
  }
  try {
    return await runTransaction(pool, keep, 'table applied_messages')
  } catch (error) {
    throw await advised(error, pool)
  }
}

interface Days {
  readonly since: Date | null
  readonly until: Date | null
}

async function daysOn(client: Queryable): Promise<Days> {
  const { rows } = await client.query<Days>(daysSql)
  return rows[0] as Days
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
  // Nothing that the function fails for is the fault of a row, or of a batch.
  if (failureClass === 'bad-row') return new WriteFailure('schema-drift', message, code, { cause })
  const isOfBatch = failureClass === 'unknown' || failureClass === 'too-big'
  return isOfBatch ? new WriteFailure('infrastructure', message, code, { cause }) : error
}

const attachment =
  "ALTER TABLE applied_messages ATTACH PARTITION applied_messages_<day> FOR VALUES FROM ('<day> 00:00+00') TO ('<next day> 00:00+00')"

async function grant(pool: Connections): Promise<Advice> {
  const text = 'SELECT quote_ident(current_user) AS role'
  const { rows } = await runStatement<{ role: string }>(pool, { text }, 'the role')
  return advice`as its owner: ${keepDaysGrant(String(rows[0]?.role))}`
}
