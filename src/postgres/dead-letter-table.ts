import type { DeadLetter, DeadLetterStore } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import type { LockWait } from '#core/sink.ts'
import type { Connections } from './connection-pool.ts'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.ts'
import { durable } from './durable.ts'
import type { TableStatements } from './examined-table.ts'
import { ExaminedTable } from './examined-table.ts'
import type { LockWaits } from './lock-wait.ts'
import { lockWaits } from './lock-wait.ts'
import { deadLetters } from './needed-tables.ts'

/** Of a message that is over the size limit only the beginning is kept. */
export const keptOfTooLargeBytes = 64 * 1024

const columns = `pipeline, subscription, message_id, publish_time, ordering_key, attributes, data, reason, detail,
                               delivery_attempt, times_seen`

const given = `(
  SELECT $1::text AS pipeline, $2::text AS subscription, r.*
  FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::jsonb[], $7::bytea[], $8::text[], $9::text[],
              $10::integer[], $11::integer[]) AS r(message_id, publish_time, ordering_key, attributes, data)) AS r`

/**
 * Sorted as the upsert is: replicas that store the same dead letters in another order would deadlock. A dead letter that was cut
 * gets the rest of its data when its message is redelivered under a higher limit, and never loses any.
 */
const insert = (condition?: string) => `
INSERT INTO dead_letters AS d (${columns})
SELECT r.* FROM ${given}
WHERE ${[durable, ...(condition === undefined ? [] : [condition])].join(' AND ')}
ORDER BY r.message_id COLLATE "C", r.publish_time
ON CONFLICT (subscription, message_id, publish_time) DO UPDATE
SET times_seen = d.times_seen + EXCLUDED.times_seen, last_seen_at = now(), reason = EXCLUDED.reason,
    detail = EXCLUDED.detail, delivery_attempt = EXCLUDED.delivery_attempt,
    data = CASE WHEN octet_length(EXCLUDED.data) > octet_length(d.data) THEN EXCLUDED.data ELSE d.data END`

/** Every dead letter is placed, also one that exists already: where one is not, none of them counts as stored. */
const look = `
SELECT count(*)::integer AS lost,
       (count(*) FILTER (WHERE NOT EXISTS (
          SELECT FROM dead_letters AS d
          WHERE d.subscription = r.subscription AND d.message_id = r.message_id AND d.publish_time = r.publish_time
            AND octet_length(d.data) >= octet_length(r.data))))::integer AS missing
FROM ${given}`

const statements: TableStatements = {
  name: 'store_dead_letters',
  insert,
  countingInsert: insert(),
  look,
  parameters: 11,
}

export interface DeadLetterTableOptions {
  readonly pipeline: string
  /** Full name. */
  readonly subscription: string
  readonly maxMessageBytes: number
  readonly waits?: LockWaits
}

/**
 * Dead letters in a table, one row a message: identified by subscription, message id and publish time, since emulators
 * begin their ids at 1 again. What PostgreSQL cannot store as text (NUL, lone surrogates) is written out as `\u0000`.
 */
export class DeadLetterTable implements DeadLetterStore {
  readonly #table: ExaminedTable
  readonly #options: DeadLetterTableOptions

  constructor(pool: Connections, options: DeadLetterTableOptions) {
    this.#table = new ExaminedTable(pool, deadLetters, statements, options.waits ?? lockWaits)
    this.#options = options
  }

  async store(deadLetters: readonly DeadLetter[], wait?: LockWait): Promise<void> {
    const { pipeline, subscription, maxMessageBytes } = this.#options
    const rows = [...Map.groupBy(deadLetters, ({ delivery }) => identityOf(delivery)).values()]
    const last = rows.map((same) => same.at(-1) as DeadLetter)
    const column = (valueOf: (deadLetter: DeadLetter) => string | number) => arrayLiteral(last.map(valueOf))
    const values = [
      pipeline,
      subscription,
      column(({ delivery }) => storable(delivery.messageId)),
      column(({ delivery }) => new Date(delivery.publishTimeMs).toISOString()),
      column(({ delivery }) => storable(delivery.orderingKey)),
      column(({ delivery }) => attributesJson(delivery)),
      byteaArrayLiteral(last.map(({ delivery }) => kept(delivery.data, maxMessageBytes))),
      column(({ reason }) => storable(reason)),
      column(({ detail }) => storable(detail)),
      column(({ delivery }) => delivery.deliveryAttempt),
      arrayLiteral(rows.map((same) => same.length)),
    ]
    await this.#table.write(values, rows.length, wait)
  }
}

/** The same row twice in one statement would fail it (SQLSTATE 21000). */
function identityOf(delivery: Delivery): string {
  return `${delivery.publishTimeMs} ${delivery.messageId}`
}

function kept(data: Buffer, maxMessageBytes: number): Buffer {
  return data.length > maxMessageBytes ? data.subarray(0, keptOfTooLargeBytes) : data
}

function attributesJson({ attributes }: Delivery): string {
  const entries = Object.entries(attributes).map(([name, value]) => [storable(name), storable(value)])
  return JSON.stringify(Object.fromEntries(entries))
}

const unstorable = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

/** Any text, as text that PostgreSQL accepts. */
function storable(text: string): string {
  return text.replace(unstorable, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
