import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import type { Message, SubscriberOptions } from '@google-cloud/pubsub'
import { Duration } from '@google-cloud/pubsub'
import type { Place } from '../../../test/support/pubsub-library.ts'
import {
  createPlace,
  createProject,
  Inbox,
  letPass,
  numbers,
  publishNumbers,
} from '../../../test/support/pubsub-library.ts'
import { until } from '../../../test/support/system.ts'
import { within } from '../../../test/support/within.ts'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0, history: true })
const { emulatorHost } = emulator
afterAll(() => emulator.close())

/** The place's subscription, to be opened with these options. */
const subscriptionOf = ({ pubsub }: Place, options?: SubscriberOptions) =>
  pubsub.subscription('the-subscription', options)

/** All were acked; what the emulator has of them. */
function assertAllAcked({ subscription }: Place, count: number) {
  const { counts, messages } = emulator.inspect(subscription.name)
  assert.deepEqual(counts, { available: 0, leased: 0, waiting: 0, acked: count })
  return messages
}

/** Holds each message for a turn of the event loop, and acks it. Tells the most that it held at once. */
async function mostHeld(place: Place, count: number, options: SubscriberOptions): Promise<number> {
  const done = Promise.withResolvers<void>()
  let held = 0
  let most = 0
  let acked = 0
  await using inbox = new Inbox(subscriptionOf(place, options), (message) => {
    held += 1
    most = Math.max(most, held)
    setImmediate(() => {
      held -= 1
      message.ack()
      if (++acked === count) done.resolve()
    })
  })
  await within('all acks', done.promise)
  await inbox.close()
  assertAllAcked(place, count)
  return most
}

describe('the library subscribes', { concurrent: true }, () => {
  test('with its default flow control: five streams of a thousand each', async () => {
    await using place = await createPlace(emulatorHost)
    await publishNumbers(place.topic, 6000)
    await using inbox = new Inbox(place.subscription, () => {})
    await inbox.untilReceived(5000)
    const { counts } = emulator.inspect(place.subscription.name)
    assert.deepEqual(counts, { available: 1000, leased: 5000, waiting: 0, acked: 0 })
    // What is acked makes room for the rest.
    for (const message of inbox.messages) message.ack()
    await inbox.untilReceived(6000)
    for (const message of inbox.messages.slice(5000)) message.ack()
    await inbox.close()
    assert.deepEqual(inbox.texts.sort(), numbers(6000))
    assert.ok(assertAllAcked(place, 6000).every(({ deliveries }) => deliveries === 1))
  })

  test('and acks thousands at once', async () => {
    await using place = await createPlace(emulatorHost)
    await publishNumbers(place.topic, 10_000)
    const options = { flowControl: { maxMessages: 10_000 } }
    await using inbox = new Inbox(subscriptionOf(place, options), () => {})
    await inbox.untilReceived(10_000)
    for (const message of inbox.messages) message.ack()
    await inbox.close()
    assertAllAcked(place, 10_000)
  })

  test('a few messages at a time', async () => {
    await using place = await createPlace(emulatorHost)
    await publishNumbers(place.topic, 60)
    const most = await mostHeld(place, 60, {
      flowControl: { maxMessages: 5 },
      streamingOptions: { maxStreams: 1 },
    })
    assert.equal(most, 5)
  })

  test('a few messages at a time over several streams', async () => {
    await using place = await createPlace(emulatorHost)
    await publishNumbers(place.topic, 60)
    const flowControl = { maxMessages: 5, allowExcessMessages: false }
    assert.equal(await mostHeld(place, 60, { flowControl }), 5)
  })

  test('a few bytes at a time, and larger messages alone', async () => {
    await using place = await createPlace(emulatorHost)
    const sizes = [...Array.from({ length: 30 }, () => 1000), 20_000, 1000, 30_000]
    await Promise.all(sizes.map((size) => place.topic.publishMessage({ data: Buffer.alloc(size, 1) })))
    const most = await mostHeld(place, sizes.length, {
      flowControl: { maxBytes: 5000 },
      streamingOptions: { maxStreams: 1 },
    })
    // Each is a little larger on the wire.
    assert.equal(most, 4)
  })

  test('nacked messages are redelivered, acked ones are not', async () => {
    await using place = await createPlace(emulatorHost)
    await publishNumbers(place.topic, 100)
    const nacked = new Set<string>()
    const once = ({ id }: Message) => !nacked.has(id) && Boolean(nacked.add(id))
    await using inbox = new Inbox(place.subscription, (message) => {
      if (Number(message.data) % 3 === 0 && once(message)) message.nack()
      else message.ack()
    })
    await inbox.untilReceived(100 + 34)
    await inbox.close()
    const messages = assertAllAcked(place, 100)
    for (const { data, nacks, deliveries } of messages) {
      const expected = Number(data) % 3 === 0 ? 1 : 0
      assert.deepEqual({ nacks, deliveries }, { nacks: expected, deliveries: expected + 1 })
    }
    assert.ok(inbox.messages.every(({ deliveryAttempt }) => deliveryAttempt === 0))
  })

  test('leases are kept beyond the deadline', async () => {
    await using place = await createPlace(emulatorHost, { ackDeadlineSeconds: 10 })
    await publishNumbers(place.topic, 200)
    await using inbox = new Inbox(place.subscription, () => {})
    await inbox.untilReceived(200)
    await letPass(emulatorHost, 14)
    assert.equal(inbox.messages.length, 200)
    for (const message of inbox.messages) message.ack()
    await inbox.close()
    for (const { deliveries, modacks, failures } of assertAllAcked(place, 200)) {
      assert.deepEqual({ deliveries, failures }, { deliveries: 1, failures: 0 })
      assert.ok(modacks > 0)
    }
  })

  test('leases that are not kept expire; one that was extended by hand does not', async () => {
    await using place = await createPlace(emulatorHost, { ackDeadlineSeconds: 10 })
    for (const text of ['extended', 'left']) await place.topic.publishMessage({ data: Buffer.from(text) })
    const maxExtensionTime = Duration.from({ seconds: 1 })
    await using inbox = new Inbox(subscriptionOf(place, { maxExtensionTime }), () => {})
    await inbox.untilReceived(2)
    // The library confirms each by an extension of its own; the longer one has to come after that.
    await until(
      async () => emulator.inspect(place.subscription.name).messages,
      (messages) => messages.every(({ modacks }) => modacks > 0),
    )
    inbox.messages.find(({ data }) => data.toString() === 'extended')?.modAck(60)
    await inbox.untilReceived(3)
    assert.deepEqual(inbox.texts.slice(2), ['left'])
    const { messages } = emulator.inspect(place.subscription.name)
    assert.deepEqual(
      messages.map(({ deliveries, failures }) => [deliveries, failures]),
      [
        [1, 0],
        [2, 1],
      ],
    )
  })

  test('two subscribers share the messages', async () => {
    await using place = await createPlace(emulatorHost)
    await using other = createProject(emulatorHost, place.pubsub.projectId)
    const done = Promise.withResolvers<void>()
    const shares = [0, 0]
    const take = (who: number) => (message: Message) => {
      shares[who] = (shares[who] ?? 0) + 1
      // Until both are there, no message may be taken.
      if (shares.includes(0)) return message.nack()
      message.ack()
      if (++acked === 2000) done.resolve()
    }
    let acked = 0
    await using one = new Inbox(place.subscription, take(0))
    await using two = new Inbox(other.pubsub.subscription('the-subscription'), take(1))
    await publishNumbers(place.topic, 2000)
    await within('all acks', done.promise)
    await Promise.all([one.close(), two.close()])
    assertAllAcked(place, 2000)
    for (const share of shares) assert.ok(share > 400, `of 2000 messages these got ${shares.join(' and ')}`)
  })
})
