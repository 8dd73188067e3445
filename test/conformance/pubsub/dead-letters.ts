import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { Kit, OnServer } from './kit.ts'
import { only, projectId, raw, refused, topicName } from './kit.ts'
import type { Received } from './stream.ts'

const prefix = 'CloudPubSubDeadLetterSource'
const maxDeliveryAttempts = 5
const streamAckDeadlineSeconds = 10

export function deadLetterTests(onServer: OnServer): void {
  /** A subscription with a policy, and one that gets the dead letters. */
  const setUp = async (kit: Kit) => {
    const deadLetters = await kit.subscribe()
    const deadLetterPolicy = { deadLetterTopic: deadLetters.topic, maxDeliveryAttempts }
    const { topic, subscription } = await kit.subscribe({ deadLetterPolicy })
    return { topic, subscription, deadLetters: deadLetters.subscription }
  }

  const attemptsOf = (received: readonly Received[]) => received.map(({ attempt }) => attempt)

  describe('dead letters', () => {
    test(
      'a message that is nacked too often is forwarded, and says where it comes from',
      onServer(async (kit) => {
        const { topic, subscription, deadLetters } = await setUp(kit)
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
        stream.each((received) => stream.nack(received))
        const data = Buffer.from([0, 255, 128])
        const id = only(await kit.publish(topic, { data, attributes: { own: 'kept' }, orderingKey: 'k' }))
        const deadLetter = only(await kit.receive(deadLetters, 1))
        assert.deepEqual(attemptsOf(stream.received), [1, 2, 3, 4, 5])
        assert.notEqual(deadLetter.messageId, id)
        assert.deepEqual(deadLetter.data, data)
        assert.equal(deadLetter.orderingKey, 'k')
        assert.equal(deadLetter.attempt, 0)
        const { [`${prefix}TopicPublishTime`]: publishTime = '', ...attributes } = deadLetter.attributes
        assert.deepEqual(attributes, {
          own: 'kept',
          [`${prefix}DeliveryCount`]: '5',
          [`${prefix}Subscription`]: subscription.split('/').at(-1),
          [`${prefix}SubscriptionProject`]: projectId,
        })
        assert.equal(Math.floor(Date.parse(publishTime)), Math.floor(stream.received[0]?.publishTimeMs ?? 0))
      }),
    )

    test(
      'expired deadlines count, too',
      onServer(async (kit) => {
        const { topic, subscription, deadLetters } = await setUp(kit)
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
        stream.each((received) => stream.modack(1, received))
        await kit.publish(topic, 'x')
        const deadLetter = only(await kit.receive(deadLetters, 1))
        assert.equal(deadLetter.text, 'x')
        assert.deepEqual(attemptsOf(stream.received), [1, 2, 3, 4, 5])
      }),
    )

    test(
      'deliveries by pull count',
      onServer(async (kit) => {
        const { topic, subscription } = await setUp(kit)
        await kit.publish(topic, 'x')
        const attempts: number[] = []
        for (let i = 0; i < maxDeliveryAttempts; i++) {
          const received = only(await kit.receive(subscription, 1))
          attempts.push(received.attempt)
          await kit.nack(subscription, received)
        }
        assert.deepEqual(attempts, [1, 2, 3, 4, 5])
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    test(
      'a message that is acked at its last delivery is not forwarded',
      onServer(async (kit) => {
        const { topic, subscription, deadLetters } = await setUp(kit)
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
        const acked = Promise.withResolvers<void>()
        stream.each((received) => {
          if (received.text === 'fence' || received.attempt < maxDeliveryAttempts) stream.nack(received)
          else void kit.ack(subscription, received).then(acked.resolve, acked.reject)
        })
        await kit.publish(topic, 'acked')
        await acked.promise
        await kit.publish(topic, 'fence')
        assert.equal(only(await kit.receive(deadLetters, 1)).text, 'fence')
      }),
    )

    test(
      'without a policy nothing is counted',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await using stream = kit.stream({ subscription, streamAckDeadlineSeconds })
        stream.each((received) => stream.nack(received))
        await kit.publish(topic, 'x')
        assert.deepEqual(attemptsOf(await stream.until(7)), [0, 0, 0, 0, 0, 0, 0])
      }),
    )

    test(
      'a policy has 5 to 100 attempts, 5 by default, and an existing topic',
      onServer(async (kit) => {
        const deadLetterTopic = await kit.createTopic()
        const create = (attempts: number, topic = deadLetterTopic) =>
          kit.subscribe({ deadLetterPolicy: { deadLetterTopic: topic, maxDeliveryAttempts: attempts } })
        for (const attempts of [-1, 1, 4, 101]) {
          await refused(create(attempts), status.OUT_OF_RANGE, /max_delivery_attempts/)
        }
        for (const attempts of [5, 100]) await create(attempts)
        const { subscription } = await create(0)
        const [{ deadLetterPolicy }] = await kit.subscriber.getSubscription({ subscription }, raw)
        assert.equal(deadLetterPolicy?.maxDeliveryAttempts, 5)
        await refused(create(5, topicName()), status.NOT_FOUND)
      }),
    )
  })
}
