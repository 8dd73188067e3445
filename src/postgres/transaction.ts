import type pg from 'pg'
import { makeDurable, replicated } from './durable.ts'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'
import { statementTimeoutOf } from './session.ts'
import { losesConnection } from './sqlstate.ts'

/** A connection. */
export type Transactional = Pick<pg.ClientBase, 'query' | 'on' | 'off'>

/**
 * Runs `work` as one transaction whose commit is durable, whatever it or a trigger has set in between. Names are looked
 * up as in a new session of the role, whatever somebody has left on the server connection of a pooler. A session that
 * stops in the middle of it is ended by the server, with its locks.
 *
 * @throws WriteFailure where the commit is not known to be on the standbys; whatever `work` throws
 */
export async function inTransaction<T>(client: Transactional, work: () => Promise<T>): Promise<T> {
  return await replicated(client, 'transaction', async () => {
    try {
      // One request: where its end fails, its beginning may have worked.
      await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; ${localSettings(client)}; ${makeDurable}`)
      const result = await work()
      await client.query(`${makeDurable}; COMMIT`)
      return result
    } catch (error) {
      await rollBack(client)
      throw error
    }
  })
}

/** Runs `work` as one transaction that changes nothing and waits for nobody's lock for long. */
export async function inReadOnlyTransaction<T>(
  client: Transactional,
  lockTimeoutSeconds: number,
  work: () => Promise<T>,
): Promise<T> {
  return await rollingBack(client, async () => {
    await client.query(`SET TRANSACTION READ ONLY; SET LOCAL lock_timeout = '${lockTimeoutSeconds}s'`)
    return await work()
  })
}

/** Runs `work` as one transaction that is rolled back in any case. */
export async function rollingBack<T>(client: Transactional, work: () => Promise<T>): Promise<T> {
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; ${localSettings(client)}`)
    return await work()
  } finally {
    await rollBack(client)
  }
}

/** As {@link inTransaction}, on a connection of its own. */
export function withTransaction<T>(
  options: PostgresOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withConnection(options, (client) => inTransaction(client, () => work(client)))
}

/** As {@link inTransaction}, on a connection of the pool. */
export async function inTransactionOf<T>(
  pool: pg.Pool,
  work: (client: Transactional) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let isBroken = false
  try {
    return await inTransaction(client, () => work(client))
  } catch (error) {
    isBroken = losesConnection(error)
    throw error
  } finally {
    client.release(isBroken)
  }
}

function localSettings(client: Transactional): string {
  const statementTimeoutMs = statementTimeoutOf(client)
  return [
    `SET LOCAL idle_in_transaction_session_timeout = '60s'`,
    'SET LOCAL search_path TO DEFAULT',
    ...(statementTimeoutMs === undefined ? [] : [`SET LOCAL statement_timeout = ${statementTimeoutMs}`]),
  ].join('; ')
}

async function rollBack(client: Transactional): Promise<void> {
  // Where the connection is gone the server has done it already.
  await client.query('ROLLBACK').catch(() => {})
}
