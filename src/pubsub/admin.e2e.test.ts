import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterAll, describe, test } from 'vitest'
import { startEmulator } from '../../test/support/pubsub.ts'
import { deleteBoth, ensureSubscription, ensureTopic } from './admin.ts'
import { connectPubsub } from './client.ts'

const emulator = await startEmulator()
const { emulatorHost: host } = emulator
afterAll(() => emulator.stop())

const names = () => ({ topicId: `t-${randomUUID()}`, subscriptionId: `s-${randomUUID()}` })

async function connect() {
  const resources = new AsyncDisposableStack()
  const clients = resources.adopt(
    await connectPubsub({ projectId: 'test-project', emulatorHost: host }),
    (c) => c.close(),
  )
  return { clients, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

describe('topics and subscriptions of an emulator', () => {
  test('a missing resource is created, with its deadline; again is no error and changes nothing', async () => {
    await using connection = await connect()
    const { clients } = connection
    const wanted = names()
    const { name: subscription } = await ensureSubscription(clients, wanted, 30)
    assert.equal(subscription, `projects/test-project/subscriptions/${wanted.subscriptionId}`)
    assert.equal((await ensureSubscription(clients, wanted, 60)).name, subscription)
    const [found] = await clients.subscriber.getSubscription({ subscription })
    assert.equal(found.topic, `projects/test-project/topics/${wanted.topicId}`)
    assert.equal(found.ackDeadlineSeconds, 30)
  })

  test('by their full names they are created in their own projects', async () => {
    await using connection = await connect()
    const { clients } = connection
    const { topicId, subscriptionId } = names()
    const full = {
      topicId: `projects/mill/topics/${topicId}`,
      subscriptionId: `projects/bakery/subscriptions/${subscriptionId}`,
    }
    const { name, settings } = await ensureSubscription(clients, full, 10)
    assert.deepEqual([name, settings?.topic], [full.subscriptionId, full.topicId])
    await deleteBoth(clients, full)
    await assert.rejects(clients.subscriber.getSubscription({ subscription: name }), /NOT_FOUND/)
    await assert.rejects(clients.publisher.getTopic({ topic: full.topicId }), /NOT_FOUND/)
  })

  test('replicas that start together agree', async () => {
    await using one = await connect()
    await using two = await connect()
    for (let i = 0; i < 10; i++) {
      const wanted = names()
      const both = [one, two, one, two].map(({ clients }) => ensureSubscription(clients, wanted, 10))
      assert.equal(new Set((await Promise.all(both)).map(({ name }) => name)).size, 1)
    }
  })

  test('an existing topic is used as it is', async () => {
    await using connection = await connect()
    const { topicId, subscriptionId } = names()
    const topic = await ensureTopic(connection.clients, topicId)
    const { settings } = await ensureSubscription(connection.clients, { topicId, subscriptionId }, 10)
    assert.equal(await ensureTopic(connection.clients, topicId), topic)
    assert.equal(settings?.topic, topic)
  })

  test('a subscription of another topic is used as it is, and no other topic is created', async () => {
    await using connection = await connect()
    const { topicId, subscriptionId } = names()
    await ensureSubscription(connection.clients, { topicId, subscriptionId }, 10)
    const other = names().topicId
    const { settings } = await ensureSubscription(connection.clients, { topicId: other, subscriptionId }, 10)
    assert.equal(settings?.topic, `projects/test-project/topics/${topicId}`)
    const topic = `projects/test-project/topics/${other}`
    await assert.rejects(connection.clients.publisher.getTopic({ topic }), /NOT_FOUND/)
  })

  test('errors of the service are thrown', async () => {
    await using connection = await connect()
    await assert.rejects(ensureTopic(connection.clients, '1'), /INVALID_ARGUMENT/)
  })
})
