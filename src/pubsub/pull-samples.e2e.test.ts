import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterAll, test } from 'vitest'
import { ConfigurationError } from '#core/command-error.ts'
import { startEmulator } from '../../test/support/pubsub.ts'
import { connectPubsub } from './client.ts'
import { publish } from './publisher.ts'
import { pullSamples } from './pull-samples.ts'
import type { Subscription } from './subscription-topic.ts'

const emulator = await startEmulator()
afterAll(() => emulator.stop())
const clients = await connectPubsub({ projectId: 'test-project', emulatorHost: emulator.emulatorHost })
afterAll(() => clients.close())
const { publisher, subscriber } = clients

/** Nothing comes back by itself within a test. */
const ackDeadlineSeconds = 600

/** A subscription with these messages in it. */
async function subscriptionWith(texts: readonly string[], settings: Subscription = {}) {
  const id = randomUUID()
  const topic = `projects/test-project/topics/t-${id}`
  const name = `projects/test-project/subscriptions/s-${id}`
  await publisher.createTopic({ name: topic })
  await subscriber.createSubscription({ name, topic, ackDeadlineSeconds, ...settings })
  const messages = texts.map((text) => ({
    data: Buffer.from(text),
    attributes: { kind: text },
    orderingKey: settings.enableMessageOrdering ? 'k' : '',
  }))
  await publish(clients, topic, messages)
  return { name, topic }
}

async function sample(subscription: string, count: number, signal?: AbortSignal) {
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  const options = { subscription, count, waitMs: 5000, warn, ...(signal ? { signal } : {}) }
  const found = await pullSamples(clients, options)
  return { found, texts: found.map(({ data }) => String(data)).sort(), warnings }
}

/** What another consumer is given without a wait. */
async function deliveredAtOnce(subscription: string) {
  const request = { subscription, maxMessages: 100, returnImmediately: true }
  const [{ receivedMessages }] = await subscriber.pull(request)
  return (receivedMessages ?? [])
    .map(({ message, deliveryAttempt }) => [String(message?.data), deliveryAttempt].join(' '))
    .sort()
}

test('messages are shown with all they have, and delivered again at once', async () => {
  const { name } = await subscriptionWith(['a', 'b', 'c'])
  const { found, texts, warnings } = await sample(name, 100)
  assert.deepEqual([texts, warnings], [['a', 'b', 'c'], []])
  const [first] = found
  assert.equal(first?.attributes['kind'], String(first?.data))
  assert.equal(first?.subscription, name)
  assert.ok(Math.abs((first?.publishTimeMs ?? 0) - Date.now()) < 60_000)
  assert.match(first?.messageId ?? '', /./)
  assert.deepEqual(await deliveredAtOnce(name), ['a 0', 'b 0', 'c 0'])
})

test('no more than are wanted; in order where that is kept, and then again', async () => {
  const { name } = await subscriptionWith(['a', 'b', 'c'], { enableMessageOrdering: true })
  const { found } = await sample(name, 2)
  assert.deepEqual(
    found.map(({ data, orderingKey }) => [String(data), orderingKey].join(' ')),
    ['a k', 'b k'],
  )
  assert.deepEqual(await deliveredAtOnce(name), ['a 0', 'b 0', 'c 0'])
})

test('after Ctrl-C nothing more is pulled', async () => {
  const { name } = await subscriptionWith(['a'])
  assert.deepEqual((await sample(name, 1, AbortSignal.abort())).texts, [])
  assert.deepEqual(await deliveredAtOnce(name), ['a 0'])
})

test('with a dead-letter policy and a service without snapshots: it says what that costs', async () => {
  const { topic } = await subscriptionWith([])
  const deadLetterPolicy = { deadLetterTopic: topic, maxDeliveryAttempts: 7 }
  const { name } = await subscriptionWith(['a'], { deadLetterPolicy })
  const { texts, warnings } = await sample(name, 1)
  assert.deepEqual(texts, ['a'])
  assert.equal(warnings.length, 1)
  assert.match(
    warnings[0] ?? '',
    /^each message that is pulled counts one attempt of 7, since the backlog of .* cannot be copied: .*UNIMPLEMENTED/,
  )
  assert.deepEqual(await deliveredAtOnce(name), ['a 2'])
})

test('with a dead-letter policy and a topic that was deleted: likewise', async () => {
  const { topic } = await subscriptionWith([])
  const deadLetterPolicy = { deadLetterTopic: topic, maxDeliveryAttempts: 5 }
  const { name, topic: own } = await subscriptionWith(['a'], { deadLetterPolicy })
  await publisher.deleteTopic({ topic: own })
  const { texts, warnings } = await sample(name, 1)
  assert.deepEqual(texts, ['a'])
  assert.match(warnings.join(), /one attempt of 5, .* cannot be copied: its topic was deleted$/)
})

test('a subscription that does not exist, or is detached', async () => {
  const { name } = await subscriptionWith(['a'])
  await publisher.detachSubscription({ subscription: name })
  const refused = async (subscription: string) => {
    const error = await sample(subscription, 1).catch((reason: unknown) => reason)
    assert.ok(error instanceof ConfigurationError)
    return error.message
  }
  assert.match(await refused(name), /has no messages: it is detached from its topic/)
  assert.match(await refused(`${name}x`), /^there is no subscription projects/)
})
