/**
 * A connection is not always to a session of the server: a pooler such as PgBouncer may run each transaction on another
 * server connection, which others use as well. What is set there is found by others, and what was set for us may be
 * gone. So nothing is relied on that outlives a transaction, but for what is known to be ours.
 */
import type pg from 'pg'
import type { CancelTarget } from './cancel-request.ts'
import { requestCancel } from './cancel-request.ts'
import type { Queryable } from './queryable.ts'

export interface SessionOptions extends CancelTarget {
  readonly statementTimeoutMs: number
  /** The server cancels a long statement itself; a server that has not done so by this time after is frozen or cut off. */
  readonly clientTimeoutMarginMs?: number
}

interface Session {
  readonly options: SessionOptions
  readonly isPooled: boolean
}

const sessions = new WeakMap<object, Session>()

const defaultMarginMs = 5000

/** How long the client waits for an answer to a statement; the server ends it earlier, where it can. */
export function answerLimitMs({ statementTimeoutMs, clientTimeoutMarginMs }: SessionOptions): number {
  return statementTimeoutMs + (clientTimeoutMarginMs ?? defaultMarginMs)
}

/**
 * To be called once a connection is open. A pooler hands out process ids of its own making: where the server's own is
 * another one, the session is not ours, and its `statement_timeout` stays as it is.
 */
export async function openSession(client: pg.ClientBase, options: SessionOptions): Promise<void> {
  const { processID } = client as pg.ClientBase & { readonly processID?: number | null }
  const { rowCount } = await client.query(
    `SELECT set_config('statement_timeout', $1, false) WHERE pg_backend_pid() = $2`,
    [String(options.statementTimeoutMs), processID],
  )
  sessions.set(client, { options, isPooled: rowCount === 0 })
}

/** Whether a pooler stands between us and the server. */
export function isPooled(client: object): boolean {
  return sessions.get(client)?.isPooled === true
}

/** What limits a statement within a transaction; undefined where the connection is none of {@link openSession}. */
export function statementTimeoutOf(client: object): number | undefined {
  return sessions.get(client)?.options.statementTimeoutMs
}

/**
 * Runs a statement. Behind a pooler it is not prepared under a name, by which another server connection would not know
 * it. Where the server does not end it in time the client asks it to: no `statement_timeout` limits the wait of a
 * commit for a standby.
 */
export async function runOn<Row extends pg.QueryResultRow>(
  client: Queryable,
  statement: pg.QueryConfig | pg.QueryArrayConfig,
): Promise<pg.QueryResult<Row>> {
  const session = sessions.get(client)
  if (!session) return await client.query<Row>(statement)
  const { options, isPooled: pooled } = session
  const { statementTimeoutMs } = options
  // Late enough for the server to do it itself, early enough to receive its answer.
  const cancelAfterMs = statementTimeoutMs + (answerLimitMs(options) - statementTimeoutMs) / 4
  // 0: no limit.
  const timer =
    statementTimeoutMs > 0 ? setTimeout(() => void requestCancel(client, options), cancelAfterMs) : undefined
  try {
    const { name: _, ...unnamed } = statement
    return await client.query<Row>(pooled ? unnamed : statement)
  } finally {
    clearTimeout(timer)
  }
}
