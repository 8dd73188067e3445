import { WriteFailure } from '#core/write-failure.ts'
import type { LockWait } from '#core/sink.ts'
import type { Connections } from './connection-pool.ts'
import { rollingBackOf } from './transaction.ts'
import { quotedTable } from './identifier.ts'

/**
 * For how long a statement waits for a row that another transaction holds. Writers of our own hold rows for 5 to 50 ms,
 * a dozen of them that all want the same rows for some 200; an application may hold them for minutes.
 */
export const lockWaits: LockWaits = { usual: '300ms', brief: '2ms' }

/** Parameters of {@link limitedWait}. */
export type LockWaits = Readonly<Record<LockWait, string>>

/**
 * A condition that always holds, and ends the statement with 55P03 where it waits for a row for longer than the
 * parameter says. Like `durable` it is evaluated once, before the first row. The lock of the whole table is requested
 * before that, and waited for until the statement's own timeout.
 */
export function limitedWait(parameter: string): string {
  return `(SELECT set_config('lock_timeout', ${parameter}::text, true)) <> ''`
}

/** The modes that conflict with writing rows; a session that waits for one blocks us as well. */
const modes = ['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']

/** Reads catalogs only, which no lock of the table hides. */
const text = `
WITH RECURSIVE tree AS (
  SELECT to_regclass($1)::oid AS oid UNION SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON i.inhparent = tree.oid)
SELECT mode, pid FROM pg_locks
WHERE locktype = 'relation' AND mode = ANY($2::text[]) AND relation IN (SELECT oid FROM tree)
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY granted DESC, pid LIMIT 1`

/** The codes of statements that may have waited for the whole table. */
const mayHaveWaited = new Set(['57014', '55P03'])

/**
 * A statement that waited for the whole table in vain is an outage, however few rows it has.
 *
 * @returns what that is, or the failure as it was
 */
export async function orLockedTable(failure: unknown, pool: Connections, table: string): Promise<unknown> {
  if (!(failure instanceof WriteFailure) || !mayHaveWaited.has(failure.code ?? '')) return failure
  try {
    const { rows } = await rollingBackOf(pool, (client) =>
      client.query<{ mode: string; pid: number | null }>(text, [quotedTable(table), modes]),
    )
    const [lock] = rows
    if (lock?.mode === undefined) return failure
    const who = lock.pid === null ? 'a prepared transaction' : `pid ${lock.pid}`
    return new WriteFailure(
      'infrastructure',
      `table ${table}: locked as a whole by another session (${lock.mode}, ${who}) [${failure.code}]; ` +
        `see what it does: SELECT * FROM pg_stat_activity WHERE pid = ${lock.pid ?? 0}`,
      failure.code,
    )
  } catch {
    return failure
  }
}
