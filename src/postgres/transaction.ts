import type pg from 'pg'
import type { Connections } from './connection-pool.ts'
import { makeDurable, replicated } from './durable.ts'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'
import { isPooled, runOn, statementTimeoutOf } from './session.ts'
import { isUnanswered, losesConnection } from './sqlstate.ts'

/** A connection. */
export type Transactional = Pick<pg.ClientBase, 'query' | 'on' | 'off'>

/**
 * Runs `work` as one transaction whose commit is durable, whatever it or a trigger has set in between. It goes by the
 * settings of a new session of the role, whatever another client has left on the server connection of a pooler. A session
 * that stops in the middle of it is ended by the server, with its locks.
 *
 * @param where what is written to, for messages
 * @throws WriteFailure where the commit is not known to be on the standbys; whatever `work` throws
 */
export async function inTransaction<T>(
  client: Transactional,
  work: () => Promise<T>,
  where = 'transaction',
): Promise<T> {
  return await replicated(client, where, async () => {
    try {
      // One request: where its end fails, its beginning may have worked.
      await client.query(`${beginWriting(client)}; ${localSettings(client)}; ${makeDurable}`)
      const result = await work()
      // The wait of a commit for a standby ends by a cancel request alone.
      await runOn(client, { text: `${makeDurable}; COMMIT` })
      return result
    } catch (error) {
      await rollBack(client, error)
      throw error
    }
  })
}

/** Runs `work` as one read-only transaction that does not wait long for locks. */
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
  let result: T
  try {
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED; ${localSettings(client)}`)
    result = await work()
  } catch (error) {
    await rollBack(client, error)
    throw error
  }
  await rollBack(client)
  return result
}

/** As {@link inTransaction}, on its own connection. */
export function withTransaction<T>(
  options: PostgresOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withConnection(options, (client) => inTransaction(client, () => work(client)))
}

/** As {@link rollingBack}, on a connection of the pool. */
export async function rollingBackOf<T>(
  pool: Connections,
  work: (client: Transactional) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  let isBroken = false
  try {
    return await rollingBack(client, () => work(client))
  } catch (error) {
    isBroken = losesConnection(error)
    throw error
  } finally {
    client.release(isBroken)
  }
}

/** A server connection of a pooler may have been left read-only. A standby refuses to write, then with 0A000. */
function beginWriting(client: Transactional): string {
  return `BEGIN ISOLATION LEVEL READ COMMITTED${isPooled(client) ? ' READ WRITE' : ''}`
}

/** What decides how our statements are read, what they mean and who runs them. */
const pooledSettings = [
  'search_path',
  'role',
  'quote_all_identifiers',
  'array_nulls',
  'default_transaction_isolation',
]

/** Unless they are named they come first, also those that another client of a pooler has made. */
const temporaryTablesLast = `SELECT set_config('search_path',
  concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true)`

function localSettings(client: Transactional): string {
  const statementTimeoutMs = statementTimeoutOf(client)
  const settings = isPooled(client) ? pooledSettings : ['search_path']
  return [
    `SET LOCAL idle_in_transaction_session_timeout = '60s'`,
    ...settings.map((name) => `SET LOCAL ${name} TO DEFAULT`),
    ...(isPooled(client) ? [temporaryTablesLast] : []),
    ...(statementTimeoutMs === undefined ? [] : [`SET LOCAL statement_timeout = ${statementTimeoutMs}`]),
  ].join('; ')
}

/**
 * @param cause of a connection that no longer answers, which is not asked once more: the server does it when the
 *   connection is gone, and to wait for that would double the time
 */
async function rollBack(client: Transactional, cause?: unknown): Promise<void> {
  if (cause !== undefined && isUnanswered(cause)) return
  await client.query('ROLLBACK').catch(() => {})
}
