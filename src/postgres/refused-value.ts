import pg from 'pg'
import { preview } from '#core/preview.ts'
import { typeText } from '#core/column-type.ts'
import type { PostgresTable, Scalar } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { Connections } from './connection-pool.ts'
import { rollingBackOf } from './transaction.ts'

/** A data exception, or a CHECK: of the table, or of a domain. */
const mayBeOneValue = /^(22|23514)/

/**
 * Which value of a row that was refused alone its column does not take: the server names no column for that. Each is cast to
 * its column's type, as it would be stored.
 *
 * @returns the failure with that value, or as it was where no value is refused by itself
 */
export async function orRefusedValue<R>(
  failure: unknown,
  pool: Connections,
  table: PostgresTable<R>,
  row: R,
): Promise<unknown> {
  if (!(failure instanceof WriteFailure) || failure.class !== 'bad-row') return failure
  if (!mayBeOneValue.test(failure.code ?? '')) return failure
  try {
    return (await rollingBackOf(pool, (client) => refusedBy(client, failure, table, row))) ?? failure
  } catch {
    return failure
  }
}

async function refusedBy<R>(
  client: Pick<pg.ClientBase, 'query'>,
  { class: failureClass, message, code, fixes }: WriteFailure,
  table: PostgresTable<R>,
  row: R,
): Promise<WriteFailure | undefined> {
  for (const column of table.columns) {
    const value = column.of(row)
    if (value === null || column.from !== undefined) continue
    const type = typeText(typeOf(column))
    const error = await refusalOf(client, value, type)
    if (!error || error.code !== code) continue
    const about = `the column ${column.name} takes no ${preview(value)}: its type is ${type}`
    // What a function decides may depend on other rows.
    const ownFault = /^(?:unnamed portal parameter \$1\b.*)?$/.test(error.where ?? '')
    return new WriteFailure(failureClass, message, code, { fixes, ownFault, about })
  }
  return undefined
}

/**
 * As a parameter: a literal would be cut to the length of a domain's base. The server says where a parameter stands, which looks
 * like the context of a function.
 */
async function refusalOf(
  client: Pick<pg.ClientBase, 'query'>,
  value: NonNullable<Scalar>,
  type: string,
): Promise<pg.DatabaseError | undefined> {
  await client.query('SAVEPOINT value')
  try {
    await client.query(`SELECT $1::${type}`, [String(value)])
    return undefined
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    await client.query('ROLLBACK TO SAVEPOINT value')
    return error
  }
}
