import type { Config } from '#config/config.ts'
import { addressOf } from '#core/address.ts'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import type { Advice } from '#core/advice.ts'
import { advice } from '#core/advice.ts'
import { isLoopback } from '#core/loopback.ts'
import { certificateAdvice } from '#core/certificate-problem.ts'
import { refusedParameter, refusedParameterFix } from '#postgres/pooler-refusal.ts'
import { isConnectionFailure, isRefusedForGood, isWithoutTls } from '#postgres/sqlstate.ts'

type Postgres = Config['postgres']

export function postgresPlace({ host, port, database }: Postgres): string {
  return `PostgreSQL at ${addressOf(host, port)}/${database}`
}

/** The same, where a table is looked for. */
export function databasePlace({ host, port, database }: Postgres): string {
  return `database ${database} at ${addressOf(host, port)}`
}

/** What to look at where it does not let us in. */
export function connectionHint({ host }: Postgres, error: unknown): Advice {
  const ofCertificate = certificateAdvice(error)
  if (ofCertificate !== undefined) return advice`${ofCertificate}`
  const parameter = refusedParameter(error)
  if (parameter !== undefined) return advice`${refusedParameterFix(parameter)}`
  if (!isWithoutTls(error))
    return advice`check INGESTER_POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DB and _SSL_MODE`
  return isLoopback(host)
    ? advice`set INGESTER_POSTGRES_SSL_MODE=disable, as for any server of this machine that has no TLS`
    : advice`give it a certificate (ssl = on); without TLS, rows and password could be read on the network`
}

/** Adds to a connection error which database it was, and what to check. */
export async function withConnectionErrors<T>(postgres: Postgres, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // An error that is explained already may mention connections, too.
    if (error instanceof ConfigurationError || !isConnectionFailure(error)) throw error
    const Kind = isRefusedForGood(error) ? ConfigurationError : UnreachableError
    const fixes = [connectionHint(postgres, error)]
    throw new Kind(`${postgresPlace(postgres)}: ${messageOf(error)}`, { fixes, cause: error })
  }
}
