import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { PubsubFeatures } from './features.ts'
import type { Kit, OnServer } from './kit.ts'
import { numbered, textsOf } from './kit.ts'
import type { StreamingPull } from './stream.ts'

const ordered = { enableMessageOrdering: true, ackDeadlineSeconds: 600 }

export function orderingTests(onServer: OnServer, features: PubsubFeatures): void {
  const publishKeyed = async (kit: Kit, topic: string, orderingKey: string, texts: readonly string[]) => {
    await kit.publish(topic, ...texts.map((text) => ({ data: Buffer.from(text), orderingKey })))
  }

  const fourOfAKey = numbered('k', 4)

  /** Four of one key, and as many of them leased as a Pull gives at once. */
  const lease = async (kit: Kit) => {
    const { topic, subscription } = await kit.subscribe(ordered)
    await publishKeyed(kit, topic, 'k', fourOfAKey)
    const received = await kit.pull(subscription)
    assert.deepEqual(textsOf(received), fourOfAKey.slice(0, received.length))
    const [first, ...behind] = received
    assert.ok(first)
    return { subscription, first, behind }
  }

  /** Acks each message as it comes, and in the order in which it came. */
  const receiveInOrder = async (kit: Kit, subscription: string, count: number) => {
    const texts: string[] = []
    while (texts.length < count) {
      for (const received of await kit.receive(subscription, 1)) {
        texts.push(received.text)
        await kit.ack(subscription, received)
      }
    }
    return texts
  }

  describe('message ordering', () => {
    test(
      'a key keeps its order on streams, whichever stream receives it',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe(ordered)
        const keys = ['a', 'b', 'c']
        const came: Record<string, string[]> = { a: [], b: [], c: [] }
        const arrived = Promise.withResolvers<void>()
        let left = 60
        const work = (stream: StreamingPull) =>
          stream.each((received) => {
            came[received.orderingKey]?.push(received.text)
            stream.ack(received)
            left -= 1
            if (left === 0) arrived.resolve()
          })
        await using first = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        await using second = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
        work(first)
        work(second)
        for (let i = 0; i < 20; i += 2) {
          for (const key of keys) await publishKeyed(kit, topic, key, [`${key}${i}`, `${key}${i + 1}`])
        }
        await arrived.promise
        for (const key of keys) assert.deepEqual(came[key], numbered(key, 20))
      }),
    )

    if (features.pipelinesOrdered) {
      test(
        'a stream need not ack one message to receive the next one',
        onServer(async (kit) => {
          const { topic, subscription } = await kit.subscribe(ordered)
          await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
          await publishKeyed(kit, topic, 'k', numbered('k', 3))
          assert.deepEqual(textsOf(await stream.until(3)), ['k0', 'k1', 'k2'])
        }),
      )
    }

    test(
      'a key keeps its order by pull, and is given to one pull at a time',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe(ordered)
        await publishKeyed(kit, topic, 'a', numbered('a', 4))
        const first = await kit.receive(subscription, 1)
        assert.deepEqual(textsOf(first), ['a0'])
        await publishKeyed(kit, topic, 'b', ['b0'])
        await kit.publish(topic, 'without a key')
        const others = textsOf(await kit.receive(subscription, 2))
        assert.deepEqual(others.sort(), ['b0', 'without a key'])
        assert.deepEqual(await kit.pull(subscription), [])
        await kit.ack(subscription, ...first)
        assert.deepEqual(await receiveInOrder(kit, subscription, 3), ['a1', 'a2', 'a3'])
      }),
    )

    test(
      'an expired deadline redelivers the message and all behind it, in order',
      onServer(async (kit) => {
        const { subscription, first } = await lease(kit)
        await kit.modack(subscription, 1, first)
        assert.deepEqual(await receiveInOrder(kit, subscription, 4), fourOfAKey)
      }),
    )

    if (features.replaysAckedBehindExpired) {
      test(
        'even acked ones',
        onServer(async (kit) => {
          const { subscription, first, behind } = await lease(kit)
          if (behind.length > 0) await kit.ack(subscription, ...behind)
          await kit.modack(subscription, 1, first)
          assert.deepEqual(await receiveInOrder(kit, subscription, 4), fourOfAKey)
        }),
      )
    }

    test(
      'messages that are nacked in order are redelivered in order',
      onServer(async (kit) => {
        const { subscription, first, behind } = await lease(kit)
        await kit.nack(subscription, first, ...behind)
        assert.deepEqual(await receiveInOrder(kit, subscription, 4), fourOfAKey)
      }),
    )

    if (features.keepsOrderOnNack) {
      test(
        'a nack redelivers the message and all behind it, in order',
        onServer(async (kit) => {
          const { subscription, first } = await lease(kit)
          await kit.nack(subscription, first)
          assert.deepEqual(await receiveInOrder(kit, subscription, 4), fourOfAKey)
        }),
      )

      test(
        'in whatever order they are nacked',
        onServer(async (kit) => {
          const { subscription, first, behind } = await lease(kit)
          for (const one of [first, ...behind].reverse()) await kit.nack(subscription, one)
          assert.deepEqual(await receiveInOrder(kit, subscription, 4), fourOfAKey)
        }),
      )
    }

    test(
      'without it keys delay nothing',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        await publishKeyed(kit, topic, 'k', ['k0', 'k1'])
        const first = await kit.receive(subscription, 1)
        const second = await kit.receive(subscription, 1)
        assert.deepEqual(textsOf([...first, ...second]).sort(), ['k0', 'k1'])
      }),
    )
  })
}
