/**
 * What makes a commit a fact that may be acked: it survives a crash of the server and, where the server replicates
 * synchronously, a failover. A role, a database, a reload of the configuration or another client of a connection
 * pooler may have relaxed `synchronous_commit` since we connected, so no connection is relied on: every transaction that
 * must be durable sets it itself.
 */
import type pg from 'pg'
import { WriteFailure } from '#core/write-failure.ts'

/**
 * Until the end of the transaction `off`, `local` and `remote_write` become `on`; `on` and `remote_apply` stay.
 * The server reports a commit that is not replicated by a warning, so warnings must not be suppressed.
 */
const settings = `set_config('synchronous_commit',
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN 'on'
         ELSE current_setting('synchronous_commit') END, true)
  || set_config('client_min_messages', 'warning', true)`

/**
 * A condition that always holds. In the WHERE clause of a statement that writes it is evaluated once, before the first
 * row, since an uncorrelated subquery is; the commit that follows is durable.
 */
export const durable = `(SELECT ${settings}) <> ''`

/** The same as a statement of its own, for a transaction that is about to commit. */
export const makeDurable = `SELECT ${settings}`

/**
 * Listens whether the commits of `work` reach the standbys that they have to reach. Another session may cancel the wait for
 * them (`pg_cancel_backend`): the server then reports success, with a warning that only these two fields identify in
 * every language. https://www.postgresql.org/docs/18/warm-standby.html#SYNCHRONOUS-REPLICATION-HA
 *
 * @throws WriteFailure where one did not; whatever `work` throws
 */
export async function replicated<T>(
  client: Pick<pg.ClientBase, 'on' | 'off'>,
  where: string,
  work: () => Promise<T>,
): Promise<T> {
  let unreplicated = false
  const listen = ({ file, routine }: { file?: string | undefined; routine?: string | undefined }) => {
    unreplicated ||= file === 'syncrep.c' || routine === 'SyncRepWaitForLSN'
  }
  client.on('notice', listen)
  try {
    const result = await work()
    if (unreplicated) throw new WriteFailure('infrastructure', `${where}: ${unreplicatedCommit}`)
    return result
  } finally {
    client.off('notice', listen)
  }
}

const unreplicatedCommit =
  'the commit is not known to be on a standby, because its wait for synchronous replication was cancelled; ' +
  'check synchronous_standby_names and the standbys'
