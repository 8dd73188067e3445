import type pg from 'pg'
import type { Logger } from '#core/logger.ts'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'
import type { Queryable } from './queryable.ts'
import { isPooled } from './session.ts'

/**
 * - `none`: the connections are the server's own
 * - `transaction`: each transaction may run on another server connection
 * - `session`: nothing of that was seen; a connection seems to keep its server connection
 */
export type Pooling = 'none' | 'transaction' | 'session'

const looks = 5

/**
 * Finds out by a second client that is open at the same time: that the two meet the same server process, or one of them
 * different ones, is possible in transaction mode only. Without a pooler nothing is queried.
 *
 * @throws whatever the first connection throws
 */
export async function poolingOf(first: pg.ClientBase, options: PostgresOptions): Promise<Pooling> {
  if (!isPooled(first)) return 'none'
  const before = await serverProcess(first)
  // Where a pool has but one server connection, in session mode a second client waits for it.
  const patient = { ...options, statementTimeoutMs: secondClientMs, clientTimeoutMarginMs: 0 }
  const isShared = withConnection(patient, async (second) => {
    for (let look = 0; look < looks; look += 1) {
      const seen = [await serverProcess(first), await serverProcess(second)]
      if (seen[0] === seen[1] || seen[0] !== before) return true
    }
    return false
  })
  return (await isShared.catch(() => false)) ? 'transaction' : 'session'
}

const secondClientMs = 1000

async function serverProcess(client: Queryable): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid ?? 0
}

/** What differs behind a pooler, for messages. */
export const pooledDifferences =
  'each write is a transaction of three round trips and is not prepared under a name, and the cache reads the epoch ' +
  'again before it skips a write; see docs/OPERATIONS.md, "Connection poolers"'

/** Logs once at startup that prepared statements are not used behind a pooler. Never rejects. */
export async function reportPooler(pool: pg.Pool, options: PostgresOptions, logger: Logger): Promise<void> {
  try {
    const client = await pool.connect()
    const pooling = await poolingOf(client, options).finally(() => client.release())
    if (pooling === 'none') return
    logger.info({}, `PostgreSQL is behind a connection pooler in ${pooling} mode: ${pooledDifferences}`)
  } catch {
    // The server is gone again; the next user of the pool reports that.
  }
}
