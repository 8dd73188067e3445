import type { Config } from '#config/config.ts'
import { ConfigurationError, UnreachableError, messageOf } from '#core/failure.ts'
import { isConnectionFailure, isRefusedForGood } from '#postgres/sqlstate.ts'

/** Says which database it was, and what to look at, where it cannot be reached. */
export async function reachingPostgres<T>(
  { host, port, database }: Config['postgres'],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // What has been explained already may well speak of connections.
    if (error instanceof ConfigurationError || !isConnectionFailure(error)) throw error
    const mend = 'check INGESTER_POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DB and _SSL_MODE'
    const Kind = isRefusedForGood(error) ? ConfigurationError : UnreachableError
    throw new Kind(`PostgreSQL at ${host}:${port}/${database}: ${messageOf(error)}; ${mend}`, {
      cause: error,
    })
  }
}
