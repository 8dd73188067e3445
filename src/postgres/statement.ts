import type pg from 'pg'
import { WriteFailure } from '#core/failure.ts'
import { replicated } from './durable.ts'
import { asWriteFailure, breaksConnection } from './sqlstate.ts'

/**
 * Runs one statement as a transaction of its own, on a connection of its own.
 *
 * It resolves when the server is ready for the next query, which it says after the commit; "command complete" alone
 * comes before it. A connection whose answer is not known to be complete is destroyed: after a client-side time-out
 * the statement may still land, and what it sends would be taken for the answer to the next one.
 *
 * @returns the number of rows affected
 * @throws WriteFailure
 */
export async function runStatement(pool: pg.Pool, statement: pg.QueryConfig, where: string): Promise<number> {
  let client: pg.PoolClient
  try {
    client = await pool.connect()
  } catch (error) {
    throw asWriteFailure(error, where)
  }
  let failure: WriteFailure | undefined
  try {
    const result = await replicated(client, where, () => client.query(statement))
    return result.rowCount ?? 0
  } catch (error) {
    failure = error instanceof WriteFailure ? error : asWriteFailure(error, where)
    throw failure
  } finally {
    client.release(failure !== undefined && breaksConnection(failure))
  }
}
