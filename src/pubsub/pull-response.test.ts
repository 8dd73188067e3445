import assert from 'node:assert/strict'
import { test } from 'vitest'
import { protos } from '@google-cloud/pubsub'
import fc from 'fast-check'
import { readDataOf } from '#core/delivery.ts'
import type { PulledDelivery } from './pulled-delivery.ts'
import { pullResponse } from '../../test/support/pull-response.ts'
import { always } from '../../test/support/seed.ts'
import { anyText } from '../../test/support/text.ts'
import { readPullResponse } from './pull-response.ts'

const text = anyText
const long = fc.oneof(text, fc.string({ minLength: 100, maxLength: 20_000, size: 'max' }))
const received = fc.record(
  {
    ackId: long,
    deliveryAttempt: fc.nat(),
    message: fc.record(
      {
        data: fc.uint8Array({ maxLength: 300, size: 'max' }).map((bytes) => Buffer.from(bytes)),
        attributes: fc.dictionary(fc.oneof(text, fc.constant('__proto__')), text, { maxKeys: 4 }),
        messageId: text,
        orderingKey: text,
        publishTime: fc.record(
          { seconds: fc.integer({ min: 0, max: 2 ** 40 }), nanos: fc.nat({ max: 999_999_999 }) },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)
const response = fc.record(
  {
    receivedMessages: fc.array(received, { maxLength: 4 }),
    // Not looked at: numbers, texts and messages around what is.
    subscriptionProperties: fc.constant({ exactlyOnceDeliveryEnabled: true, messageOrderingEnabled: true }),
    acknowledgeConfirmation: fc.constant<{ ackIds: string[] }>({ ackIds: ['a', 'b'] }),
  },
  { requiredKeys: [] },
)

const reception = { subscription: 'projects/p/subscriptions/s', atMs: 7 }

const textBetween = (bytes: Buffer, from: number, to: number) => bytes.toString('latin1', from, to)

/** All that there is to a delivery, worked out. */
function seen(delivery: PulledDelivery) {
  const { ackId, messageId, orderingKey, publishTimeMs, deliveryAttempt, receivedAtMs } = delivery
  const { subscription } = delivery
  const attributes = Object.entries(delivery.attributes).sort(([a], [b]) => (a < b ? -1 : 1))
  const data = delivery.data.toString('latin1')
  const copied = Buffer.alloc(delivery.ackIdBytes)
  delivery.copyAckId(copied, 0)
  assert.equal(copied.toString(), ackId)
  assert.equal(readDataOf(delivery, data.length, textBetween), data)
  assert.equal(readDataOf(delivery, data.length - 1, textBetween), undefined)
  return {
    ackId,
    messageId,
    subscription,
    orderingKey,
    publishTimeMs,
    deliveryAttempt,
    receivedAtMs,
    attributes,
    data,
  }
}

test('of a field that comes twice the last one counts', () => {
  const field = (tag: number, bytes: Buffer) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes])
  const ackId = (text: string) => field((1 << 3) | 2, Buffer.from(text))
  const data = (text: string) => field((1 << 3) | 2, Buffer.from(text))
  const message = field((2 << 3) | 2, Buffer.concat([data('a'), data('bc')]))
  const bytes = field((1 << 3) | 2, Buffer.concat([ackId('first'), message, ackId('the last')]))
  const [delivery = assert.fail()] = readPullResponse(bytes, reception).deliveries
  assert.deepEqual([delivery.ackId, delivery.data.toString()], ['the last', 'bc'])
  const copied = Buffer.alloc(delivery.ackIdBytes + 1)
  delivery.copyAckId(copied, 1)
  assert.equal(copied.toString(), '\0the last')
})

/** The same by the generated code. */
function generated(bytes: Buffer): ReturnType<typeof seen>[] {
  const { receivedMessages } = protos.google.pubsub.v1.StreamingPullResponse.decode(bytes)
  return receivedMessages.map(({ ackId, deliveryAttempt, message }) => ({
    ackId: ackId ?? '',
    messageId: message?.messageId ?? '',
    orderingKey: message?.orderingKey ?? '',
    publishTimeMs:
      Number(message?.publishTime?.seconds ?? 0) * 1000 +
      Math.floor((message?.publishTime?.nanos ?? 0) / 1e6),
    deliveryAttempt: deliveryAttempt ?? 0,
    receivedAtMs: 7,
    subscription: 'projects/p/subscriptions/s',
    attributes: Object.entries(message?.attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
    data: Buffer.from((message?.data as Uint8Array | undefined) ?? []).toString('latin1'),
  }))
}

test('the codec agrees with the generated code', () =>
  always(
    fc.property(response, (sent) => {
      const bytes = pullResponse(sent)
      const { deliveries } = readPullResponse(bytes, reception)
      assert.deepEqual(deliveries.map(seen), generated(bytes))
      for (const delivery of deliveries) delivery.separate()
      assert.deepEqual(deliveries.map(seen), generated(bytes), 'also without the response')
    }),
  ))

test('bytes that are not a response are rejected, or decoded completely', () => {
  let refused = 0
  const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }), length: fc.nat() })
  always(
    fc.property(response, change, (sent, { at, to, length }) => {
      const whole = pullResponse(sent)
      if (whole.length === 0) return
      const bytes = whole.subarray(0, 1 + (length % whole.length))
      bytes[at % bytes.length] = to
      let deliveries: PulledDelivery[]
      try {
        deliveries = readPullResponse(bytes, reception).deliveries
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
        refused += 1
        return
      }
      deliveries.forEach(seen)
    }),
    400,
  )
  assert.ok(refused > 20, `${refused} refused`)
})

test('truncated bytes are rejected', () => {
  const data = Buffer.from('data')
  for (const message of [
    { data },
    { data, messageId: 'id', publishTime: { seconds: 1 }, attributes: { a: 'b' } },
  ]) {
    const whole = pullResponse({ receivedMessages: [{ ackId: 'ack', message }] })
    for (let length = 1; length < whole.length; length++) {
      assert.throws(
        () => readPullResponse(whole.subarray(0, length), reception),
        RangeError,
        `${length} bytes`,
      )
    }
  }
})

test('a field that extends beyond its parent is rejected', () => {
  const ackId = [10, 3, 0x61, 0x63, 0x6b]
  assert.equal(readPullResponse(Buffer.from([10, 5, ...ackId]), reception).deliveries[0]?.ackId, 'ack')
  assert.throws(() => readPullResponse(Buffer.from([10, 4, ...ackId]), reception), RangeError)
})

test('fields of later versions are skipped, whatever their type', () => {
  const strange = Buffer.concat([
    Buffer.from([
      ((99 << 3) & 0x7f) | 0x80,
      (99 << 3) >> 7,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0xff,
      0x01,
    ]),
    Buffer.from([(12 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8, (13 << 3) | 5, 1, 2, 3, 4, (14 << 3) | 2, 2, 9, 9]),
  ])
  const around = (bytes: Buffer) => Buffer.concat([strange, bytes, strange])
  const field = (tag: number, bytes: Buffer) => Buffer.concat([Buffer.from([tag, bytes.length]), bytes])
  const message = around(Buffer.concat([field(10, Buffer.from('data')), field(26, Buffer.from('id'))]))
  const received = around(Buffer.concat([field(10, Buffer.from('ack')), field(18, message)]))
  const {
    deliveries: [delivery, ...others],
  } = readPullResponse(
    around(
      Buffer.concat([Buffer.from([10, 0x80 | (received.length & 0x7f), received.length >> 7]), received]),
    ),
    reception,
  )
  assert.deepEqual([delivery?.ackId, delivery?.messageId, String(delivery?.data)], ['ack', 'id', 'data'])
  assert.equal(others.length, 0)
})

test('a delivery counts what its data may use, as received and as decoded, and its attributes', () => {
  const bytesOf = (message: protos.google.pubsub.v1.IPubsubMessage) =>
    readPullResponse(pullResponse({ receivedMessages: [{ message }] }), reception).deliveries[0]?.bytes ?? 0
  const empty = bytesOf({})
  assert.equal(bytesOf({ data: Buffer.alloc(1000) }), empty + 3 * 1000)
  assert.ok(bytesOf({ attributes: { a: 'x'.repeat(1000), b: 'x'.repeat(1000) } }) >= empty + 2000)
})

test('confirmations: ids that the service rejects, and ids to be sent again', () => {
  const { deliveries, confirmations } = readPullResponse(
    pullResponse({
      acknowledgeConfirmation: {
        ackIds: ['done'],
        invalidAckIds: ['expired'],
        unorderedAckIds: ['unordered'],
        temporaryFailedAckIds: ['later'],
      },
      modifyAckDeadlineConfirmation: {
        ackIds: ['extended'],
        invalidAckIds: ['ended'],
        temporaryFailedAckIds: ['extended before long'],
      },
    }),
    reception,
  )
  assert.deepEqual(deliveries, [])
  assert.deepEqual(confirmations, {
    rejectedAcks: ['expired'],
    failedAcks: ['unordered', 'later'],
    rejectedExtensions: ['ended'],
  })
  const good = pullResponse({ acknowledgeConfirmation: { ackIds: ['done'] } })
  assert.equal(readPullResponse(good, reception).confirmations, undefined)
})
