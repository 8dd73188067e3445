import type { Delivery } from '#core/delivery.ts'
import type { Decoded } from '#core/pipeline.ts'
import { Rejection } from '#core/rejection.ts'
import type { CheckedRow } from '#pipeline/checked-rows.ts'
import { definePipeline } from '#pipeline/define-pipeline.ts'
import { newestPipeline } from './newest-pipeline.ts'
import type { NewestPipeline } from './newest-pipeline.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'

/** A record of {@link itemPipeline}. A message is one, as JSON, or an array of them; null is none. */
export interface Item {
  readonly id: string
  /** RFC 3339. */
  readonly at: string
  readonly revision: number
  /** Absent: NULL. */
  readonly price?: string
  readonly tags?: readonly (string | null)[]
  readonly more?: unknown
  readonly gone?: boolean
  /** The mark of a row that is gone, where it is not `at`. */
  readonly goneAt?: string
}

export const createItems = `CREATE TABLE items (
  id text PRIMARY KEY, at timestamptz NOT NULL, revision integer NOT NULL,
  price numeric, tags text[], more jsonb, gone_at timestamptz)`

function itemOf(parsed: Item | null): Item | Rejection {
  return parsed ?? new Rejection('malformed', 'no item')
}

function items(mode: 'hard' | { readonly column: 'gone_at' }): NewestPipeline<CheckedRow> {
  return newestPipeline(
    definePipeline({
      name: 'items',
      topic: 'items',
      subscription: 'items-sub',
      decode: ({ data }: Delivery): Decoded<Item> => {
        try {
          const parsed = JSON.parse(data.toString()) as Item | null | readonly (Item | null)[]
          return Array.isArray(parsed) ? parsed.map(itemOf) : itemOf(parsed as Item | null)
        } catch {
          return new Rejection('malformed', 'not JSON')
        }
      },
      rejections: ['malformed'],
      table: {
        name: 'items',
        columns: [
          { name: 'id', type: 'text', of: ({ id }) => id },
          { name: 'at', type: 'timestamptz', of: ({ at }) => at },
          { name: 'revision', type: 'integer', of: ({ revision }) => revision },
          { name: 'price', type: 'numeric', of: ({ price }) => price ?? null },
          { name: 'tags', type: 'text[]', of: ({ tags }) => tags ?? null },
          {
            name: 'more',
            type: 'jsonb',
            of: ({ more }) => (more === undefined ? null : JSON.stringify(more)),
          },
          {
            name: 'gone_at',
            type: 'timestamptz',
            of: ({ gone, goneAt, at }) => (gone ? (goneAt ?? at) : null),
          },
        ],
        key: ['id'],
        version: ['at', 'revision'],
        delete: { when: ({ gone }) => gone ?? false, mode },
      },
    }),
  )
}

/** A version of two columns, others that may be NULL and of which only the database knows the order, and deletions. */
export const itemPipeline = items('hard')
/** The same, but for rows that are marked where they would be deleted. */
export const markedItemPipeline = items({ column: 'gone_at' })

const limits = { maxMessageBytes: 10_000, maxClockSkewMs: 0 }

/** The record of a message that was published just now, or then. */
export function itemRecord(
  item: Item,
  publishTimeMs = Date.now(),
  { decode, merge } = itemPipeline,
): KeyedRecord<CheckedRow> {
  const delivery = { data: Buffer.from(JSON.stringify(item)), publishTimeMs } as Delivery
  const row = decode(delivery, limits)
  if (row instanceof Rejection || Array.isArray(row)) throw new Error(JSON.stringify(row))
  return merge.recordOf(row as CheckedRow, delivery)
}
