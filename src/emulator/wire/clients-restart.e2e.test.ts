import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { connectPubsub } from '../../pubsub/client.ts'
import type { Place } from '../../../test/support/pubsub-library.ts'
import { codeOf, createPlace, createProject, Inbox } from '../../../test/support/pubsub-library.ts'
import { TcpProxy } from '../../../test/support/tcp-proxy.ts'
import { statusCodes } from '../broker/status.ts'
import type { Emulator } from '../emulator.ts'
import { startEmulator } from '../emulator.ts'

/** Another one where the first one was. Nothing is kept: not a message, not even the topics. */
async function restart(emulator: Emulator): Promise<Emulator> {
  await emulator.close()
  return startEmulator({ port: emulator.port })
}

const text = (message: string) => ({ data: Buffer.from(message) })

async function receiveOne({ topic }: Place, inbox: Inbox): Promise<void> {
  await topic.publishMessage(text('before'))
  await inbox.untilReceived(1)
}

/** The same topic and subscription, created by another client. */
async function createAgain({ pubsub }: Place, emulatorHost: string): Promise<void> {
  await using admin = createProject(emulatorHost, pubsub.projectId)
  const [topic] = await admin.pubsub.createTopic('the-topic')
  await topic.createSubscription('the-subscription')
}

describe('when the emulator goes away under the library', { concurrent: true }, () => {
  test('a subscriber continues if its subscription is back in time', async () => {
    await using first = await startEmulator({ port: 0 })
    // What the subscriber sees of the new one before the subscription is made is up to the proxy.
    await using proxy = await TcpProxy.to(first.port)
    await using place = await createPlace(proxy.address)
    await using inbox = new Inbox(place.subscription)
    await receiveOne(place, inbox)
    await proxy.refuse()
    await using second = await restart(first)
    await createAgain(place, second.emulatorHost)
    await proxy.accept()
    second.publish(place.topic.name, [text('after')])
    await inbox.untilReceived(2)
    assert.deepEqual(inbox.texts, ['before', 'after'])
    assert.deepEqual(inbox.errors, [])
    await inbox.close()
    assert.deepEqual(second.inspect(place.subscription.name).messages, [])
  })

  test('a subscriber is told that its subscription is gone; a new one gets new messages', async () => {
    await using first = await startEmulator({ port: 0 })
    await using place = await createPlace(first.emulatorHost)
    await using inbox = new Inbox(place.subscription, () => {})
    await receiveOne(place, inbox)
    await using second = await restart(first)
    await inbox.until('an error', () => inbox.errors.length > 0)
    assert.equal(inbox.errors[0]?.code, statusCodes.NOT_FOUND)
    await createAgain(place, second.emulatorHost)
    await using again = new Inbox(place.pubsub.subscription('the-subscription'))
    await place.topic.publishMessage(text('after'))
    await again.untilReceived(1)
    assert.deepEqual(again.texts, ['after'])
  })

  test('a publisher is told that its topic is gone, and continues when it is back', async () => {
    await using first = await startEmulator({ port: 0 })
    await using place = await createPlace(first.emulatorHost)
    await place.topic.publishMessage(text('before'))
    await using second = await restart(first)
    assert.equal(await codeOf(place.topic.publishMessage(text('lost'))), statusCodes.NOT_FOUND)
    await createAgain(place, second.emulatorHost)
    await place.topic.publishMessage(text('after'))
    const { messages } = second.inspect(place.subscription.name)
    assert.deepEqual(
      messages.map(({ data }) => data.toString()),
      ['after'],
    )
  })

  test('acks for deliveries of the previous instance do no harm', async () => {
    await using first = await startEmulator({ port: 0 })
    await using place = await createPlace(first.emulatorHost)
    const subscription = place.subscription.name
    const { projectId } = place.pubsub
    const clients = await connectPubsub({ projectId, emulatorHost: first.emulatorHost })
    await using _closing = { [Symbol.asyncDispose]: () => clients.close() }
    await place.topic.publishMessage(text('before'))
    const [{ receivedMessages }] = await clients.subscriber.pull({ subscription, maxMessages: 1 })
    const ackIds = receivedMessages?.map(({ ackId }) => ackId ?? '') ?? []
    assert.equal(ackIds.length, 1)
    await using second = await restart(first)
    await createAgain(place, second.emulatorHost)
    second.publish(place.topic.name, [text('after')])
    assert.equal(
      (await clients.subscriber.pull({ subscription, maxMessages: 1 }))[0].receivedMessages?.length,
      1,
    )
    await clients.subscriber.acknowledge({ subscription, ackIds })
    await clients.subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 0 })
    assert.deepEqual(second.inspect(subscription).counts, { available: 0, leased: 1, waiting: 0, acked: 0 })
  })
})
