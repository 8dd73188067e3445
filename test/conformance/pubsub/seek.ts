import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { setTimeout } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { Kit, OnServer } from './kit.ts'
import { only, raw, refused, seconds, textsOf } from './kit.ts'

const timeOf = (unixMs: number) => ({
  seconds: Math.floor(unixMs / 1000),
  nanos: (Math.floor(unixMs) % 1000) * 1_000_000,
})

export function seekTests(onServer: OnServer, features: PubsubFeatures): void {
  const seek = async ({ subscriber }: Kit, subscription: string, unixMs: number) => {
    await subscriber.seek({ subscription, time: timeOf(unixMs) }, raw)
  }

  /** Publishes, and acks. */
  const consume = async (kit: Kit, topic: string, subscription: string, text: string) => {
    await kit.publish(topic, text)
    const received = only(await kit.receive(subscription, 1))
    await kit.ack(subscription, received)
    return received
  }

  const replays = (retaining: { retainAckedMessages: true; enableMessageOrdering: boolean }) =>
    onServer(async (kit) => {
      const { topic, subscription } = await kit.subscribe(retaining)
      const first = await consume(kit, topic, subscription, 'a')
      const second = await consume(kit, topic, subscription, 'b')
      assert.deepEqual(await kit.pull(subscription), [])
      await seek(kit, subscription, first.publishTimeMs - 1000)
      const again = await kit.receive(subscription, 2)
      assert.deepEqual(textsOf(again).sort(), ['a', 'b'])
      const ids = again.map(({ messageId }) => messageId).sort()
      assert.deepEqual(ids, [first.messageId, second.messageId].sort())
    })

  describe('seek', () => {
    test(
      'backward redelivers what was acked',
      replays({ retainAckedMessages: true, enableMessageOrdering: false }),
    )

    if (features.seeksOrdered) {
      test('with ordering, too', replays({ retainAckedMessages: true, enableMessageOrdering: true }))
    }

    test(
      'acked messages that are not retained stay away',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const { publishTimeMs } = await consume(kit, topic, subscription, 'gone')
        await seek(kit, subscription, publishTimeMs - 1000)
        await kit.publish(topic, 'fence')
        assert.deepEqual(textsOf(await kit.receive(subscription, 1)), ['fence'])
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    test(
      'forward acks everything older, and nothing newer',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const other = await kit.createSubscription(topic)
        await kit.publish(topic, 'old')
        // Publish times are in whole milliseconds.
        await setTimeout(50)
        await kit.publish(topic, 'new')
        const newer = (await kit.receive(other, 2)).find(({ text }) => text === 'new')
        assert.ok(newer)
        await seek(kit, subscription, newer.publishTimeMs - 10)
        const left = await kit.receive(subscription, 1)
        assert.deepEqual(textsOf(left), ['new'])
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    test(
      'needs a subscription and a target',
      onServer(async (kit) => {
        const { subscriber } = kit
        const { subscription } = await kit.subscribe()
        await refused(subscriber.seek({ subscription }, raw), status.INVALID_ARGUMENT)
        await refused(
          subscriber.seek({ subscription: 'abc', time: seconds(1) }, raw),
          status.INVALID_ARGUMENT,
        )
      }),
    )
  })
}
