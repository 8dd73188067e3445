import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { OnServer } from './kit.ts'
import { numbered, only, raw, refused, textsOf } from './kit.ts'
import type { StreamingPull } from './stream.ts'

const streamAckDeadlineSeconds = 10

export function streamingPullTests(onServer: OnServer, features: PubsubFeatures): void {
  describe('streaming pull', () => {
    test(
      "a stream's own ack deadline counts, and an expired deadline redelivers the message",
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 10 })
        const publishedMs = performance.now()
        await kit.publish(topic, 'x')
        const [first, second] = await stream.until(2)
        // Not since it came: a busy client may have seen it late.
        const afterMs = (second?.atMs ?? 0) - publishedMs
        assert.ok(afterMs > 9_900, `redelivered after ${afterMs} ms`)
        assert.equal(second?.messageId, first?.messageId)
        assert.notEqual(second?.ackId, first?.ackId)
      }),
    )

    if (features.noticesCancellation) {
      test(
        'messages of a cancelled stream are redelivered at their deadline',
        onServer(async (kit) => {
          const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
          const stream = kit.stream({ subscription, streamAckDeadlineSeconds: 10 })
          await kit.publish(topic, 'x')
          const first = only(await stream.until(1))
          stream.cancel()
          assert.equal((await stream.end()).code, status.CANCELLED)
          assert.deepEqual(await kit.pull(subscription), [], 'its lease goes on')
          const again = only(await kit.receive(subscription, 1))
          assert.equal(again.messageId, first.messageId)
        }),
      )
    }

    test(
      'delivers existing and new messages, unchanged',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const data = Buffer.from([0, 255, 128, 10])
        const attributes = { 'clé ✓': '😀' }
        const before = await kit.publish(topic, { data, attributes, orderingKey: 'k' })
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
        const first = only(await stream.until(1))
        assert.deepEqual(first.data, data)
        assert.deepEqual(first.attributes, attributes)
        assert.equal(first.orderingKey, 'k')
        const later = await kit.publish(topic, 'y')
        const ids = (await stream.until(2)).map(({ messageId }) => messageId)
        assert.deepEqual(ids, [...before, ...later])
      }),
    )

    test(
      'reports the properties of the subscription',
      onServer(async (kit) => {
        for (const enableMessageOrdering of [false, true]) {
          const { topic, subscription } = await kit.subscribe({ enableMessageOrdering })
          await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
          await kit.publish(topic, 'x')
          await stream.until(1)
          const { messageOrderingEnabled, exactlyOnceDeliveryEnabled } =
            stream.responses[0]?.subscriptionProperties ?? {}
          assert.equal(messageOrderingEnabled, enableMessageOrdering)
          assert.equal(exactlyOnceDeliveryEnabled, false)
        }
      }),
    )

    test(
      'acks and nacks on the stream',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        await kit.publish(topic, 'a', 'b', 'c')
        const first = await stream.until(3)
        const nacked = first.filter(({ text }) => text !== 'b')
        stream.ack(...first.filter(({ text }) => text === 'b'))
        stream.nack(...nacked)
        const again = (await stream.until(5)).slice(3)
        assert.deepEqual(textsOf(again).sort(), ['a', 'c'])
        // One request does all: an ack, and a nack.
        const [one, other] = again
        stream.write({
          ackIds: [one?.ackId ?? ''],
          modifyDeadlineAckIds: [other?.ackId ?? ''],
          modifyDeadlineSeconds: [0],
        })
        assert.equal((await stream.until(6))[5]?.text, other?.text)
        await kit.nack(subscription, ...first, ...again)
        await kit.publish(topic, 'fence')
        assert.equal((await stream.until(7))[6]?.text, 'fence', 'what was acked is not redelivered')
      }),
    )

    test(
      'acks by unary calls what a stream received, and on a stream what was pulled',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await kit.publish(topic, 'pulled')
        const pulled = only(await kit.receive(subscription, 1))
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        await kit.publish(topic, 'streamed')
        const streamed = only(await stream.until(1))
        await kit.nack(subscription, streamed)
        const again = (await stream.until(2))[1]
        assert.equal(again?.text, 'streamed')
        stream.nack(pulled)
        assert.equal((await stream.until(3))[2]?.text, 'pulled')
      }),
    )

    test(
      'the streams of a subscription share its messages',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        const all: string[] = []
        const published: string[] = []
        const arrived = Promise.withResolvers<void>()
        let complete = false
        const look = () => {
          if (complete && all.length >= published.length) arrived.resolve()
        }
        await using first = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        await using second = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        const share = (stream: StreamingPull) =>
          stream.each((received) => {
            stream.ack(received)
            all.push(received.text)
            look()
          })
        share(first)
        share(second)
        // Who gets which is the server's choice, but it does not leave one of them out for long.
        while (first.received.length === 0 || second.received.length === 0) {
          assert.ok(published.length < 5_000, 'one stream gets everything')
          const next = numbered(`${published.length} `, 10)
          published.push(...next)
          await kit.publish(topic, ...next)
        }
        complete = true
        look()
        await arrived.promise
        assert.deepEqual(all.sort(), published.sort(), 'each message once')
      }),
    )

    test(
      'a large backlog arrives completely',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        const texts = numbered('m', 3000)
        for (let i = 0; i < 3; i++) await kit.publish(topic, ...texts.slice(i * 1000, i * 1000 + 1000))
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        assert.deepEqual(textsOf(await stream.until(3000)).sort(), texts.toSorted())
      }),
    )

    if (features.flowControl) {
      test(
        'stops at max_outstanding_messages, and continues as they are settled',
        onServer(async (kit) => {
          const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
          await using stream = kit.stream({
            subscription,
            streamAckDeadlineSeconds: 600,
            maxOutstandingMessages: 5,
          })
          await kit.publish(topic, ...numbered('m', 20))
          const first = await stream.until(5)
          // The server is done with this stream for now when it delivers the rest to another subscriber.
          const rest = await kit.receive(subscription, 15)
          assert.equal(stream.received.length, 5)
          await kit.nack(subscription, ...rest)
          stream.ack(...first.slice(0, 2))
          await stream.until(7)
          await kit.nack(subscription, ...first.slice(2, 3))
          await stream.until(8)
          await kit.ack(subscription, ...first.slice(3, 4))
          await stream.until(9)
          await kit.receive(subscription, 20 - 3 - 5)
          assert.equal(stream.received.length, 9)
        }),
      )

      test(
        'stops at max_outstanding_bytes',
        onServer(async (kit) => {
          const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
          await using stream = kit.stream({
            subscription,
            streamAckDeadlineSeconds: 600,
            maxOutstandingBytes: 3000,
          })
          await kit.publish(topic, ...Array.from({ length: 10 }, () => 'x'.repeat(1000)))
          await stream.until(2)
          const rest = await kit.receive(subscription, 7)
          // Whether the other fields count, too, is the server's choice.
          const held = stream.received.slice()
          assert.ok(held.length <= 3, `${held.length} KB are out`)
          await kit.nack(subscription, ...rest)
          stream.ack(...held)
          await stream.until(held.length + 2)
        }),
      )

      test(
        'a message larger than that passes alone',
        onServer(async (kit) => {
          const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
          await using stream = kit.stream({
            subscription,
            streamAckDeadlineSeconds: 600,
            maxOutstandingBytes: 3000,
          })
          await kit.publish(topic, 'x'.repeat(5000))
          const large = only(await stream.until(1))
          await kit.publish(topic, 'for others')
          assert.equal(only(await kit.receive(subscription, 1)).text, 'for others')
          stream.ack(large)
          await kit.publish(topic, 'next')
          assert.equal((await stream.until(2))[1]?.text, 'next')
        }),
      )
    }

    test(
      'a half-closed stream ends with OK, and its leases continue',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        await kit.publish(topic, 'a', 'b')
        const [a, b] = await stream.until(2)
        assert.ok(a && b)
        stream.halfClose()
        assert.equal((await stream.end()).code, status.OK)
        assert.deepEqual(await kit.pull(subscription), [])
        await kit.ack(subscription, a)
        await kit.nack(subscription, b)
        assert.equal(only(await kit.receive(subscription, 1)).text, b.text)
      }),
    )

    test(
      'messages after the half-close go to other streams',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        await kit.publish(topic, 'before')
        await stream.until(1)
        stream.halfClose()
        await stream.end()
        await kit.publish(topic, 'after')
        assert.equal(only(await kit.receive(subscription, 1)).text, 'after')
        assert.equal(stream.received.length, 1)
      }),
    )

    test(
      'deleting the subscription ends its streams',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
        await kit.publish(topic, 'x')
        await stream.until(1)
        await kit.subscriber.deleteSubscription({ subscription }, raw)
        const { code, message } = await stream.end()
        assert.equal(code, status.NOT_FOUND, message)
        await refused(kit.pull(subscription), status.NOT_FOUND)
      }),
    )

    test(
      'deleting the topic does not',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
        await kit.publish(topic, 'x')
        const first = only(await stream.until(1))
        await kit.publisher.deleteTopic({ topic }, raw)
        stream.nack(first)
        assert.equal((await stream.until(2))[1]?.text, 'x')
      }),
    )
  })
}
