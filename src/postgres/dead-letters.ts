import type { DeadLetterStatus } from '#core/dead-letter.ts'
import { tooLarge } from '#core/dead-letter.ts'
import { firstPublishedMs, identityAttributes } from '#core/identity.ts'
import { keptOfTooLargeBytes } from './dead-letter-table.ts'
import type { Queryable } from './queryable.ts'

/** Which dead letters; undefined fields do not filter. */
export interface DeadLetterFilter {
  readonly pipeline?: string | undefined
  readonly reasons?: readonly string[] | undefined
  readonly status?: DeadLetterStatus | undefined
  /** Last seen within this time. */
  readonly sinceMs?: number | undefined
  readonly ids?: readonly number[] | undefined
}

/** All dead letters of one reason. */
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

/** What is known about a dead letter, without its message's content. */
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
   * message itself: the difference is lost.
   */
  readonly escaped: boolean
  /** How often it was republished before it became this dead letter. */
  readonly redriveCount: number
}

export interface DeadLetterDetail extends DeadLetterSummary {
  readonly attributes: Readonly<Record<string, string>>
  /** Where many are read, of long ones only beginning and end: see {@link isWhole}. */
  readonly data: Buffer
}

/** Whether its data are all that is stored of it. */
export function isWhole({ data, dataBytes }: DeadLetterDetail): boolean {
  return data.length === dataBytes
}

/** A message that is republished says in this attribute how many times it has been redriven. */
export const redriveCountAttribute = 'ingester_redrive_count'

/**
 * float8: node-postgres makes strings of int8. Ids begin at 1 and stay exact.
 * In the text of a jsonb a backslash is two, and a backslash of a regular expression is two, too.
 */
const unit = 'u(0000|d[89a-f][0-9a-f]{2})'
export const summaryColumns = `
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

const rowsPerPage = 500
const excerptBytes = 64 * 1024

const allOfPipeline = `
SELECT ${summaryColumns}, attributes,
       CASE WHEN length(data) <= $2 THEN data
            ELSE substring(data, 1, $2 / 2) || substring(data, length(data) - $2 / 2 + 1) END AS data
FROM dead_letters WHERE pipeline = $1 ORDER BY dead_letters.id DESC`

/**
 * A pipeline's dead letters in pages, newest first: a flood of poison messages may have left millions. With a cursor: a
 * table that was flooded recently has no statistics yet, and would be sorted again for each page.
 *
 * @param client in a transaction, which the cursor needs
 */
export async function* readDeadLetters(
  client: Queryable,
  pipeline: string,
): AsyncGenerator<readonly DeadLetterDetail[]> {
  const cursor = `DECLARE dead_letters_cursor NO SCROLL CURSOR FOR ${allOfPipeline}`
  await client.query(cursor, [pipeline, excerptBytes])
  for (;;) {
    const { rows } = await client.query<DeadLetterDetail>(`FETCH ${rowsPerPage} FROM dead_letters_cursor`)
    if (rows.length > 0) yield rows
    if (rows.length < rowsPerPage) return
  }
}

/** The dead letters of ids ($1), in their order. */
export const ofIds = `FROM dead_letters JOIN unnest($1::bigint[]) WITH ORDINALITY AS wanted(wanted_id, at) ON wanted_id = id`

/** In the order of the ids; those that are not there are left out. */
export async function readSummaries(client: Queryable, ids: readonly number[]): Promise<DeadLetterSummary[]> {
  const { rows } = await client.query<DeadLetterSummary>(`SELECT ${summaryColumns} ${ofIds} ORDER BY at`, [
    ids,
  ])
  return rows
}

/** A selected dead letter: only what is needed to process it, since there may be very many. */
export interface SelectedDeadLetter {
  readonly id: number
  /** About what its message takes in a request. */
  readonly bytes: number
  readonly cut: boolean
  /** When its message was published first, in Unix ms. */
  readonly publishedMs: number
  /** The subscription that it came from, where that is another than the one that was asked about. */
  readonly foreign: string | null
}

/**
 * Resolves a selection to ids: of the dead letters that match the filter, the first `limit` by publish time. They are in
 * the order in which they will be published: per ordering key by publish time.
 *
 * @param subscription full name; undefined: none is foreign
 */
export async function selectDeadLetters(
  client: Queryable,
  filter: DeadLetterFilter,
  limit?: number,
  subscription?: string,
): Promise<SelectedDeadLetter[]> {
  const { rows } = await client.query<[number, number, boolean, string | null, Date, string | null]>({
    text: `SELECT id::float8, bytes, cut, other, publish_time, given
           FROM (SELECT id, ordering_key, publish_time, attributes->>'${identityAttributes.publishTime}' AS given,
                        nullif(subscription, coalesce($7, subscription)) AS other,
                        octet_length(data) + octet_length(attributes::text) + octet_length(ordering_key) AS bytes,
                        reason = '${tooLarge}' AND octet_length(data) = ${keptOfTooLargeBytes} AS cut
                 FROM dead_letters ${where} ORDER BY publish_time, id LIMIT $6) AS selected
           ORDER BY ordering_key COLLATE "C", publish_time, id`,
    values: [...parametersOf(filter), limit ?? null, subscription ?? null],
    rowMode: 'array',
  })
  return rows.map(([id, bytes, cut, foreign, publishTime, given]) => {
    const attributes = given === null ? {} : { [identityAttributes.publishTime]: given }
    const publishedMs = firstPublishedMs({ publishTimeMs: publishTime.getTime(), attributes })
    return { id, bytes, cut, publishedMs, foreign }
  })
}
