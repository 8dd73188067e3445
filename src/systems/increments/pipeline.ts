import { tooLarge } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import { readDataOf } from '#core/delivery.ts'
import type { DecodeLimits, PostgresTable, RecordInspector, RecordKey } from '#core/pipeline.ts'
import { Rejection, isRejection } from '#core/rejection.ts'
import { makePipeline } from '#pipeline/make-pipeline.ts'
import { tableInspector } from '#pipeline/table-inspector.ts'
import { encodeUuid } from '#pipeline/values/hexadecimal.ts'
import { incrementDoor } from './door.ts'
import type { Increment } from './message.ts'
import { incrementReasons, readIncrement, readIncrementKey } from './message.ts'

const name = 'increments'

const table: PostgresTable<Increment, 'key' | 'value'> = {
  name: 'increments',
  mode: 'sum',
  columns: [
    { name: 'key', type: 'uuid', of: ({ key }) => key },
    { name: 'value', type: 'bigint', of: ({ value }) => value },
  ],
  key: ['key'],
  version: [],
}

function decode(delivery: Delivery, { maxMessageBytes }: DecodeLimits): Increment | Rejection {
  return (
    readDataOf(delivery, maxMessageBytes, (bytes, from, to) => readIncrement(bytes, from, to, 'the data')) ??
    new Rejection(tooLarge, `the data is longer than ${maxMessageBytes} bytes`)
  )
}

/** A key is one word: the UUID. */
const inspector: RecordInspector = {
  ...tableInspector({ name, table, decode }),
  example: ['5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'],
  keyOf: ([word = '']) => {
    const key = encodeUuid(word)
    return typeof key === 'string' ? keyNamed(key) : new Rejection('bad-key', 'the key is not a UUID')
  },
  keyFromMessage: ({ data }) => {
    const key = readIncrementKey(data, 0, data.length, 'the data')
    return isRejection(key) ? key : keyNamed(key)
  },
  mentions: ({ key }, text) => text.toLowerCase().includes(key),
  subject: ({ key }) => `the sum of ${key}`,
}

function keyNamed(key: string): RecordKey {
  return { key, values: [key] }
}

/** Sums by key, each increment counted once. A sum is at most ten seconds old; with a batch a second it is far below that. */
export const increments = makePipeline({
  name,
  topic: incrementDoor.topicId,
  subscription: incrementDoor.subscriptionId,
  decode,
  rejections: incrementReasons,
  table,
  // One statement a second adds up all that came for a key: fewer rows to lock, and fewer versions of them to vacuum.
  flushIntervalMs: 1000,
  inspector,
})
