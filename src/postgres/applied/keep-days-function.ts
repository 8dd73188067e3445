import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Queryable } from '../queryable.ts'

/** The function that keeps the days. It runs with the rights of its owner, who may make and drop partitions. */
export const keepDaysFunction = 'keep_applied_days'

/** Whether the function can be called, and does what it is for. */
export interface KeepDaysFacts {
  /** Quoted where it must be. */
  readonly role: string
  readonly exists: boolean
  readonly isExecutable: boolean
  /** It runs with the rights of its owner. */
  readonly isDefiner: boolean
}

const text = `SELECT quote_ident(current_user) AS role, p.oid IS NOT NULL AS exists,
  coalesce(has_function_privilege(p.oid, 'EXECUTE'), false) AS "isExecutable", coalesce(p.prosecdef, false) AS "isDefiner"
FROM (SELECT to_regprocedure('${keepDaysFunction}(interval)') AS oid) AS f LEFT JOIN pg_proc AS p ON p.oid = f.oid`

/** @throws whatever the connection throws */
export async function keepDaysFacts(connection: Queryable): Promise<KeepDaysFacts> {
  const { rows } = await connection.query<KeepDaysFacts>(text)
  return rows[0] as KeepDaysFacts
}

/** The statement that lets a role keep the days, without a semicolon. */
export const keepDaysGrant = (role: string): string =>
  `GRANT EXECUTE ON FUNCTION ${keepDaysFunction}(interval) TO ${role}`

/** The statements of its migration that make the function. Undefined where none does. */
export async function keepDaysCreation(dir: string): Promise<string | undefined> {
  for (const file of (await readdir(dir)).filter((name) => name.endsWith('.sql')).sort()) {
    const [up = ''] = (await readFile(join(dir, file), 'utf8')).split(/^-- Down Migration/m)
    const [statements] =
      /^DO \$make\$\nBEGIN\n {2}EXECUTE format\(\$create\$\nCREATE FUNCTION keep_applied_days[^]*^REVOKE [^;]*;/m.exec(
        up,
      ) ?? []
    if (statements !== undefined) return statements.replaceAll(/\s*--.*$/gm, '').replaceAll(/\n\s*\n/g, '\n')
  }
  return undefined
}
