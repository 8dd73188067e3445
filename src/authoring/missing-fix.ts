import { adviceText } from '#connect/explain.ts'
import { additionAdvice, creationAdvice } from '#postgres/table-advice.ts'
import { mayMigrate, migrationsTableOf } from '#postgres/migrations.ts'
import type { NeededTable } from '#postgres/needed-tables.ts'
import type { Queryable } from '#postgres/queryable.ts'
import type { TableFault } from '#postgres/start-check.ts'

export const asOwners = "as the tables' owner, whose variables are in owner.env"

/**
 * What to do about a table or columns that are not there: by someone who may, and with the rights that are needed next.
 *
 * @param pipeline whose table it is; undefined: the engine's own
 */
export async function missingFix(
  connection: Queryable,
  needed: NeededTable,
  fault: TableFault,
  { pipeline, envFile }: { readonly pipeline?: string; readonly envFile: string | undefined },
): Promise<string> {
  const advice = (who?: string) =>
    fault.kind === 'absent' ? creationAdvice(needed, who) : additionAdvice(needed, fault.missing, who)
  const noted = pipeline === undefined ? undefined : migrationsTableOf(pipeline)
  if (await mayMigrate(connection, noted)) return adviceText(advice(), envFile)
  const made = adviceText(advice(asOwners), 'owner.env')
  return fault.kind === 'absent' ? `${made}; then: ${fault.grant};` : made
}
