import type { Config } from '#config/config.ts'
import { withConnectionErrors } from '#connect/postgres.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { advice, option } from '#core/advice.ts'
import { withConnection } from '#postgres/pool.ts'
import { asWriteFailure } from '#postgres/sqlstate.ts'
import { checkDeadLetterTable } from '#postgres/start-check.ts'
import type { Transactional } from '#postgres/transaction.ts'
import { rollingBack } from '#postgres/transaction.ts'

export type DatabaseConfig = Pick<Config, 'postgres'>

/** The privileges that changing the status of dead letters needs. */
export const updateRights = ['SELECT', 'UPDATE']

/** Reads the table in one transaction, after the same check. */
export function readDeadLetterTable<T>(
  config: DatabaseConfig,
  work: (client: Transactional) => Promise<T>,
): Promise<T> {
  return withDeadLetterTable(config, ['SELECT'], (client) => rollingBack(client, () => work(client)))
}

/**
 * Works on the table on one connection, after a check that it exists and grants what is needed. Outside a transaction
 * a pooler may put a statement on a connection with another search path.
 */
export function withDeadLetterTable<T>(
  { postgres }: DatabaseConfig,
  rights: readonly string[],
  work: (client: Transactional) => Promise<T>,
): Promise<T> {
  return withConnectionErrors(postgres, () =>
    withConnection(postgres, async (client) => {
      await rollingBack(client, () => checkDeadLetterTable(client, rights))
      return work(client)
    }).catch((error: unknown) => {
      const { class: failureClass, message } = asWriteFailure(error, 'table dead_letters')
      if (failureClass !== 'too-big') throw error
      const fix = advice`raise ${option('postgres.statementTimeout')}, or wait until another redrive is done`
      throw new ConfigurationError(message, { fixes: [fix], cause: error })
    }),
  )
}
