import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { Kit, OnServer } from './kit.ts'
import { numbered, only, raw, refused, textsOf } from './kit.ts'
import type { Received } from './stream.ts'

/** How much sooner than its deadline a message may seem to come: the clocks of two processes, and a server's ticks. */
const earlyMs = 100
/** How much later, on a busy machine. */
const lateMs = 5_000

const maxRequestBytes = 512 * 1024

export function leaseTests(onServer: OnServer, features: PubsubFeatures): void {
  /** It is redelivered `seconds` after `fromMs`. */
  const redeliveredAfter = async (kit: Kit, subscription: string, fromMs: number, seconds: number) => {
    const received = only(await kit.receive(subscription, 1))
    const afterMs = Math.round(received.atMs - fromMs)
    const inTime = seconds * 1000 - earlyMs <= afterMs && afterMs <= seconds * 1000 + lateMs
    assert.ok(inTime, `redelivered after ${afterMs} ms`)
    return received
  }

  const receiveOne = async (kit: Kit, subscription: string): Promise<[Received, number]> => {
    const beforeMs = performance.now()
    return [only(await kit.receive(subscription, 1)), beforeMs]
  }

  describe('leases', () => {
    test(
      'a message is redelivered at its deadline, until it is acked',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 10 })
        await kit.publish(topic, 'lost', 'acked')
        const beforeMs = performance.now()
        const both = await kit.receive(subscription, 2)
        const [acked, lost] = both.sort((a, b) => a.text.localeCompare(b.text)) as [Received, Received]
        await kit.ack(subscription, acked)
        const again = await redeliveredAfter(kit, subscription, beforeMs, 10)
        assert.equal(again.messageId, lost.messageId)
        assert.notEqual(again.ackId, lost.ackId)
        await kit.ack(subscription, again)
        assert.deepEqual(
          await kit.pull(subscription),
          [],
          'the acked one did not come, though its time is over',
        )
      }),
    )

    test(
      "the subscription's ack deadline counts",
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 13 })
        await kit.publish(topic, 'x')
        const [, beforeMs] = await receiveOne(kit, subscription)
        await redeliveredAfter(kit, subscription, beforeMs, 13)
      }),
    )

    test(
      'an extension counts from its request',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 10 })
        const ticking = await kit.subscribe({ ackDeadlineSeconds: 10 })
        await kit.publish(topic, 'extended')
        await kit.publish(ticking.topic, 'tick')
        const [extended] = await receiveOne(kit, subscription)
        const [tick] = await receiveOne(kit, ticking.subscription)
        await kit.modack(ticking.subscription, 4, tick)
        await kit.receive(ticking.subscription, 1)
        const extendedMs = performance.now()
        await kit.modack(subscription, 10, extended)
        await redeliveredAfter(kit, subscription, extendedMs, 10)
      }),
    )

    test(
      'a lease can be shortened, too',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await kit.publish(topic, 'x')
        const [received] = await receiveOne(kit, subscription)
        const shortenedMs = performance.now()
        await kit.modack(subscription, 1, received)
        await redeliveredAfter(kit, subscription, shortenedMs, 1)
      }),
    )

    test(
      'a nacked message is redelivered at once, others stay',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await kit.publish(topic, ...numbered('m', 5))
        const received = await kit.receive(subscription, 5)
        const nacked = received.filter(({ text }) => text === 'm1' || text === 'm3')
        await kit.nack(subscription, ...nacked)
        const again = await kit.receive(subscription, 2)
        assert.deepEqual(textsOf(again).sort(), ['m1', 'm3'])
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    test(
      'each delivery has its own ack id, and each message one id',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publish(topic, 'x')
        const seen: Received[] = []
        for (let i = 0; i < 5; i++) {
          const received = only(await kit.receive(subscription, 1))
          seen.push(received)
          await kit.nack(subscription, received)
        }
        assert.equal(new Set(seen.map(({ ackId }) => ackId)).size, 5)
        assert.equal(new Set(seen.map(({ messageId }) => messageId)).size, 1)
        assert.equal(new Set(seen.map(({ publishTimeMs }) => publishTimeMs)).size, 1)
      }),
    )

    test(
      'the ack id of an earlier delivery has no effect, and is no error',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await kit.publish(topic, 'x')
        const [stale] = await receiveOne(kit, subscription)
        await kit.nack(subscription, stale)
        const [current] = await receiveOne(kit, subscription)
        await kit.nack(subscription, stale)
        assert.deepEqual(await kit.pull(subscription), [], 'not nacked by the old id')
        await kit.modack(subscription, 1, stale)
        await kit.ack(subscription, stale)
        await kit.nack(subscription, current)
        const [last] = await receiveOne(kit, subscription)
        assert.equal(last.messageId, stale.messageId, 'not acked by the old id')
      }),
    )

    test(
      'an ack may be repeated, and nothing undoes it',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publish(topic, 'x')
        const [received] = await receiveOne(kit, subscription)
        await kit.ack(subscription, received)
        await kit.ack(subscription, received, received)
        await kit.nack(subscription, received)
        await kit.modack(subscription, 10, received)
        await kit.publish(topic, 'fence')
        assert.deepEqual(textsOf(await kit.receive(subscription, 1)), ['fence'])
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    test(
      'an ack id that was never issued is rejected, together with its whole request',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await kit.publish(topic, 'x')
        const [received] = await receiveOne(kit, subscription)
        for (const wrong of ['garbage', '']) {
          const ackIds = [received.ackId, wrong]
          const named = new RegExp(`invalid ack id.*${wrong}`, 'i')
          const ack = kit.subscriber.acknowledge({ subscription, ackIds }, raw)
          await refused(ack, status.INVALID_ARGUMENT, named)
          const request = { subscription, ackIds, ackDeadlineSeconds: 0 }
          await refused(kit.subscriber.modifyAckDeadline(request, raw), status.INVALID_ARGUMENT, named)
        }
        assert.deepEqual(await kit.pull(subscription), [], 'not nacked')
        await kit.nack(subscription, received)
        assert.equal(only(await kit.receive(subscription, 1)).text, 'x', 'not acked')
      }),
    )

    test(
      'an ack or modack has ids, and a modack a deadline within limits',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publish(topic, 'x')
        const [received] = await receiveOne(kit, subscription)
        const { INVALID_ARGUMENT } = status
        await refused(kit.ack(subscription), INVALID_ARGUMENT, /ack ids/i)
        await refused(kit.modack(subscription, 10), INVALID_ARGUMENT, /ack ids/i)
        await refused(kit.modack(subscription, -1, received), INVALID_ARGUMENT, /deadline/i)
        await kit.modack(subscription, 600, received)
        if (features.maximumExtension) {
          await refused(kit.modack(subscription, 601, received), INVALID_ARGUMENT, /deadline/i)
        }
      }),
    )

    test(
      'two thousand acks in a request',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        for (let i = 0; i < 2; i++) await kit.publish(topic, ...numbered('m', 1000))
        const received = await kit.receive(subscription, 2000)
        await kit.modack(subscription, 600, ...received)
        await kit.ack(subscription, ...received)
        await kit.nack(subscription, ...received)
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    if (features.ackSizeLimit) {
      test(
        'a request of more than 512 KiB is rejected',
        onServer(async (kit) => {
          const { topic, subscription } = await kit.subscribe()
          await kit.publish(topic, 'x')
          const [{ ackId }] = await receiveOne(kit, subscription)
          const count = Math.ceil(maxRequestBytes / ackId.length)
          const ackIds = Array.from({ length: count }, () => ackId)
          const ack = kit.subscriber.acknowledge({ subscription, ackIds }, raw)
          await refused(ack, status.INVALID_ARGUMENT)
          const request = { subscription, ackIds, ackDeadlineSeconds: 10 }
          await refused(kit.subscriber.modifyAckDeadline(request, raw), status.INVALID_ARGUMENT)
        }),
      )
    }
  })
}
