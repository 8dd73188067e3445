import type pg from 'pg'
import { ConfigurationError } from '#core/command-error.ts'
import type { DeadLetterStatus } from '#core/dead-letter.ts'
import { tooLarge } from '#core/dead-letter.ts'
import { keptOfTooLargeBytes } from './dead-letter-table.ts'

/** Which dead letters; what is undefined is not asked about. */
export interface DeadLetterFilter {
  readonly pipeline?: string | undefined
  readonly reasons?: readonly string[] | undefined
  readonly status?: DeadLetterStatus | undefined
  /** Last seen at most so long ago. */
  readonly sinceMs?: number | undefined
  readonly ids?: readonly number[] | undefined
}

/** All letters of one reason. */
export interface ReasonGroup {
  readonly reason: string
  readonly count: number
  /** First seen. */
  readonly oldest: Date
  /** Last seen. */
  readonly newest: Date
  /** The detail of one of them. */
  readonly example: string
}

/** What is known about a letter, without its message's content. */
export interface DeadLetterSummary {
  readonly id: number
  readonly pipeline: string
  readonly status: DeadLetterStatus
  readonly reason: string
  readonly detail: string
  /** 0 where the subscription does not count. */
  readonly deliveryAttempt: number
  readonly timesSeen: number
  readonly firstSeenAt: Date
  readonly lastSeenAt: Date
  /** Full name. */
  readonly subscription: string
  readonly messageId: string
  readonly publishTime: Date
  readonly orderingKey: string
  readonly dataBytes: number
  /** Only the beginning of its data was kept. */
  readonly cut: boolean
  /**
   * Some text of it has what {@link DeadLetterTable} writes for NUL and for lone surrogates. It may have been in the
   * message as it stands: that cannot be told any more.
   */
  readonly escaped: boolean
  /** How often it was republished before it became this letter. */
  readonly redriveCount: number
}

export interface DeadLetterDetail extends DeadLetterSummary {
  readonly attributes: Readonly<Record<string, string>>
  readonly data: Buffer
}

/** A message that is republished says in this attribute for the how manieth time. */
export const redriveCountAttribute = 'ingester_redrive_count'

/**
 * float8: node-postgres makes strings of int8. Ids begin at 1 and stay exact.
 * In the text of a jsonb a backslash is two, and a backslash of a regular expression is two, too.
 */
const unit = 'u(0000|d[89a-f][0-9a-f]{2})'
const summaryColumns = `
  id::float8 AS id, pipeline, status, reason, detail, delivery_attempt AS "deliveryAttempt", times_seen AS "timesSeen",
  first_seen_at AS "firstSeenAt", last_seen_at AS "lastSeenAt", subscription, message_id AS "messageId",
  publish_time AS "publishTime", ordering_key AS "orderingKey", octet_length(data) AS "dataBytes",
  reason = '${tooLarge}' AND octet_length(data) = ${keptOfTooLargeBytes} AS cut,
  ordering_key ~ '\\\\${unit}' OR attributes::text ~ '\\\\\\\\${unit}' AS escaped,
  CASE WHEN attributes->>'${redriveCountAttribute}' ~ '^\\d{1,9}$'
       THEN (attributes->>'${redriveCountAttribute}')::integer ELSE 0 END AS "redriveCount"`

const where = `
WHERE ($1::text IS NULL OR pipeline = $1) AND ($2::text[] IS NULL OR reason = ANY($2))
  AND ($3::text IS NULL OR status = $3) AND ($5::bigint[] IS NULL OR id = ANY($5))
  AND ($4::float8 IS NULL OR last_seen_at >= now() - make_interval(secs => $4 / 1000))`

function parametersOf({ pipeline, reasons, status, sinceMs, ids }: DeadLetterFilter): unknown[] {
  return [pipeline ?? null, reasons ?? null, status ?? null, sinceMs ?? null, ids ?? null]
}

/** A connection. */
export type Queryable = Pick<pg.ClientBase, 'query'>

/** The most frequent first. */
export async function readReasons(client: Queryable, filter: DeadLetterFilter): Promise<ReasonGroup[]> {
  const { rows } = await client.query<ReasonGroup>(
    `SELECT reason, count(*)::float8 AS count, min(first_seen_at) AS oldest, max(last_seen_at) AS newest,
            min(detail) AS example
     FROM dead_letters ${where} GROUP BY reason ORDER BY count DESC, reason COLLATE "C"`,
    parametersOf(filter),
  )
  return rows
}

/** The last seen first. */
export async function readNewest(
  client: Queryable,
  filter: DeadLetterFilter,
  limit: number,
): Promise<DeadLetterSummary[]> {
  const { rows } = await client.query<DeadLetterSummary>(
    `SELECT ${summaryColumns} FROM dead_letters ${where} ORDER BY last_seen_at DESC, dead_letters.id DESC LIMIT $6`,
    [...parametersOf(filter), limit],
  )
  return rows
}

export async function readDeadLetter(client: Queryable, id: number): Promise<DeadLetterDetail | undefined> {
  const { rows } = await client.query<DeadLetterDetail>(
    `SELECT ${summaryColumns}, attributes, data FROM dead_letters WHERE id = $1`,
    [id],
  )
  return rows[0]
}

/** The letters of ids ($1), in their order. */
const ofIds = `FROM dead_letters JOIN unnest($1::bigint[]) WITH ORDINALITY AS wanted(wanted_id, at) ON wanted_id = id`

/** In the order of the ids; those that are not there are left out. */
export async function readSummaries(client: Queryable, ids: readonly number[]): Promise<DeadLetterSummary[]> {
  const { rows } = await client.query<DeadLetterSummary>(`SELECT ${summaryColumns} ${ofIds} ORDER BY at`, [
    ids,
  ])
  return rows
}

/** A letter that was selected: as little as tells how to deal with it, since there may be a great many. */
export interface SelectedDeadLetter {
  readonly id: number
  /** About what its message takes in a request. */
  readonly bytes: number
  readonly cut: boolean
  /** It came from another subscription than the one that was asked about. */
  readonly foreign: boolean
}

/**
 * Fixes which letters are meant: of those of the filter the first `limit` by publish time. They come in the order in
 * which they are to be published: per ordering key by publish time.
 *
 * @param subscription full name; undefined: none is foreign
 */
export async function selectDeadLetters(
  client: Queryable,
  filter: DeadLetterFilter,
  limit?: number,
  subscription?: string,
): Promise<SelectedDeadLetter[]> {
  const { rows } = await client.query<[number, number, boolean, boolean]>({
    text: `SELECT id::float8, bytes, cut, is_foreign
           FROM (SELECT id, ordering_key, publish_time, subscription <> coalesce($7, subscription) AS is_foreign,
                        octet_length(data) + octet_length(attributes::text) + octet_length(ordering_key) AS bytes,
                        reason = '${tooLarge}' AND octet_length(data) = ${keptOfTooLargeBytes} AS cut
                 FROM dead_letters ${where} ORDER BY publish_time, id LIMIT $6) AS selected
           ORDER BY ordering_key COLLATE "C", publish_time, id`,
    values: [...parametersOf(filter), limit ?? null, subscription ?? null],
    rowMode: 'array',
  })
  return rows.map(([id, bytes, cut, foreign]) => ({ id, bytes, cut, foreign }))
}

/** In the order of the statement that stores letters: who locks in another one deadlocks with it. */
const lockOrder = 'ORDER BY message_id COLLATE "C", publish_time, id FOR UPDATE'

/**
 * Locks letters until the end of the transaction and returns them in the order of the ids. Those that no longer have
 * the status, or are gone, are left out. It waits for who else holds one of them.
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
 * Marks letters that {@link lockDeadLetters} has locked.
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
    'table dead_letters: an UPDATE of status was discarded by a trigger or rule, so nothing was marked; ' +
      'change what it does or, as the owner: ALTER TABLE dead_letters DISABLE TRIGGER …',
  )
}
