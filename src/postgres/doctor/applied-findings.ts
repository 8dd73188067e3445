import type { Finding } from '#core/finding.ts'
import { failed, ok, skippedAll, warning } from '#core/finding.ts'
import { remark, sql } from '#core/fix.ts'
import {
  keepDaysCreation,
  keepDaysFacts,
  keepDaysFunction,
  keepDaysGrant,
} from '../applied/keep-days-function.ts'
import { appliedMessages } from '../needed-tables.ts'
import type { Queryable } from '../queryable.ts'
import type { TableCheckOptions } from './table-findings.ts'
import { migrating, owner } from './table-findings.ts'

export interface AppliedCheckOptions extends Pick<TableCheckOptions, 'migrations' | 'migrationsDir'> {
  /** For how long it is remembered what has counted. */
  readonly horizonMs: number
}

const functionName = `function ${keepDaysFunction}`
const daysName = `days of ${appliedMessages.name}`

export const appliedNames = [functionName, daysName]

/**
 * What keeps the days of identities, and whether those of today and tomorrow are there.
 *
 * @throws whatever the connection throws
 */
export async function appliedFindings(
  connection: Queryable,
  options: AppliedCheckOptions,
): Promise<Finding[]> {
  const { rows } = await connection.query<{ exists: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS exists',
    [appliedMessages.name],
  )
  if (!rows[0]?.exists) return skippedAll(appliedNames, `there is no ${appliedMessages.name}`)
  return [await functionFinding(connection, options), await daysFinding(connection, options)]
}

async function functionFinding(connection: Queryable, options: AppliedCheckOptions): Promise<Finding> {
  const { role, exists, isExecutable, isDefiner } = await keepDaysFacts(connection)
  if (!exists) return absence(options)
  if (!isDefiner) {
    const alter = `ALTER FUNCTION ${keepDaysFunction}(interval) SECURITY DEFINER;`
    return failed(
      functionName,
      'it runs with the rights of its caller, who can make no day',
      sql(owner, alter),
    )
  }
  if (isExecutable) return ok(functionName, `${role} may call it`)
  return failed(
    functionName,
    `${role} may not call it, so no day is made`,
    sql(owner, `${keepDaysGrant(role)};`),
  )
}

async function absence({ migrations, migrationsDir }: AppliedCheckOptions): Promise<Finding> {
  if (migrations.state !== 'applied')
    return failed(functionName, 'it does not exist', ...migrating(migrations, undefined))
  const detail = 'it does not exist, although its migration was applied: it was dropped by hand'
  const creation = await keepDaysCreation(migrationsDir)
  const fix =
    creation === undefined
      ? remark('create it as the migration of the applied tables does')
      : sql(owner, ...creation.split('\n'))
  return failed(functionName, detail, fix)
}

/** Days are partitions. Those of the future are made by the ingester, those of the past are never made again. */
const daysText = `
SELECT quote_ident(current_user) AS role, to_char(min(day), 'YYYY-MM-DD') AS "first", to_char(max(day), 'YYYY-MM-DD') AS "last",
       coalesce(bool_or(day = today), false) AND coalesce(bool_or(day = today + 1), false) AS "isReady"
FROM (SELECT (now() AT TIME ZONE 'UTC')::date AS today) AS t
LEFT JOIN (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
           FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
           WHERE i.inhparent = to_regclass($1) AND c.relname ~ '^applied_messages_[0-9]{8}$') AS d ON true`

async function daysFinding(connection: Queryable, { horizonMs }: AppliedCheckOptions): Promise<Finding> {
  const { rows } = await connection.query(daysText, [appliedMessages.name])
  const { role, first, last, isReady } = rows[0]
  if (isReady) return ok(daysName, `from ${first} to ${last}`)
  const fix = sql(role, `SELECT ${keepDaysFunction}('${horizonMs / 3_600_000} hours');`)
  if (first === null)
    return warning(daysName, 'none is made yet: the ingester makes them when it starts', fix)
  const detail = `from ${first} to ${last}, so those of today and tomorrow are not all made: no ingester is running, or it cannot make them`
  return warning(daysName, detail, fix)
}
