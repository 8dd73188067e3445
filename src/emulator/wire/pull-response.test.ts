import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { protos } from '@google-cloud/pubsub'
import fc from 'fast-check'
import { always } from '../../../test/support/seed.ts'
import type { Delivery } from '../broker/backlog.ts'
import type { Outgoing } from '../broker/message.ts'
import { newMessage } from '../broker/message.ts'
import { protoRoot } from '../broker/proto.ts'
import { encodeDeliveries } from './pull-response.ts'

const PullResponse = protoRoot.lookupType('google.pubsub.v1.PullResponse')

/** The client's own reader: what it makes of a response is what subscribers see. */
const { StreamingPullResponse } = protos.google.pubsub.v1

const publishMs = 1_767_225_600_123
/** As a pull that counts nothing is answered. */
const plain = { attempts: false, ordered: undefined }

function deliveryOf(outgoing: Outgoing, ackId = '7-1-1', attempt = 1): Delivery {
  return { message: newMessage(outgoing, '42', publishMs), ackId, attempt }
}

interface Read {
  readonly ackId: string
  readonly deliveryAttempt: number
  readonly message: { readonly data: Buffer; readonly attributes: object; readonly orderingKey: string }
}

function decoded(bytes: Buffer): Read[] {
  const { receivedMessages } = PullResponse.toObject(PullResponse.decode(bytes), {
    defaults: true,
    arrays: true,
    objects: true,
  })
  return receivedMessages as Read[]
}

/** How many bytes of data make `encoded` that long. */
function dataFor(length: number): Buffer {
  for (let bytes = length; bytes >= 0; bytes -= 1) {
    const { message } = deliveryOf({ data: Buffer.alloc(bytes) })
    if (message.encoded.length === length) return Buffer.alloc(bytes, 'd')
  }
  return assert.fail(`no message is ${length} bytes long`)
}

describe('the encoding of deliveries', () => {
  test('no delivery is an empty response', () => {
    assert.equal(encodeDeliveries([], { attempts: true, ordered: undefined }).length, 0)
  })

  test('messages are decoded as encoded, in order', () => {
    // The client's reader takes this one for an object's prototype.
    const key = fc.string({ maxLength: 20 }).filter((text) => text !== '__proto__')
    const outgoing = fc.record({
      data: fc.uint8Array({ maxLength: 300 }),
      attributes: fc.dictionary(key, fc.string({ maxLength: 200, unit: 'grapheme' })),
      orderingKey: fc.string({ maxLength: 20, unit: 'grapheme' }),
    })
    const delivery = fc.record({
      outgoing,
      ackId: fc.stringMatching(/^[0-9-]{1,200}$/),
      attempt: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    })
    const all = fc.array(delivery, { maxLength: 5 })
    always(
      fc.property(
        all,
        fc.boolean(),
        fc.option(fc.boolean(), { nil: undefined }),
        (list, attempts, ordered) => {
          const deliveries = list.map(({ outgoing: one, ackId, attempt }) => deliveryOf(one, ackId, attempt))
          const bytes = encodeDeliveries(deliveries, { attempts, ordered })
          const expected = list.map(({ outgoing: one, ackId, attempt }) => ({
            ackId,
            deliveryAttempt: attempts ? attempt : 0,
            data: Buffer.from(one.data).toString('hex'),
            attributes: { ...one.attributes },
            orderingKey: one.orderingKey,
          }))
          const read = decoded(bytes).map(({ ackId, deliveryAttempt, message }) => ({
            ackId,
            deliveryAttempt,
            data: Buffer.from(message.data).toString('hex'),
            attributes: { ...message.attributes },
            orderingKey: message.orderingKey,
          }))
          assert.deepEqual(read, expected)
        },
      ),
    )
  })

  test('a message keeps its id and its time, to the millisecond', () => {
    const [read] = decoded(encodeDeliveries([deliveryOf({ data: Buffer.from('x') })], plain)) as [Read]
    const { messageId, publishTime } = read.message as unknown as {
      messageId: string
      publishTime: { seconds: { toNumber(): number }; nanos: number }
    }
    assert.equal(messageId, '42')
    assert.equal(publishTime.seconds.toNumber() * 1000 + publishTime.nanos / 1e6, publishMs)
  })

  test('lengths are right where a varint grows by a byte', () => {
    for (const edge of [128, 16_384, 2_097_152]) {
      for (const length of [edge - 2, edge - 1, edge, edge + 1]) {
        const data = dataFor(length)
        const [read, ...rest] = decoded(
          encodeDeliveries([deliveryOf({ data }), deliveryOf({ data: Buffer.from('after') })], plain),
        )
        assert.ok(read?.message.data.equals(data), `a message of ${length} bytes`)
        assert.equal(rest[0]?.message.data.toString(), 'after')
      }
    }
  })

  test('also where the delivery around the message, its ack id or its attempt grows', () => {
    for (const length of [100, 110, 118, 119, 120, 121, 122, 126, 127, 128, 16_370, 16_372, 16_374, 16_384]) {
      for (const attempt of [1, 127, 128, 16_383, 16_384]) {
        const ackId = '1'.repeat(length)
        const bytes = encodeDeliveries([deliveryOf({ data: Buffer.from('x') }, ackId, attempt)], {
          attempts: true,
          ordered: true,
        })
        const [read] = decoded(bytes)
        assert.equal(read?.ackId, ackId)
        assert.equal(read?.deliveryAttempt, attempt)
      }
    }
  })

  test('a message of maximum size, with maximum attributes', () => {
    const data = Buffer.alloc(10_000_000, 'large')
    const deliveries = [deliveryOf({ data }), deliveryOf({ data: Buffer.from('small') })]
    const read = decoded(encodeDeliveries(deliveries, plain))
    assert.ok(read[0]?.message.data.equals(data))
    assert.equal(read[1]?.message.data.toString(), 'small')
  })

  test('streams report whether keys are ordered, and no exactly-once delivery; pulls do not', () => {
    for (const ordered of [true, false]) {
      const bytes = encodeDeliveries([deliveryOf({ data: Buffer.from('x') })], { attempts: false, ordered })
      const { subscriptionProperties: told, receivedMessages } = StreamingPullResponse.decode(bytes)
      assert.equal(receivedMessages.length, 1)
      assert.equal(told?.messageOrderingEnabled, ordered)
      assert.equal(told?.exactlyOnceDeliveryEnabled, false)
    }
    const bytes = encodeDeliveries([deliveryOf({ data: Buffer.from('x') })], plain)
    assert.equal(StreamingPullResponse.decode(bytes).subscriptionProperties, null)
  })

  test('the attempt is left out if attempts are not counted', () => {
    const one = deliveryOf({ data: Buffer.from('x') }, '7-1-1', 3)
    const attempts = (counted: boolean) =>
      decoded(encodeDeliveries([one], { attempts: counted, ordered: undefined }))[0]?.deliveryAttempt
    assert.deepEqual([attempts(true), attempts(false)], [3, 0])
  })
})
