import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { Kit, OnServer, Subscription } from './kit.ts'
import { newProject, projectId, raw, refused, seconds, subscriptionName, topicName } from './kit.ts'

const goodIds = ['abc', 'a'.repeat(255), 'aZ09-_.~+%']
const badIds = ['', 'ab', 'a'.repeat(256), '1abc', 'goog-abc', 'a b c', 'a/b']
const badNames = ['abc', 'projects/abc', `projects/${projectId}/topics/abc`]

export function subscriptionTests(onServer: OnServer, features: PubsubFeatures): void {
  const get = async ({ subscriber }: Kit, subscription: string) =>
    (await subscriber.getSubscription({ subscription }, raw))[0]

  const update = async ({ subscriber }: Kit, subscription: Subscription, paths: string[]) =>
    (await subscriber.updateSubscription({ subscription, updateMask: { paths } }, raw))[0]

  const namesOf = (list: readonly Subscription[]) => list.map(({ name }) => name ?? '').sort()

  describe('subscriptions', () => {
    test(
      'created with the defaults filled in',
      onServer(async (kit) => {
        const topic = await kit.createTopic()
        const name = subscriptionName()
        const [created] = await kit.subscriber.createSubscription({ name, topic }, raw)
        assert.equal(created.name, name)
        assert.equal(created.topic, topic)
        assert.equal(created.ackDeadlineSeconds, 10)
        assert.equal(Number(created.messageRetentionDuration?.seconds), 7 * 86_400)
        assert.equal(created.retainAckedMessages, false)
        assert.equal(created.enableMessageOrdering, false)
        assert.equal(created.deadLetterPolicy, null)
        assert.equal(created.retryPolicy, null)
        assert.equal(created.detached, false)
        assert.deepEqual(await get(kit, name), created)
      }),
    )

    test(
      'created as requested',
      onServer(async (kit) => {
        const topic = await kit.createTopic()
        const name = subscriptionName()
        const asked = {
          labels: { a: 'b' },
          ackDeadlineSeconds: 42,
          retainAckedMessages: true,
          messageRetentionDuration: { seconds: '1200', nanos: 0 },
          enableMessageOrdering: true,
          deadLetterPolicy: { deadLetterTopic: topic, maxDeliveryAttempts: 7 },
          retryPolicy: {
            minimumBackoff: { seconds: '1', nanos: 500_000_000 },
            maximumBackoff: { seconds: '2', nanos: 0 },
          },
        }
        const [created] = await kit.subscriber.createSubscription({ name, topic, ...asked }, raw)
        assert.partialDeepStrictEqual(created, { name, topic, ...asked })
        assert.deepEqual(await get(kit, name), created)
      }),
    )

    test(
      'an existing one is not created again',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        const again = kit.createSubscription(topic, { name: subscription })
        await refused(again, status.ALREADY_EXISTS, /already exists/i)
      }),
    )

    test(
      'its topic must exist',
      onServer(async (kit) => {
        await refused(kit.createSubscription(topicName()), status.NOT_FOUND)
        for (const topic of ['', 'abc']) {
          await refused(
            kit.createSubscription(topic),
            status.INVALID_ARGUMENT,
            new RegExp(`name=${topic}\\)`),
          )
        }
      }),
    )

    test(
      'names are validated',
      onServer(async (kit) => {
        const topic = await kit.createTopic()
        const project = newProject()
        for (const id of goodIds) await kit.createSubscription(topic, { name: subscriptionName(id, project) })
        for (const name of [...badIds.map((id) => subscriptionName(id)), ...badNames]) {
          const named = new RegExp(`name=${RegExp.escape(name)}`)
          for (const call of [
            () => kit.createSubscription(topic, { name }),
            () => get(kit, name),
            () => kit.pull(name),
            () => kit.subscriber.deleteSubscription({ subscription: name }, raw),
          ]) {
            await refused(call(), status.INVALID_ARGUMENT, named)
          }
        }
      }),
    )

    test(
      'a missing one is not found',
      onServer(async (kit) => {
        const { subscriber } = kit
        const subscription = subscriptionName()
        const ackIds = [`${subscription}:1`]
        for (const call of [
          () => subscriber.getSubscription({ subscription }, raw),
          () => update(kit, { name: subscription }, ['ack_deadline_seconds']),
          () => subscriber.deleteSubscription({ subscription }, raw),
          () => kit.pull(subscription),
          () => subscriber.acknowledge({ subscription, ackIds }, raw),
          () => subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 10 }, raw),
          () => subscriber.seek({ subscription, time: seconds(1) }, raw),
        ]) {
          await refused(call(), status.NOT_FOUND, /subscription|resource/i)
        }
      }),
    )

    test(
      'the ack deadline has limits, and 0 means 10 s',
      onServer(async (kit) => {
        const name = await kit.createSubscription(await kit.createTopic(), { ackDeadlineSeconds: 600 })
        const set = async (ackDeadlineSeconds: number) =>
          (await update(kit, { name, ackDeadlineSeconds }, ['ack_deadline_seconds'])).ackDeadlineSeconds
        for (const [asked, given] of [
          [600, 600],
          [10, 10],
          [33, 33],
          [0, 10],
        ] as const) {
          assert.equal(await set(asked), given)
        }
        const tooShort = features.minimumAckDeadline ? [1, 9] : []
        for (const asked of [-1, 601, ...tooShort]) {
          await refused(set(asked), status.INVALID_ARGUMENT, /ack_deadline/)
          const created = kit.subscribe({ ackDeadlineSeconds: asked })
          await refused(created, status.INVALID_ARGUMENT, /ack_deadline/)
        }
      }),
    )

    test(
      'messages are retained for 10 min at least',
      onServer(async (kit) => {
        const topic = await kit.createTopic()
        await kit.createSubscription(topic, { messageRetentionDuration: seconds(600) })
        for (const count of [1, 599, 31 * 86_400 + 1]) {
          const call = kit.createSubscription(topic, { messageRetentionDuration: seconds(count) })
          await refused(call, status.INVALID_ARGUMENT, /message_retention_duration/)
        }
      }),
    )

    test(
      'an update changes what the mask names, and nothing else',
      onServer(async (kit) => {
        const { topic, subscription: name } = await kit.subscribe()
        const before = await get(kit, name)
        const changes = {
          retainAckedMessages: true,
          messageRetentionDuration: { seconds: '700', nanos: 0 },
          deadLetterPolicy: { deadLetterTopic: topic, maxDeliveryAttempts: 8 },
          retryPolicy: {
            minimumBackoff: { seconds: '1', nanos: 0 },
            maximumBackoff: { seconds: '2', nanos: 0 },
          },
        }
        const paths = [
          'retain_acked_messages',
          'message_retention_duration',
          'dead_letter_policy',
          'retry_policy',
        ]
        const updated = await update(kit, { name, ackDeadlineSeconds: 99, ...changes }, paths)
        assert.deepEqual({ ...updated }, { ...before, ...changes })
        assert.deepEqual(await get(kit, name), updated)
        const without = await update(kit, { name }, ['dead_letter_policy', 'retry_policy'])
        assert.deepEqual({ ...without }, { ...updated, deadLetterPolicy: null, retryPolicy: null })
      }),
    )

    if (features.updatesLabels) {
      test(
        'labels are updated',
        onServer(async (kit) => {
          const { subscription: name } = await kit.subscribe({ labels: { a: 'b' } })
          const updated = await update(kit, { name, labels: { c: 'd' } }, ['labels'])
          assert.deepEqual(updated.labels, { c: 'd' })
        }),
      )
    }

    test(
      'an update names changeable fields',
      onServer(async (kit) => {
        const { subscription: name } = await kit.subscribe()
        const before = await get(kit, name)
        const immutable = [['name'], ['topic'], ['enable_message_ordering']]
        for (const paths of [[], ['nonsense'], ['ackDeadlineSeconds'], ...immutable]) {
          const call = update(kit, { name, ackDeadlineSeconds: 99 }, paths)
          await refused(call, status.INVALID_ARGUMENT, /update_mask/)
        }
        const withoutMask = kit.subscriber.updateSubscription({ subscription: { name } }, raw)
        await refused(withoutMask, status.INVALID_ARGUMENT, /update_mask/)
        assert.deepEqual(await get(kit, name), before)
      }),
    )

    test(
      'lists those of a project, page by page',
      onServer(async (kit) => {
        const project = newProject()
        const topic = await kit.createTopic()
        const names = ['aaa', 'bbb', 'ccc'].map((id) => subscriptionName(id, project))
        for (const name of names) await kit.createSubscription(topic, { name })
        const list = async (pageSize?: number, pageToken?: string) => {
          const paging = { ...(pageSize && { pageSize }), ...(pageToken && { pageToken }) }
          const request = { project: `projects/${project}`, ...paging }
          const [, , answer] = await kit.subscriber.listSubscriptions(request, raw)
          return { token: answer.nextPageToken ?? '', listed: answer.subscriptions ?? [] }
        }
        const whole = await list()
        assert.deepEqual(namesOf(whole.listed), names)
        assert.equal(whole.token, '')
        const first = await list(2)
        assert.equal(first.listed.length, 2)
        const second = await list(2, first.token)
        assert.deepEqual(namesOf([...first.listed, ...second.listed]), names)
        assert.equal(second.token, '')
      }),
    )

    test(
      'a deleted one is gone, and a new one with its name has none of its state',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publish(topic, 'before')
        await kit.subscriber.deleteSubscription({ subscription }, raw)
        await refused(get(kit, subscription), status.NOT_FOUND)
        const [, , { subscriptions }] = await kit.publisher.listTopicSubscriptions({ topic }, raw)
        assert.deepEqual(subscriptions, [])
        await kit.createSubscription(topic, { name: subscription })
        await kit.publish(topic, 'after')
        assert.equal((await kit.receive(subscription, 1))[0]?.text, 'after')
        assert.deepEqual(await kit.pull(subscription), [])
      }),
    )

    if (features.detaches) {
      test(
        'a detached one cannot be used any more',
        onServer(async (kit) => {
          const { topic, subscription } = await kit.subscribe()
          await kit.publish(topic, 'dropped')
          await kit.publisher.detachSubscription({ subscription }, raw)
          assert.equal((await get(kit, subscription)).detached, true)
          await refused(kit.pull(subscription), status.FAILED_PRECONDITION)
          await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 10 })
          assert.equal((await stream.end()).code, status.FAILED_PRECONDITION)
          const [, , { subscriptions }] = await kit.publisher.listTopicSubscriptions({ topic }, raw)
          assert.deepEqual(subscriptions, [])
          await kit.subscriber.deleteSubscription({ subscription }, raw)
          const unknown = kit.publisher.detachSubscription({ subscription: subscriptionName() }, raw)
          await refused(unknown, status.NOT_FOUND)
        }),
      )
    }
  })
}
