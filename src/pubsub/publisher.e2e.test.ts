import assert from 'node:assert/strict'
import { afterAll, test } from 'vitest'
import { startPubsub } from '#stack/pubsub.ts'
import { ensureSubscription } from './admin.ts'
import { connectPubsub } from './client.ts'
import { publish } from './publisher.ts'

const server = await startPubsub({ port: 0 })
const clients = await connectPubsub({ projectId: 'test-project', emulatorHost: server.emulatorHost })
afterAll(async () => {
  await clients.close()
  await server.stop()
})

test('concurrent calls are separate requests: a rejection fails no other call', async () => {
  const { name } = await ensureSubscription(clients, { topicId: 'topic', subscriptionId: 'sub' }, 10)
  const topic = 'projects/test-project/topics/topic'
  const tooMany = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`a${at}`, '']))
  const calls = [{}, tooMany, {}].map((attributes, at) =>
    publish(clients, topic, [{ data: Buffer.from(`${at}`), attributes, orderingKey: `key ${at}` }]),
  )
  const outcomes = await Promise.allSettled(calls)
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const { messages } = server.emulator?.inspect(name) ?? assert.fail('no emulator of our own')
  assert.deepEqual(messages.map(({ data }) => String(data)).toSorted(), ['0', '2'])
})
