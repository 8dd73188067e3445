import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { OnServer } from './kit.ts'
import { numbered, only, raw, refused, textsOf } from './kit.ts'

export function pullTests(onServer: OnServer, features: PubsubFeatures): void {
  describe('pull', () => {
    test(
      'a message arrives unchanged',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const data = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
        const attributes = { 'clé ✓': '😀 значение', empty: '', 'with space': ' \t\n' }
        await kit.publish(topic, { data, attributes, orderingKey: 'ключ' })
        const received = only(await kit.receive(subscription, 1))
        assert.deepEqual(received.data, data)
        assert.deepEqual(received.attributes, attributes)
        assert.equal(received.orderingKey, 'ключ')
      }),
    )

    test(
      'a number of messages is required',
      onServer(async (kit) => {
        const { subscription } = await kit.subscribe()
        const wrong = features.refusesNegativeMaxMessages ? [0, -1] : [0]
        for (const count of wrong) {
          await refused(kit.pull(subscription, count), status.INVALID_ARGUMENT, /max_messages/)
        }
      }),
    )

    test(
      'returns no more than requested, and in the end each message',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const texts = numbered('m', 30)
        await kit.publish(topic, ...texts)
        const pages = []
        for (let seen = 0; seen < 30; ) {
          const page = await kit.pull(subscription, 7)
          pages.push(page)
          seen += page.length
        }
        assert.ok(pages.every(({ length }) => length <= 7))
        assert.deepEqual(textsOf(pages.flat()).sort(), texts.toSorted())
        assert.deepEqual(await kit.pull(subscription), [], 'all of them are leased')
      }),
    )

    test(
      'return_immediately answers with nothing',
      onServer(async (kit) => {
        const { subscription } = await kit.subscribe()
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    test(
      'without it, waits for a message',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const waiting = kit.receive(subscription, 1)
        // A second one waits, too: whichever of them gets the first message, the other one gets the second.
        const other = kit.receive(subscription, 1)
        await kit.publish(topic, 'a')
        await Promise.race([waiting, other])
        await kit.publish(topic, 'b')
        assert.deepEqual(textsOf([...(await waiting), ...(await other)]).sort(), ['a', 'b'])
      }),
    )

    test(
      'one that waited in vain takes no messages',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe({ ackDeadlineSeconds: 600 })
        const call = kit.subscriber.pull({ subscription, maxMessages: 1 }, { ...raw, timeout: 2000 })
        // The service waits as long as it likes: some answer with nothing, just before the client gives up.
        const outcome = await call.then(
          ([{ receivedMessages }]) => receivedMessages?.length,
          ({ code }: { code: number }) => code,
        )
        assert.ok(outcome === 0 || outcome === status.DEADLINE_EXCEEDED, String(outcome))
        await kit.publish(topic, 'x')
        assert.equal(only(await kit.receive(subscription, 1)).text, 'x')
      }),
    )

    test(
      'each subscription gets each message, from its creation on',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const other = await kit.createSubscription(topic)
        await kit.publish(topic, 'a', 'b')
        const late = await kit.createSubscription(topic)
        await kit.publish(topic, 'c')
        const texts = async (from: string, count: number) => textsOf(await kit.receive(from, count)).sort()
        assert.deepEqual(await texts(subscription, 3), ['a', 'b', 'c'])
        assert.deepEqual(await texts(other, 3), ['a', 'b', 'c'])
        assert.deepEqual(await texts(late, 1), ['c'])
        assert.deepEqual(await kit.pull(late), [])
      }),
    )

    test(
      'an ack on one subscription has no effect on another',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const other = await kit.createSubscription(topic)
        await kit.publish(topic, 'a')
        await kit.ack(subscription, ...(await kit.receive(subscription, 1)))
        assert.equal(only(await kit.receive(other, 1)).text, 'a')
      }),
    )
  })
}
