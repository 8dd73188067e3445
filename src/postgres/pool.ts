import type pg from 'pg'
import { messageOf } from '#core/error-message.ts'
import type { Explain } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { Secret } from '#core/secret.ts'
import { reveal } from '#core/secret.ts'
import { ConnectionPool } from './connection-pool.ts'
import { DiscreetClient } from './server-error.ts'
import type { SessionOptions } from './session.ts'
import { answerLimitMs, openSession } from './session.ts'
import { tlsOptions } from './tls-options.ts'

export interface PostgresOptions extends SessionOptions {
  readonly user: string
  readonly password: Secret
  readonly database: string
  /** A server that has not let a connection in by then is taken for gone. */
  readonly connectTimeoutMs?: number
  /** As {@link ConnectionPoolOptions} has them. */
  readonly onSilence?: () => void
  readonly checkAfterIdleMs?: number
  readonly checkTimeoutMs?: number
}

export interface PoolOptions extends PostgresOptions {
  readonly poolSize: number
  readonly explain?: Explain
}

const defaultConnectTimeoutMs = 5000

/** A pool of connections. Nothing connects before the first query. */
export function createPool(options: PoolOptions, logger: Logger): ConnectionPool {
  const pool = new ConnectionPool({
    ...connectionOptions(options),
    max: options.poolSize,
    // They are few, and a watcher cannot tell lost connections from idle ones that were closed.
    idleTimeoutMillis: 0,
    query_timeout: answerLimitMs(options),
    application_name: 'ingester',
    logger,
    explain: options.explain,
    onSilence: options.onSilence,
    checkAfterIdleMs: options.checkAfterIdleMs,
    checkTimeoutMs: options.checkTimeoutMs,
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it; only its types do not say so
    onConnect: (client) => openSession(client, options),
  })
  // While a connection is lent out the pool does not listen to it. When it breaks, the statement that runs on it
  // fails; the event adds nothing, and without a listener it would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  // An idle connection that breaks is replaced when next needed; without a listener, this event would end the process.
  pool.on('error', (error) =>
    logger.warn({ error: messageOf(error) }, 'an idle PostgreSQL connection was lost'),
  )
  return pool
}

/**
 * Runs `work` on a connection of its own, and closes it. A frozen server is waited for, unless `clientTimeoutMarginMs`
 * is given.
 */
export async function withConnection<T>(
  options: PostgresOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new DiscreetClient({
    ...connectionOptions(options),
    ...(options.clientTimeoutMarginMs === undefined ? {} : { query_timeout: answerLimitMs(options) }),
  })
  // As above: the query that runs fails.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    // Where it was we who gave up, the server would wait for a password for a minute more.
    client.end().catch(() => {})
    throw error
  }
  try {
    await openSession(client, options)
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Host, credentials, TLS and the time for all that, for a pool or for a single client. */
export function connectionOptions(options: PostgresOptions): pg.ClientConfig {
  const { host, port, user, password, database, connectTimeoutMs = defaultConnectTimeoutMs } = options
  return {
    host,
    port,
    user,
    password: passwordOf(password),
    database,
    ssl: tlsOptions(options),
    connectionTimeoutMillis: connectTimeoutMs,
    // Firewalls and NATs forget what is silent for minutes; a peer that is gone is noticed after ten pings, one a second.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}

/**
 * A function, since a password may change in its file; and since node-postgres takes an empty string for none and looks
 * in PGPASSWORD and ~/.pgpass. Where there is none it ends the connection, which node-postgres would leave to wait for a
 * minute, counted by the server.
 */
function passwordOf(secret: Secret): () => string {
  return function password(this: { readonly connection: pg.Connection }) {
    try {
      return reveal(secret)
    } catch (error) {
      this.connection.stream.destroy()
      throw error
    }
  }
}
