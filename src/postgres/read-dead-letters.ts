import type pg from 'pg'

/** A dead letter as it is stored. */
export interface StoredDeadLetter {
  readonly id: string
  readonly messageId: string
  readonly publishTime: Date
  readonly orderingKey: string
  readonly attributes: Readonly<Record<string, string>>
  /** Of long ones beginning and end, so that reading many stays small. */
  readonly data: Buffer
  /** Of all the data. */
  readonly dataBytes: number
  readonly reason: string
  readonly detail: string
  readonly deliveryAttempt: number
  readonly lastSeenAt: Date
  readonly timesSeen: number
  readonly status: string
}

const rowsPerPage = 500
const keptBytes = 64 * 1024

/** In the order of the primary key, the only index that helps, and in pages: a flood of poison may have left millions. */
const text = `
SELECT id, message_id AS "messageId", publish_time AS "publishTime", ordering_key AS "orderingKey", attributes,
       CASE WHEN length(data) <= $3 THEN data
            ELSE substring(data, 1, $3 / 2) || substring(data, length(data) - $3 / 2 + 1) END AS data,
       length(data) AS "dataBytes", reason, detail, delivery_attempt AS "deliveryAttempt",
       last_seen_at AS "lastSeenAt", times_seen AS "timesSeen", status
FROM dead_letters
WHERE pipeline = $1 AND ($2::bigint IS NULL OR id < $2)
ORDER BY id DESC
LIMIT $4`

/** A pipeline's dead letters in pages, those that came last first. */
export async function* readDeadLetters(
  connection: Pick<pg.Client, 'query'>,
  pipeline: string,
): AsyncGenerator<readonly StoredDeadLetter[]> {
  let before: string | null = null
  for (;;) {
    const values: readonly unknown[] = [pipeline, before, keptBytes, rowsPerPage]
    const { rows }: pg.QueryResult<StoredDeadLetter> = await connection.query(text, [...values])
    if (rows.length > 0) yield rows
    if (rows.length < rowsPerPage) return
    before = rows.at(-1)?.id ?? null
  }
}

/** Whether its data are all of the message's. */
export function isWhole({ data, dataBytes }: StoredDeadLetter): boolean {
  return data.length === dataBytes
}
