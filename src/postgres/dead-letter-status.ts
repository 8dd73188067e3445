import { advice } from '#core/advice.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { DeadLetterStatus } from '#core/dead-letter.ts'
import type { DeadLetterDetail } from './dead-letters.ts'
import { ofIds, summaryColumns } from './dead-letters.ts'
import type { Queryable } from './queryable.ts'

/** The order of the statement that stores dead letters: locking in another one would deadlock with it. */
const lockOrder = 'ORDER BY message_id COLLATE "C", publish_time, id FOR UPDATE'

/**
 * Locks dead letters until the end of the transaction and returns them in the order of the ids. Those that no longer have
 * the status, or are gone, are left out. It waits for others who hold one of them.
 */
export async function lockDeadLetters(
  client: Queryable,
  ids: readonly number[],
  status: DeadLetterStatus,
): Promise<DeadLetterDetail[]> {
  await client.query(`SELECT FROM dead_letters WHERE id = ANY($1::bigint[]) AND status = $2 ${lockOrder}`, [
    ids,
    status,
  ])
  // A statement of its own, since one that locks does so in the order of its rows.
  const { rows } = await client.query<DeadLetterDetail>(
    `SELECT ${summaryColumns}, attributes, data ${ofIds} WHERE status = $2 ORDER BY at`,
    [ids, status],
  )
  return rows
}

/**
 * Marks dead letters that {@link lockDeadLetters} has locked.
 *
 * @throws ConfigurationError where the database discards the change
 */
export async function markDeadLetters(
  client: Queryable,
  ids: readonly number[],
  status: DeadLetterStatus,
): Promise<void> {
  const { rowCount } = await client.query(
    'UPDATE dead_letters SET status = $2 WHERE id = ANY($1::bigint[])',
    [ids, status],
  )
  if (rowCount !== ids.length) throw discardedUpdate()
}

/**
 * Marks those that still have the status `from`; returns how many.
 *
 * @throws ConfigurationError where the database discards the change
 */
export async function updateDeadLetterStatus(
  client: Queryable,
  ids: readonly number[],
  from: DeadLetterStatus,
  to: DeadLetterStatus,
): Promise<number> {
  const { rows } = await client.query<{ locked: number; moved: number }>(
    `WITH locked AS (SELECT id FROM dead_letters WHERE id = ANY($1::bigint[]) AND status = $2 ${lockOrder}),
     moved AS (UPDATE dead_letters AS d SET status = $3 FROM locked WHERE d.id = locked.id RETURNING d.id)
     SELECT (SELECT count(*) FROM locked)::integer AS locked, (SELECT count(*) FROM moved)::integer AS moved`,
    [ids, from, to],
  )
  const { locked = 0, moved = 0 } = rows[0] ?? {}
  if (moved !== locked) throw discardedUpdate()
  return moved
}

function discardedUpdate(): ConfigurationError {
  return new ConfigurationError(
    'table dead_letters: an UPDATE of status was discarded by a trigger or rule, so nothing was marked',
    { fixes: [advice`change what it does or, as the owner: ALTER TABLE dead_letters DISABLE TRIGGER …`] },
  )
}
