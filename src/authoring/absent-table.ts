import { adviceText } from '#connect/explain.ts'
import { tableName } from '#core/table-name.ts'
import type { MemberFault } from '#pipeline/mapping/mapping-error.ts'
import { hiddenIn } from '#postgres/doctor/table-facts.ts'
import { bareName } from '#postgres/identifier.ts'
import type { NeededTable } from '#postgres/needed-tables.ts'
import type { Queryable } from '#postgres/queryable.ts'
import { tablesLike } from '#postgres/read-catalog.ts'
import { creationAdvice } from '#postgres/table-advice.ts'

/** That a definition's table does not exist, with what was probably meant. */
export async function absenceFault(
  connection: Queryable,
  needed: NeededTable,
  place: string,
  envFile: string | undefined,
): Promise<MemberFault> {
  const { name } = needed
  const path = ['table']
  const { schema } = tableName(name) ?? {}
  const hidden = await hiddenIn(connection, bareName(name), schema)
  if (hidden && !hidden.usable)
    return {
      path,
      what: `${hidden.role} may not use the schema ${hidden.schema}, in which ${name} is`,
      fix: `as the schema's owner: GRANT USAGE ON SCHEMA ${hidden.schema} TO ${hidden.role};`,
    }
  const similar = await tablesLike(connection, name)
  const what = `there is no table ${name} at ${place}`
  if (similar.length > 0) return { path, what, fix: `did you mean ${similar.join(' or ')}?` }
  // A mapping does not say which columns the table should have.
  const isKnown = Object.keys(needed.columns).length > 0
  return {
    path,
    what,
    fix: isKnown
      ? adviceText(creationAdvice(needed), envFile)
      : 'create it, or check the name and INGESTER_POSTGRES_DB',
  }
}
