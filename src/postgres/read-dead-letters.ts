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

const text = `
SELECT id, message_id AS "messageId", publish_time AS "publishTime", ordering_key AS "orderingKey", attributes,
       CASE WHEN length(data) <= $2 THEN data
            ELSE substring(data, 1, $2 / 2) || substring(data, length(data) - $2 / 2 + 1) END AS data,
       length(data) AS "dataBytes", reason, detail, delivery_attempt AS "deliveryAttempt",
       last_seen_at AS "lastSeenAt", times_seen AS "timesSeen", status
FROM dead_letters
WHERE pipeline = $1
ORDER BY id DESC`

/**
 * A pipeline's dead letters in pages, those that came last first: a flood of poison may have left millions. With a
 * cursor: a table that has just been flooded has no statistics yet, and would be sorted anew for each page.
 *
 * @param connection in a transaction, which the cursor needs
 */
export async function* readDeadLetters(
  connection: Pick<pg.Client, 'query'>,
  pipeline: string,
): AsyncGenerator<readonly StoredDeadLetter[]> {
  await connection.query(`DECLARE letters NO SCROLL CURSOR FOR ${text}`, [pipeline, keptBytes])
  for (;;) {
    const { rows } = await connection.query<StoredDeadLetter>(`FETCH ${rowsPerPage} FROM letters`)
    if (rows.length > 0) yield rows
    if (rows.length < rowsPerPage) return
  }
}

/** Whether its data are all of the message's. */
export function isWhole({ data, dataBytes }: StoredDeadLetter): boolean {
  return data.length === dataBytes
}
