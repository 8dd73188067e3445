import pg from 'pg'
import type { Logger } from '#core/logger.ts'
import { messageOf } from '#core/failure.ts'

export interface PostgresOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** As libpq names them. */
  readonly sslMode: 'disable' | 'require' | 'verify-ca' | 'verify-full'
  readonly poolSize: number
  readonly statementTimeoutMs: number
}

/** A server that does not answer the start of a connection by then is taken for gone. */
const connectTimeoutMs = 5000
/** The server ends a long statement itself; when it does not, it is frozen or cut off, and the client gives up. */
const clientTimeoutMarginMs = 5000

/** A pool of connections. Nothing connects before the first query. */
export function createPool(options: PostgresOptions, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(options),
    max: options.poolSize,
    statement_timeout: options.statementTimeoutMs,
    query_timeout: options.statementTimeoutMs + clientTimeoutMarginMs,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    application_name: 'ingester',
  })
  // An idle connection that breaks is replaced when next needed; unheard, this event would end the process.
  pool.on('error', (error) =>
    logger.warn({ error: messageOf(error) }, 'an idle PostgreSQL connection was lost'),
  )
  return pool
}

/** Host, credentials and TLS, for a pool or for a single client. */
export function connectionOptions(options: PostgresOptions): pg.ClientConfig {
  const { host, port, user, password, database } = options
  return { host, port, user, password, database, ssl: tlsOptions(options.sslMode) }
}

/**
 * TLS as libpq means it: `require` encrypts without knowing to whom, `verify-ca` checks the certificate,
 * `verify-full` its host name too. https://www.postgresql.org/docs/18/libpq-ssl.html
 */
function tlsOptions(mode: PostgresOptions['sslMode']): pg.ClientConfig['ssl'] {
  switch (mode) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return { rejectUnauthorized: true }
  }
}
