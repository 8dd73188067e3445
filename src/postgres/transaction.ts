import type pg from 'pg'
import { makeDurable, replicated } from './durable.ts'

/** A connection. */
export type Transactional = Pick<pg.ClientBase, 'query' | 'on' | 'off'>

/**
 * Runs `work` as one transaction whose commit is durable, whatever it or a trigger has set in between. A session that
 * stops in the middle of it is ended by the server, with its locks.
 *
 * @throws WriteFailure where the commit is not known to be on the standbys; whatever `work` throws
 */
export async function inTransaction<T>(client: Transactional, work: () => Promise<T>): Promise<T> {
  await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = '60s'`)
  try {
    const result = await work()
    await replicated(client, 'transaction', () => client.query(`${makeDurable}; COMMIT`))
    return result
  } catch (error) {
    // Where the connection is gone the server has done it already.
    await client.query('ROLLBACK').catch(() => {})
    throw error
  }
}
