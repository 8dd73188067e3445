// Whatever a module's code gives, no other message suffers from it: what is not what its columns promise is rejected.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Delivery } from '#core/delivery.ts'
import { Ignored, isIgnored } from '#core/ignored.ts'
import { isRejection } from '#core/rejection.ts'
import { delivery } from '../../test/support/scan-message.ts'
import { CheckedRow } from './checked-rows.ts'
import { definePipeline } from './define-pipeline.ts'
import { Rejection } from '#core/rejection.ts'
import { newestPipeline } from '../../test/support/newest-pipeline.ts'

const limits = { maxMessageBytes: 1000, maxClockSkewMs: 0 }

/** A pipeline whose decoder gives this, and whose rows are read as they are. */
const giving = (given: unknown) => decodingBy(() => given)

function decodingBy(code: (message: Delivery) => unknown) {
  const of = (name: string) => (row: Record<string, never>) => row[name] as never
  return definePipeline({
    name: 'things',
    topic: 'things',
    subscription: 'things-sub',
    decode: (message) => code(message) as Record<string, never>,
    rejections: ['declared'],
    table: {
      name: 'things',
      columns: [
        { name: 'key', type: 'text', of: of('key') },
        { name: 'version', type: 'bigint', of: of('version') },
        { name: 'content', type: 'text', of: of('content') },
        { name: 'note', type: 'text', of: of('note') },
        { name: 'amount', type: 'integer', of: of('amount') },
        { name: 'address', type: 'inet', of: of('address') },
      ],
      key: ['key'],
      version: ['version', 'content'],
    },
  })
}

const right = { key: 'a', version: 1, content: 'x', note: null, amount: null, address: null }
const decode = (given: unknown) => giving(given).decode(delivery('{}'), limits)

test('a right row is read once, with its nulls; an address has one spelling', () => {
  const row = decode({ ...right, address: '0:0:0:0:0:0:0:1' })
  assert.ok(row instanceof CheckedRow)
  assert.deepEqual(row.values, ['a', 1, 'x', null, null, '::1'])
  const { merge, sink } = newestPipeline(giving(right))
  assert.equal(merge.recordOf(row).key, 'a')
  assert.deepEqual(
    sink.columns.map((column) => column.of(row)),
    row.values,
  )
})

test('what a decoder changes in its message is not changed in the delivery', () => {
  const arrived = delivery('{"right":1}', { subscription: 'projects/p/subscriptions/s' })
  const before = { ...arrived, data: Buffer.from(arrived.data) }
  const { decode: spoil } = decodingBy((message) => {
    assert.equal(message.data.toString(), '{"right":1}')
    assert.deepEqual(
      [message.messageId, message.publishTimeMs, message.attributes, message.orderingKey, message.bytes],
      [arrived.messageId, arrived.publishTimeMs, arrived.attributes, arrived.orderingKey, arrived.bytes],
    )
    assert.deepEqual(
      [message.deliveryAttempt, message.receivedAtMs, message.subscription],
      [arrived.deliveryAttempt, arrived.receivedAtMs, 'projects/p/subscriptions/s'],
    )
    message.data.fill(0x20)
    Object.assign(message, { receipt: 'mine', lease: undefined })
    return right
  })
  assert.ok(spoil(arrived, limits) instanceof CheckedRow)
  assert.deepEqual({ ...arrived }, before)
})

test('a value that its column does not promise is a rejection, which names the column', () => {
  const wrong: readonly [change: object, reason: string, detail: RegExp][] = [
    [{ amount: [11, 12] }, 'bad-value', /^the column amount is \[11,12\], not a/],
    [{ amount: undefined }, 'decoder-error', /amount is undefined/],
    [{ note: new Date(0) }, 'bad-value', /note is the Date 1970-.*, not a string/],
    [{ note: 5 }, 'bad-value', /note is 5, not a/],
    [{ amount: 1.5 }, 'bad-value', /amount is 1\.5, not a whole number/],
    [{ amount: Number.NaN }, 'bad-value', /amount is NaN/],
    [{ amount: 2 ** 31 }, 'bad-value', /amount is 2147483648, out of range/],
    [{ note: 'a\0b' }, 'bad-value', /note contains a NUL character/],
    [{ key: '\ud800x' }, 'bad-value', /key contains a lone surrogate/],
    [{ key: null }, 'bad-value', /key is null, and part of the key/],
    [{ version: null }, 'bad-value', /version is null, and part of the version/],
    [{ content: null }, 'bad-value', /content is null, and part of the version/],
  ]
  for (const [change, reason, detail] of wrong) {
    const rejected = decode({ ...right, ...change })
    assert.ok(isRejection(rejected), String(detail))
    assert.deepEqual(
      [rejected.reason, rejected.detail.match(detail) !== null],
      [reason, true],
      rejected.detail,
    )
  }
})

test('the mark of a row that is gone is null in all others, and in no such row', () => {
  const marked = (gone: boolean, goneAt: string | null) =>
    definePipeline({
      name: 'things',
      topic: 'things',
      subscription: 'things-sub',
      decode: () => ({ gone, goneAt }),
      table: {
        name: 'things',
        columns: [
          { name: 'key', type: 'text', of: () => 'a' },
          { name: 'version', type: 'bigint', of: () => 1 },
          { name: 'gone_at', type: 'timestamptz', of: (row) => row.goneAt },
        ],
        key: ['key'],
        version: ['version'],
        delete: { when: (row) => row.gone, mode: { column: 'gone_at' } },
      },
    }).decode(delivery('{}'), limits)
  const at = '2026-01-01T00:00:00Z'
  assert.deepEqual((marked(true, at) as CheckedRow).values, ['a', 1, at])
  assert.ok(!isRejection(marked(false, null)))
  assert.match((marked(true, null) as Rejection).detail, /gone_at is null, and marks a row that is gone/)
  assert.match(
    (marked(false, at) as Rejection).detail,
    /gone_at marks rows that are gone: of all others it must be null/,
  )
})

test('of several rows each is checked; a hole is a row that is none', () => {
  const holes: unknown[] = [right, right]
  holes.length = 3
  assert.throws(() => decode(holes), TypeError, 'which the engine makes a dead letter of')
  const [first, second] = decode([right, { ...right, amount: 'x' }]) as readonly unknown[]
  assert.ok(first instanceof CheckedRow)
  assert.ok(isRejection(second))
})

test('a promise is rejected, and its failure ends nothing', async () => {
  const rejected = decode(Promise.reject(new Error('boom')))
  assert.ok(isRejection(rejected))
  assert.equal(rejected.detail, 'decode gave a promise: it must not be async')
  await new Promise((resolve) => setImmediate(resolve))
})

test('a reason that is not declared counts as one; what is no text becomes some', () => {
  const declared = decode(new Rejection('declared', 'as it is'))
  assert.deepEqual([(declared as Rejection).reason, (declared as Rejection).detail], ['declared', 'as it is'])
  const other = decode(new Rejection('made up', new Error('boom') as never)) as Rejection
  assert.deepEqual([other.reason, other.detail], ['undeclared-reason', 'made up: Error: boom'])
})

test('what is ignored stays so, alone and among rows; also by the class of another copy of the package', () => {
  assert.deepEqual(decode(new Ignored('test-order')), new Ignored('test-order'))
  const [first, second] = decode([new Ignored('test-order'), right]) as readonly unknown[]
  assert.ok(isIgnored(first) && first.rule === 'test-order')
  assert.ok(second instanceof CheckedRow)
  const foreign = { rule: 'test-order', [Symbol.for('pubsub-postgres-ingester.ignored')]: true }
  assert.equal(decode(foreign), foreign)
  assert.equal(new Ignored(7 as never).rule, '7')
  assert.ok(isRejection(decode({ rule: 'test-order' })), 'a row that looks like it is none')
})
