import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import type { Message } from '@google-cloud/pubsub'
import { createPlace, Inbox, numbers, publishNumbers } from '../../../test/support/pubsub-library.ts'
import { within } from '../../../test/support/within.ts'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0, history: true })
const { emulatorHost } = emulator
afterAll(() => emulator.close())

describe('with the library', { concurrent: true }, () => {
  test('many messages of one key arrive at once, not one per ack', async () => {
    await using place = await createPlace(emulatorHost, { enableMessageOrdering: true })
    const { topic, subscription } = place
    topic.setPublishOptions({ messageOrdering: true })
    const all = Array.from({ length: 200 }, (_, i) => String(i))
    await Promise.all(all.map((i) => topic.publishMessage({ orderingKey: 'key', data: Buffer.from(i) })))
    await using inbox = new Inbox(subscription)
    // The library sends acks every 100 ms.
    await inbox.untilReceived(200, 10_000)
    assert.deepEqual(inbox.texts, all)
  })

  test('dead letters: five attempts, then the other topic', async () => {
    await using place = await createPlace(emulatorHost)
    const { pubsub, topic } = place
    const [deadLetterTopic] = await pubsub.createTopic('dead-letters')
    const [deadLetterSubscription] = await deadLetterTopic.createSubscription('dead-letters-sub')
    const [subscription] = await topic.createSubscription('tried', {
      deadLetterPolicy: { deadLetterTopic: deadLetterTopic.name, maxDeliveryAttempts: 5 },
    })
    const published = Date.now()
    const attributes = { its: 'own' }
    await topic.publishMessage({ data: Buffer.from('bad'), attributes })
    await topic.publishMessage({ data: Buffer.from('good') })
    await using tried = new Inbox(subscription, (message) =>
      message.data.toString() === 'bad' ? message.nack() : message.ack(),
    )
    await using deadLetters = new Inbox(deadLetterSubscription)
    await deadLetters.untilReceived(1)
    const attempts = tried.messages.filter(({ data }) => data.toString() === 'bad')
    assert.deepEqual(
      attempts.map(({ deliveryAttempt }) => deliveryAttempt),
      [1, 2, 3, 4, 5],
    )
    const [deadLetter] = deadLetters.messages as [Message]
    assert.equal(deadLetter.data.toString(), 'bad')
    const { CloudPubSubDeadLetterSourceTopicPublishTime: time = '', ...rest } = deadLetter.attributes
    assert.deepEqual(rest, {
      its: 'own',
      CloudPubSubDeadLetterSourceDeliveryCount: '5',
      CloudPubSubDeadLetterSourceSubscription: 'tried',
      CloudPubSubDeadLetterSourceSubscriptionProject: pubsub.projectId,
    })
    assert.ok(Math.abs(Date.parse(time) - published) < 5000, time)
    await tried.close()
    assert.deepEqual(emulator.inspect(subscription.name).counts.available, 0)
    assert.deepEqual(emulator.inspect(subscription.name).counts.leased, 0)
  })

  test('closing under load: the next subscriber gets what is left', async () => {
    await using place = await createPlace(emulatorHost)
    await publishNumbers(place.topic, 1000)
    const finished = new Set<string>()
    const first = new Inbox(place.subscription, (message) => {
      if (finished.size === 300) return
      finished.add(message.id)
      message.ack()
    })
    await first.untilReceived(500)
    await first.close()
    assert.equal(emulator.inspect(place.subscription.name).counts.acked, 300)
    await using second = new Inbox(place.pubsub.subscription('the-subscription'))
    await second.until('the rest', () => new Set(second.messages.map(({ id }) => id)).size === 700)
    await second.close()
    assert.ok(second.messages.every(({ id }) => !finished.has(id)))
    const { counts, messages } = emulator.inspect(place.subscription.name)
    assert.deepEqual(counts, { available: 0, leased: 0, waiting: 0, acked: 1000 })
    assert.deepEqual(messages.map(({ data }) => data.toString()).sort(), numbers(1000))
  })

  test('a retry policy delays the next attempt', async () => {
    const retryPolicy = { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 2 } }
    await using place = await createPlace(emulatorHost, { retryPolicy })
    const times: number[] = []
    await using inbox = new Inbox(place.subscription, (message) => {
      times.push(performance.now())
      if (times.length < 3) message.nack()
      else message.ack()
    })
    await publishNumbers(place.topic, 1)
    await inbox.untilReceived(3)
    const [first = 0, second = 0, third = 0] = times
    assert.ok(second - first >= 990, `${second - first} ms`)
    assert.ok(third - second >= 1990, `${third - second} ms`)
  })

  test('seeking to a date: back to what was acked, and forward past what was not', async () => {
    await using place = await createPlace(emulatorHost, { retainAckedMessages: true })
    const { topic, subscription } = place
    const before = new Date(Date.now() - 1000)
    await publishNumbers(topic, 10)
    await using inbox = new Inbox(subscription)
    await inbox.untilReceived(10)
    await inbox.close()
    assert.equal(emulator.inspect(subscription.name).counts.acked, 10)
    await subscription.seek(before)
    assert.equal(emulator.inspect(subscription.name).counts.available, 10)
    await using again = new Inbox(place.pubsub.subscription('the-subscription'))
    await again.untilReceived(10)
    await again.close()
    assert.deepEqual(again.texts.sort(), numbers(10))
    await publishNumbers(topic, 5)
    await subscription.seek(new Date(Date.now() + 60_000))
    assert.deepEqual(emulator.inspect(subscription.name).counts, {
      available: 0,
      leased: 0,
      waiting: 0,
      acked: 15,
    })
  })

  test('seeking under a subscriber with outstanding messages: its acks do no harm', async () => {
    await using place = await createPlace(emulatorHost)
    await publishNumbers(place.topic, 50)
    await using inbox = new Inbox(place.subscription, () => {})
    await inbox.untilReceived(50)
    await place.subscription.seek(new Date(Date.now() - 60_000))
    await inbox.untilReceived(100)
    for (const message of inbox.messages) message.ack()
    await inbox.close()
    assert.equal(emulator.inspect(place.subscription.name).counts.acked, 50)
  })
})

test('keys arrive in order, also after nacks', async () => {
  const [keys, perKey] = [50, 100]
  // Of its own: it is asked about all acks that it accepts.
  await using emulator = await startEmulator({ port: 0 })
  await using place = await createPlace(emulator.emulatorHost, { enableMessageOrdering: true })
  const done = Promise.withResolvers<void>()
  const acked = new Set<string>()
  emulator.faults.beforeAck = async ({ subscription, messages }) => {
    for (const { messageId } of messages) acked.add(messageId)
    // Messages after a nacked one are redelivered although they were acked, so only the last ack leaves nothing.
    const look = () => {
      if (emulator.inspect(subscription).messages.length === 0) done.resolve()
    }
    if (acked.size === keys * perKey) setImmediate(look)
  }
  place.topic.setPublishOptions({ messageOrdering: true })
  const sent = Array.from({ length: keys * perKey }, (_, i) => {
    const data = Buffer.from(String(Math.floor(i / keys)))
    return place.topic.publishMessage({ orderingKey: `key-${i % keys}`, data })
  })
  await Promise.all(sent)
  const nacked = new Set<string>()
  await using inbox = new Inbox(place.subscription, (message) => {
    if (Number(message.data) % 33 !== 20 || nacked.has(message.id)) return message.ack()
    nacked.add(message.id)
    message.nack()
  })
  await within('all acks', done.promise)
  await inbox.close()
  assert.deepEqual(emulator.inspect(place.subscription.name).messages, [])
  assert.equal(nacked.size, 3 * keys)
  const byKey = Map.groupBy(inbox.messages, ({ orderingKey }) => orderingKey)
  assert.equal(byKey.size, keys)
  for (const messages of byKey.values()) assertInOrder(messages.map(({ data }) => Number(data)))
})

/** One that is new comes after all before it; a step back leads to one that was nacked, or behind it. */
function assertInOrder(numbers: readonly number[]) {
  const seen = new Set<number>()
  const story = numbers.join(' ')
  for (const [i, number] of numbers.entries()) {
    const previous = numbers[i - 1] ?? -1
    if (!seen.has(number)) assert.equal(number, seen.size, story)
    else if (number <= previous) assert.equal(number % 33, 20, story)
    seen.add(number)
  }
  assert.equal(seen.size, 100)
}
