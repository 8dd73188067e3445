import { durable } from '../durable.ts'
import { limitedWait } from '../lock-wait.ts'

/** Parameters that every statement has, in their order. A table's columns follow. */
export const parameters = {
  /** Positions of the records, from 0. */
  at: '$1::integer[]',
  /** NULL where the identity is a message's. */
  request: '$2::text[]',
  /** NULL where it is a request's. */
  messageId: '$3::text[]',
  /** Unix ms, of the message that was published first. */
  published: '$4::bigint[]',
  recordIndex: '$5::integer[]',
  pipeline: '$6::text',
  horizon: '$7::interval',
  wait: '$8',
  /** Shapes that were examined: of the table, of `applied_messages`, of `applied_requests`. */
  shapes: ['$9::text', '$10::text', '$11::text'],
  count: 11,
} as const

/** How records that are new become rows, and how they are told apart from those that are not. */
export interface Effect {
  /** Columns of the relation `given`: those that `identity` does not have. */
  readonly given: readonly string[]
  /** The array that is kept with the identity, as an expression of `given`. */
  readonly effect: string
  /** An INSERT of what `applied` has, as a common table expression `placed` and those that it needs. */
  readonly placed: string
  /** How many rows `placed` is to have. */
  readonly expected: string
}

/** What the table, and the identities, look like. */
export interface Shapes {
  readonly sink: string
  readonly messages: string
  readonly requests: string
}

/**
 * The one statement that counts a batch once: its identities and its effect, committed together.
 *
 *   given      the records, each with its identity
 *   admitted   distinct, and not so old that it is unknown whether they have counted
 *   messages   identities that were not there before, in order, so that replicas do not wait for each other in a circle
 *   requests   likewise
 *   placed     the effect of these, and of no other
 *
 * Names of our own begin with a word of ours: a user's table or column may have any, and would hide them.
 *
 * An identity that is there is locked and left as it is, where ON CONFLICT DO NOTHING would only skip it: the lock makes the
 * commit wait until what the other has written is durable, on the standbys, too, as that of a row that is not newer
 * does in `upsert.ts`.
 */
export function identitiesSql(shapes: Shapes, { given, effect, placed, expected }: Effect): string {
  const { at, request, messageId, published, recordIndex, pipeline, horizon, wait } = parameters
  const [sink, messages, requests] = parameters.shapes
  return `WITH "ingester found" AS MATERIALIZED (
  SELECT ${shapes.sink} AS sink, ${shapes.messages} AS messages, ${shapes.requests} AS requests),
"ingester days" AS MATERIALIZED (${daysSql}),
"ingester given" AS MATERIALIZED (
  SELECT r.*, ${effect} AS "ingester effect",
    r."ingester published" < greatest(now() - ${horizon}, d.since) AS "ingester late"
  FROM (SELECT unnest(${at}) AS "ingester at", unnest(${request}) AS "ingester request",
          unnest(${messageId}) AS "ingester message",
          timestamptz 'epoch' + unnest(${published}) * interval '1 millisecond' AS "ingester published",
          unnest(${recordIndex}) AS "ingester index"${given.map((column) => `, ${column}`).join('')}) AS r,
    "ingester days" AS d),
"ingester admitted" AS MATERIALIZED (
  SELECT DISTINCT ON (${identity('g')}) g.*
  FROM "ingester given" AS g
  WHERE ${durable} AND ${limitedWait(wait)} AND NOT g."ingester late"
    AND (SELECT sink = ${sink} AND messages = ${messages} AND requests = ${requests} FROM "ingester found")
    AND ${isReady}
  ORDER BY ${identity('g')}),
"ingester messages" AS (
  INSERT INTO applied_messages AS a (pipeline, message_id, publish_time, record_index, effect)
  SELECT ${pipeline}, "ingester message", "ingester published", "ingester index", "ingester effect"
  FROM "ingester admitted" WHERE "ingester request" IS NULL
  ORDER BY "ingester published", "ingester message" COLLATE "C", "ingester index"
  ON CONFLICT (publish_time, message_id, record_index, pipeline) DO UPDATE SET effect = a.effect WHERE false
  RETURNING a.message_id, a.publish_time, a.record_index, a.effect),
"ingester requests" AS (
  INSERT INTO applied_requests AS a (pipeline, request, record_index, effect)
  SELECT ${pipeline}, "ingester request", "ingester index", "ingester effect"
  FROM "ingester admitted" WHERE "ingester request" IS NOT NULL
  ORDER BY "ingester request" COLLATE "C", "ingester index"
  ON CONFLICT (request, record_index, pipeline) DO UPDATE SET effect = a.effect WHERE false
  RETURNING a.request, a.record_index, a.effect),
${placed}
SELECT (SELECT count(*)::integer FROM "ingester placed") AS placed, (${expected})::integer AS expected,
  ${isReady} AS ready,
  (SELECT nullif(sink, ${sink}) FROM "ingester found") AS sink,
  (SELECT nullif(messages, ${messages}) FROM "ingester found") AS messages,
  (SELECT nullif(requests, ${requests}) FROM "ingester found") AS requests,
  (SELECT since FROM "ingester days") AS since,
  ARRAY(SELECT "ingester at" FROM "ingester given" WHERE "ingester late") AS late,
  CASE WHEN (SELECT count(*) FROM "ingester messages") + (SELECT count(*) FROM "ingester requests")
            < (SELECT count(*) FROM "ingester given" WHERE NOT "ingester late")
       THEN ARRAY(SELECT "ingester at" FROM "ingester given" WHERE NOT "ingester late"
                  EXCEPT SELECT "ingester at" FROM "ingester admitted" AS g WHERE ${isApplied('g')} ORDER BY 1)
       ELSE '{}' END AS duplicates`
}

/** What makes two records of a batch the same: of a request it does not matter when it was published. */
const identity = (of: string) =>
  [
    `CASE WHEN ${of}."ingester request" IS NULL THEN ${of}."ingester published" END`,
    ...['message', 'request', 'index'].map((name) => `${of}."ingester ${name}"`),
  ].join(', ')

/**
 * From when on identities are known, and until when they can be entered: the days around now, without a gap; NULL where today's is missing. Days are never
 * made for a time before the oldest one, nor in a gap, so what was dropped stays unknown. Requests are removed by the same
 * time, less the window, so that it holds for both.
 */
export const daysSql = `
  SELECT CASE WHEN bool_or(now() - day BETWEEN interval '0' AND interval '24 hours')
              THEN max(day) FILTER (WHERE follows IS NOT TRUE AND day <= now()) END AS since,
    CASE WHEN bool_or(now() - day BETWEEN interval '0' AND interval '24 hours')
         THEN min(day + interval '24 hours') FILTER (WHERE is_followed IS NOT TRUE AND day + interval '24 hours' > now()) END AS until
  FROM (SELECT day, lag(day) OVER days = day - interval '24 hours' AS follows,
          lead(day) OVER days = day + interval '24 hours' AS is_followed
        FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp AT TIME ZONE 'UTC' AS day
              FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'applied_messages'::regclass AND c.relname ~ '^applied_messages_[0-9]{8}$') AS each
        WINDOW days AS (ORDER BY day)) AS runs`

/** Whether there is a day for each message of the batch. */
const isReady = `(SELECT coalesce(max(g."ingester published") FILTER (WHERE g."ingester request" IS NULL), '-infinity') < (SELECT until FROM "ingester days")
     FROM "ingester given" AS g) IS TRUE`

/**
 * Whether a record of `of` is new. As a join it would be nested loops, since the planner cannot know how many rows a
 * batch has: 1,000 appended rows took four times as long as 1,000 that were added up. Tested for truth a subquery is hashed.
 */
export const isApplied = (of: string): string => `CASE WHEN ${of}."ingester request" IS NULL
  THEN ((${of}."ingester published", ${of}."ingester message", ${of}."ingester index")
        IN (SELECT publish_time, message_id, record_index FROM "ingester messages")) IS TRUE
  ELSE ((${of}."ingester request", ${of}."ingester index")
        IN (SELECT request, record_index FROM "ingester requests")) IS TRUE END`
