import { tableName } from '#core/table-name.ts'
import type { MemberFault } from '#pipeline/mapping/mapping-error.ts'
import { hiddenIn } from '#postgres/doctor/table-facts.ts'
import { bareName } from '#postgres/identifier.ts'
import type { NeededTable } from '#postgres/needed-tables.ts'
import type { Queryable } from '#postgres/queryable.ts'
import { tablesLike } from '#postgres/read-catalog.ts'
import { tableFaults } from '#postgres/start-check.ts'
import { missingFix } from './missing-fix.ts'

export interface AbsenceCircumstances {
  readonly pipeline: string
  /** The database, as in a sentence. */
  readonly place: string
  readonly envFile: string | undefined
}

/** That a definition's table does not exist, with what was probably meant. */
export async function absenceFault(
  connection: Queryable,
  needed: NeededTable,
  { pipeline, place, envFile }: AbsenceCircumstances,
): Promise<MemberFault> {
  const { name } = needed
  const path = ['table']
  const hidden = await hiddenFault(connection, name)
  if (hidden) return { path, ...hidden }
  const what = absenceText(name, place)
  const similar = await tablesLike(connection, name)
  if (similar.length > 0) return { path, what, fix: `did you mean ${similar.join(' or ')}?` }
  // A mapping does not say which columns the table should have.
  const isKnown = Object.keys(needed.columns).length > 0
  const [fault] = isKnown ? await tableFaults(connection, needed) : []
  const fix = fault
    ? await missingFix(connection, needed, fault, { pipeline, envFile })
    : 'create it, or check the name and INGESTER_POSTGRES_DB'
  return { path, what, fix }
}

export const absenceText = (table: string, place: string) => `table ${table} does not exist in the ${place}`

/** That there is such a table, in a schema that the role may not use. */
export async function hiddenFault(
  connection: Queryable,
  table: string,
): Promise<{ readonly what: string; readonly fix: string } | undefined> {
  const hidden = await hiddenIn(connection, bareName(table), tableName(table)?.schema)
  if (!hidden || hidden.usable) return undefined
  return {
    what: `${hidden.role} may not use the schema ${hidden.schema}, in which ${table} is`,
    fix: `as the schema's owner: GRANT USAGE ON SCHEMA ${hidden.schema} TO ${hidden.role};`,
  }
}
