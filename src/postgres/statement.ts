import type pg from 'pg'
import { WriteFailure } from '#core/write-failure.ts'
import type { Connections } from './connection-pool.ts'
import { replicated } from './durable.ts'
import { isPooled, runOn } from './session.ts'
import { asWriteFailure, breaksConnection } from './sqlstate.ts'
import { inTransaction, rollingBack } from './transaction.ts'

/**
 * Runs one statement in its own transaction, on its own connection.
 *
 * It resolves when the server is ready for the next query, which it says after the commit; "command complete" alone
 * comes before it.
 *
 * @param table the one that is written to, where a row of it may be to blame
 * @throws WriteFailure
 */
export function runStatement<Row extends pg.QueryResultRow>(
  pool: Connections,
  statement: pg.QueryConfig,
  where: string,
  table?: string,
): Promise<pg.QueryResult<Row>> {
  return onConnection(pool, where, table, (client) => {
    const run = () => runOn<Row>(client, statement)
    // Behind a pooler names and limits are the transaction's: the session is that of others as well.
    return isPooled(client) ? inTransaction(client, run, where) : replicated(client, where, run)
  })
}

/**
 * Runs `work` as one transaction.
 *
 * @throws WriteFailure, that of `work` as it is; nothing is committed then, or it is not known
 */
export function runTransaction<T>(
  pool: Connections,
  work: (client: pg.PoolClient) => Promise<T>,
  where: string,
  table?: string,
): Promise<T> {
  return onConnection(pool, where, table, (client) => inTransaction(client, () => work(client), where))
}

/**
 * Runs `work` as one transaction that is always rolled back.
 *
 * @throws WriteFailure
 */
export async function runAndRollBack<T>(
  pool: Connections,
  work: (client: pg.PoolClient) => Promise<T>,
  where: string,
  table?: string,
): Promise<T> {
  return onConnection(pool, where, table, (client) => rollingBack(client, () => work(client)))
}

/**
 * A connection whose answer is not known to be complete is destroyed: after a client-side time-out the statement may
 * still land, and what it sends would be taken for the answer to the next one.
 */
async function onConnection<T>(
  pool: Connections,
  where: string,
  table: string | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  let client: pg.PoolClient
  try {
    client = await pool.connect()
  } catch (error) {
    throw asWriteFailure(error, where)
  }
  let failure: WriteFailure | undefined
  try {
    return await work(client)
  } catch (error) {
    failure = error instanceof WriteFailure ? error : asWriteFailure(error, where, table)
    throw failure
  } finally {
    client.release(failure !== undefined && breaksConnection(failure))
  }
}
