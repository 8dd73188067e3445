import { Redis } from 'ioredis'
import type { RedisOptions } from '../connection.ts'
import { tlsOptions } from '../connection.ts'

/** Timeouts for a server that does not answer. */
const connectTimeoutMs = 2000
const commandTimeoutMs = 1500

/**
 * Runs `ask` on a separate connection, without queueing and reconnecting. It sends nothing of its own: no password, no
 * database, so that each error is the answer to a command of `ask`.
 *
 * @throws why there is no connection, or whatever `ask` throws
 */
export async function withTemporaryClient<T>(
  options: RedisOptions,
  ask: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis({
    host: options.host,
    port: options.port,
    ...tlsOptions(options),
    protocol: 2,
    disableClientInfo: true,
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    disconnectTimeout: 0,
  })
  // ioredis rejects with "Connection is closed"; the event before it says why.
  let reason: unknown
  client.on('error', (error) => (reason ??= error))
  try {
    await client.connect()
    return await ask(client)
  } catch (error) {
    throw reason ?? error
  } finally {
    client.disconnect()
  }
}
