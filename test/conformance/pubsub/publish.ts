import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { Kit, Message, OnServer } from './kit.ts'
import { numbered, only, refused } from './kit.ts'

const data = Buffer.from('x')
const megabyte = Buffer.alloc(1_000_000, 'x')

const withAttributes = (attributes: Record<string, string>): Message => ({ data, attributes })
const manyAttributes = (count: number) => Object.fromEntries(numbered('k', count).map((key) => [key, '']))

const goodAttributes = [
  manyAttributes(100),
  { ['k'.repeat(256)]: 'v' },
  { ['é'.repeat(128)]: 'v' },
  { k: 'v'.repeat(1024) },
  { k: 'é'.repeat(512) },
  { goo: 'v', 'a-goog': 'v' },
]
const badAttributes = [
  manyAttributes(101),
  { ['k'.repeat(257)]: 'v' },
  { ['é'.repeat(129)]: 'v' },
  { k: 'v'.repeat(1025) },
  { k: 'é'.repeat(513) },
  { goog: 'v' },
  { 'googclient-x': 'v' },
]

export function publishTests(onServer: OnServer, features: PubsubFeatures): void {
  const refusedWith = async (kit: Kit, messages: readonly Message[], text?: RegExp) => {
    const { topic, subscription } = await kit.subscribe()
    await refused(kit.publish(topic, ...messages), status.INVALID_ARGUMENT, text)
    assert.deepEqual(await kit.pull(subscription), [], 'none of a refused request is published')
  }

  describe('publish', () => {
    test(
      'one id per message, all different, the same as in the messages',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const ids: string[] = []
        for (const from of [0, 10, 20]) {
          const texts = numbered('', from + 10).slice(from)
          ids.push(...(await kit.publish(topic, ...texts)))
        }
        assert.equal(new Set(ids).size, 30)
        const received = await kit.receive(subscription, 30)
        for (const { text, messageId } of received) assert.equal(messageId, ids[Number(text)])
      }),
    )

    test(
      'ids of one topic increase',
      onServer(async (kit) => {
        const topic = await kit.createTopic()
        const ids: string[] = []
        for (let i = 0; i < 3; i++) ids.push(...(await kit.publish(topic, 'a', 'b', 'c')))
        const increasing = ids.map(BigInt).every((id, i, all) => i === 0 || id > (all[i - 1] as bigint))
        assert.ok(increasing, ids.join())
      }),
    )

    test(
      'id and time are set by the server',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const before = Date.now()
        const own = { data, messageId: 'mine', publishTime: { seconds: 1 } }
        const id = only(await kit.publish(topic, own))
        const after = Date.now()
        assert.notEqual(id, 'mine')
        const { messageId, publishTimeMs } = only(await kit.receive(subscription, 1))
        assert.equal(messageId, id)
        const inTime = before - 1 <= publishTimeMs && publishTimeMs <= after + 1
        assert.ok(inTime, `${before} ≤ ${publishTimeMs} ≤ ${after}`)
      }),
    )

    test(
      'a message has data or an attribute',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publish(topic, { attributes: { a: '' } })
        const { text, attributes } = only(await kit.receive(subscription, 1))
        assert.deepEqual({ text, attributes }, { text: '', attributes: { a: '' } })
        for (const messages of [[{}], [{ orderingKey: 'k' }], [{ data }, {}]]) {
          await refusedWith(kit, messages, /empty/i)
        }
      }),
    )

    test(
      'a request has 1 to 1,000 messages',
      onServer(async (kit) => {
        const topic = await kit.createTopic()
        assert.equal((await kit.publish(topic, ...numbered('', 1000))).length, 1000)
        await refusedWith(kit, [])
        const tooMany = Array.from({ length: 1001 }, () => ({ data }))
        await refusedWith(kit, tooMany)
      }),
    )

    test(
      'nine megabytes arrive',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publish(topic, { data: Buffer.concat(Array.from({ length: 9 }, () => megabyte)) })
        assert.equal(only(await kit.receive(subscription, 1)).data.length, 9_000_000)
      }),
    )

    if (features.publishSizeLimit) {
      test(
        'more than ten megabytes are rejected',
        onServer(async (kit) => {
          const parts = Array.from({ length: 11 }, () => megabyte)
          await refusedWith(kit, [{ data: Buffer.concat(parts) }])
          await refusedWith(
            kit,
            parts.map((part) => ({ data: part })),
          )
        }),
      )
    }

    test(
      'attributes within the limits arrive',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        for (const attributes of goodAttributes) {
          await kit.publish(topic, withAttributes(attributes))
          const received = only(await kit.receive(subscription, 1))
          assert.deepEqual(received.attributes, attributes)
          await kit.ack(subscription, received)
        }
      }),
    )

    if (features.attributeLimits) {
      test(
        'attributes beyond the limits are rejected',
        onServer(async (kit) => {
          for (const attributes of badAttributes) await refusedWith(kit, [withAttributes(attributes)])
        }),
      )
    }
  })
}
