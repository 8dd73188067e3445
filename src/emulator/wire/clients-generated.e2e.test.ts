import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, describe, test } from 'vitest'
import type { protos } from '@google-cloud/pubsub'
import { v1 } from '@google-cloud/pubsub'
import type { PubsubClients } from '../../pubsub/client.ts'
import { connectPubsub } from '../../pubsub/client.ts'
import { codeOf } from '../../../test/support/pubsub-library.ts'
import { within } from '../../../test/support/within.ts'
import { statusCodes } from '../broker/status.ts'
import { startEmulator } from '../emulator.ts'

type Pulled = protos.google.pubsub.v1.IStreamingPullResponse

const emulator = await startEmulator({ port: 0, history: true })
const { emulatorHost } = emulator
afterAll(() => emulator.close())

interface Rig extends PubsubClients, AsyncDisposable {
  readonly project: string
  readonly topic: string
  readonly subscription: string
}

async function connect(settings: protos.google.pubsub.v1.ISubscription = {}): Promise<Rig> {
  const clients = await connectPubsub({ projectId: `p-${randomUUID()}`, emulatorHost })
  const project = `projects/${clients.projectId}`
  const [topic, subscription] = [`${project}/topics/the-topic`, `${project}/subscriptions/the-subscription`]
  await clients.publisher.createTopic({ name: topic })
  await clients.subscriber.createSubscription({ ...settings, name: subscription, topic })
  return { ...clients, project, topic, subscription, [Symbol.asyncDispose]: () => clients.close() }
}

const messages = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ data: Buffer.from(String(from + i)) }))

const ackIdsOf = ({ receivedMessages }: Pulled) => (receivedMessages ?? []).map(({ ackId }) => ackId ?? '')

describe('the generated clients', { concurrent: true }, () => {
  test('publish, pull, extend, nack and acknowledge', async () => {
    await using rig = await connect({ ackDeadlineSeconds: 60 })
    const { publisher, subscriber, topic, subscription } = rig
    const [{ messageIds }] = await publisher.publish({ topic, messages: messages(1000) })
    assert.equal(new Set(messageIds).size, 1000)
    const [pulled] = await subscriber.pull({ subscription, maxMessages: 1000 })
    assert.deepEqual(
      pulled.receivedMessages?.map(({ message }) => message?.messageId),
      messageIds,
    )
    const ackIds = ackIdsOf(pulled)
    await subscriber.modifyAckDeadline({
      subscription,
      ackIds: ackIds.slice(0, 500),
      ackDeadlineSeconds: 600,
    })
    await subscriber.modifyAckDeadline({ subscription, ackIds: ackIds.slice(900), ackDeadlineSeconds: 0 })
    assert.equal(emulator.inspect(subscription).counts.available, 100)
    const [again] = await subscriber.pull({ subscription, maxMessages: 1000 })
    assert.equal(again.receivedMessages?.length, 100)
    await subscriber.acknowledge({ subscription, ackIds: [...ackIds, ...ackIdsOf(again)] })
    assert.equal(emulator.inspect(subscription).counts.acked, 1000)
    // Once more does no harm.
    await subscriber.acknowledge({ subscription, ackIds })
  })

  test('pull messages that arrive while they wait', async () => {
    await using rig = await connect()
    const { publisher, subscriber, topic, subscription } = rig
    const waiting = subscriber.pull({ subscription, maxMessages: 10 })
    const [nothing] = await subscriber.pull({ subscription, maxMessages: 10, returnImmediately: true })
    assert.deepEqual(nothing.receivedMessages, [])
    await publisher.publish({ topic, messages: messages(1) })
    const [{ receivedMessages }] = await waiting
    assert.equal(receivedMessages?.length, 1)
  })

  test('cancel a waiting pull: no message is lost to it', async () => {
    await using rig = await connect()
    const { publisher, subscriber, topic, subscription } = rig
    const impatient = { timeout: 200, retry: null }
    const code = await codeOf(subscriber.pull({ subscription, maxMessages: 10 }, impatient))
    assert.equal(code, statusCodes.DEADLINE_EXCEEDED)
    await publisher.publish({ topic, messages: messages(10) })
    const [pulled] = await subscriber.pull({ subscription, maxMessages: 10 })
    assert.equal(pulled.receivedMessages?.length, 10)
  })

  test('list, page by page automatically', async () => {
    await using rig = await connect()
    const { publisher, subscriber, project, topic } = rig
    const ids = Array.from({ length: 25 }, (_, i) => `more-${String(i).padStart(2, '0')}`)
    for (const id of ids) {
      await publisher.createTopic({ name: `${project}/topics/${id}` })
      await subscriber.createSubscription({ name: `${project}/subscriptions/${id}`, topic })
    }
    const topics = [...ids, 'the-topic'].map((id) => `${project}/topics/${id}`)
    const subscriptions = [...ids, 'the-subscription'].map((id) => `${project}/subscriptions/${id}`)
    const page = { project, pageSize: 7 }
    const listed = await Array.fromAsync(publisher.listTopicsAsync(page), ({ name }) => name)
    assert.deepEqual(listed, topics)
    const all = await Array.fromAsync(subscriber.listSubscriptionsAsync(page), ({ name }) => name)
    assert.deepEqual(all, subscriptions)
    const ofTopic = publisher.listTopicSubscriptionsAsync({ topic, pageSize: 7 })
    assert.deepEqual(await Array.fromAsync(ofTopic), subscriptions)
    const [whole] = await publisher.listTopics({ project })
    assert.equal(whole.length, topics.length)
  })

  test('change and read settings', async () => {
    await using rig = await connect()
    const { publisher, subscriber, topic, subscription } = rig
    const [before] = await subscriber.getSubscription({ subscription })
    assert.equal(before.state, 'ACTIVE')
    const [changed] = await subscriber.updateSubscription({
      subscription: { name: subscription, ackDeadlineSeconds: 42, labels: { a: 'b' } },
      updateMask: { paths: ['ack_deadline_seconds'] },
    })
    assert.equal(changed.ackDeadlineSeconds, 42)
    assert.deepEqual(changed.labels, {}, 'what the mask does not name stays')
    const [updated] = await publisher.updateTopic({
      topic: { name: topic, labels: { a: 'b' } },
      updateMask: { paths: ['labels'] },
    })
    assert.deepEqual(updated.labels, { a: 'b' })
  })

  test('stream, and settle on the stream', async () => {
    await using rig = await connect({ ackDeadlineSeconds: 10 })
    const { publisher, subscriber, topic, subscription } = rig
    const stream = subscriber.streamingPull()
    const nacked = new Set<string>()
    const ackedAll = Promise.withResolvers<void>()
    let acked = 0
    stream.on('data', (response: Pulled) => {
      const [acks, nacks]: [string[], string[]] = [[], []]
      for (const { ackId, message } of response.receivedMessages ?? []) {
        const id = message?.messageId ?? ''
        const first = Number(message?.data) % 5 === 0 && !nacked.has(id)
        if (first) nacked.add(id)
        ;(first ? nacks : acks).push(ackId ?? '')
      }
      stream.write({ ackIds: acks, modifyDeadlineAckIds: nacks, modifyDeadlineSeconds: nacks.map(() => 0) })
      acked += acks.length
      if (acked === 3000) ackedAll.resolve()
    })
    stream.on('error', ackedAll.reject)
    stream.write({ subscription, streamAckDeadlineSeconds: 10, maxOutstandingMessages: 500 })
    for (const from of [0, 1000, 2000]) await publisher.publish({ topic, messages: messages(1000, from) })
    await within('all acks', ackedAll.promise)
    // Half-closed: what was written is done, then the stream ends well.
    const ended = once(stream, 'end')
    stream.end()
    await within('the end', ended)
    assert.deepEqual(emulator.inspect(subscription).counts, {
      available: 0,
      leased: 0,
      waiting: 0,
      acked: 3000,
    })
    assert.equal(nacked.size, 600)
  })

  test('stream without a subscription, or incorrectly: the stream ends with a status', async () => {
    await using rig = await connect()
    const { subscriber, subscription } = rig
    const refusals = [
      [{ subscription: `${subscription}-2`, streamAckDeadlineSeconds: 10 }, statusCodes.NOT_FOUND],
      [{ subscription }, statusCodes.INVALID_ARGUMENT],
      [{ streamAckDeadlineSeconds: 10 }, statusCodes.INVALID_ARGUMENT],
      [{ subscription, streamAckDeadlineSeconds: 10, ackIds: ['nonsense'] }, statusCodes.INVALID_ARGUMENT],
    ] as const
    for (const [request, code] of refusals) {
      const stream = subscriber.streamingPull()
      const failed = once(stream, 'error') as Promise<[{ code: number }]>
      stream.write(request)
      stream.resume()
      const [error] = await within('a status', failed)
      assert.equal(error.code, code)
    }
  })

  test('speak REST instead of gRPC, if told to', async () => {
    await using rig = await connect({ ackDeadlineSeconds: 60 })
    const { topic, subscription, project, projectId } = rig
    const { host: apiEndpoint, port } = emulator
    // The key keeps them from looking for credentials.
    const options = { fallback: true, protocol: 'http', apiEndpoint, port, apiKey: 'none', projectId }
    const publisher = new v1.PublisherClient(options)
    const subscriber = new v1.SubscriberClient(options)
    const [topics] = await publisher.listTopics({ project })
    assert.deepEqual(
      topics.map(({ name }) => name),
      [topic],
    )
    const data = Buffer.from([0, 1, 254, 255])
    await publisher.publish({ topic, messages: [{ data, attributes: { a: 'b' } }] })
    const [pulled] = await subscriber.pull({ subscription, maxMessages: 1 })
    const message = pulled.receivedMessages?.[0]?.message
    assert.deepEqual(message?.data, data)
    assert.deepEqual(message?.attributes, { a: 'b' })
    await subscriber.acknowledge({ subscription, ackIds: ackIdsOf(pulled) })
    assert.equal(emulator.inspect(subscription).counts.acked, 1)
    const [changed] = await subscriber.updateSubscription({
      subscription: { name: subscription, retryPolicy: { minimumBackoff: { seconds: 3 } } },
      updateMask: { paths: ['retry_policy'] },
    })
    assert.equal(changed.state, 'ACTIVE')
    assert.equal(changed.retryPolicy?.minimumBackoff?.seconds, '3')
    assert.equal(await codeOf(subscriber.getSubscription({ subscription: `${subscription}-2` })), 404)
    await Promise.all([publisher.close(), subscriber.close()])
  })
})
