import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { Kit, OnServer, Topic } from './kit.ts'
import { newProject, only, projectId, raw, refused, seconds, subscriptionName, topicName } from './kit.ts'

const day = 86_400

/** Between 3 and 255 characters of these, a letter first, and not beginning with `goog`. */
const goodIds = ['abc', 'a'.repeat(255), 'aZ09-_.~+%', 'goo', 'GOOG']
const badIds = ['', 'ab', 'a'.repeat(256), '1abc', '-abc', 'goog-abc', 'a b c', 'a/b', 'aé1']
const badNames = ['', 'abc', 'projects/abc', `projects/${projectId}/subscriptions/abc`]

export function topicTests(onServer: OnServer, features: PubsubFeatures): void {
  const get = async ({ publisher }: Kit, topic: string) => (await publisher.getTopic({ topic }, raw))[0]

  const update = async ({ publisher }: Kit, topic: Topic, paths: string[]) =>
    (await publisher.updateTopic({ topic, updateMask: { paths } }, raw))[0]

  describe('topics', () => {
    test(
      'created as requested, and read as created',
      onServer(async (kit) => {
        const name = topicName()
        const asked = { name, labels: { a: 'b' }, messageRetentionDuration: seconds(3600) }
        const [created] = await kit.publisher.createTopic(asked, raw)
        assert.equal(created.name, name)
        assert.deepEqual(created.labels, { a: 'b' })
        assert.equal(Number(created.messageRetentionDuration?.seconds), 3600)
        assert.deepEqual(await get(kit, name), created)
      }),
    )

    test(
      'a topic without settings has none',
      onServer(async (kit) => {
        const { labels, messageRetentionDuration } = await get(kit, await kit.createTopic())
        assert.deepEqual({ labels, messageRetentionDuration }, { labels: {}, messageRetentionDuration: null })
      }),
    )

    test(
      'an existing one is not created again',
      onServer(async (kit) => {
        const name = await kit.createTopic()
        await refused(kit.publisher.createTopic({ name }, raw), status.ALREADY_EXISTS, /already exists/i)
      }),
    )

    test(
      'names are validated',
      onServer(async (kit) => {
        const project = newProject()
        for (const id of goodIds) await kit.createTopic({ name: topicName(id, project) })
        for (const name of [...badIds.map((id) => topicName(id)), ...badNames]) {
          const named = new RegExp(`name=${RegExp.escape(name)}`)
          for (const call of [
            () => kit.publisher.createTopic({ name }, raw),
            () => kit.publisher.getTopic({ topic: name }, raw),
            () => kit.publisher.deleteTopic({ topic: name }, raw),
          ]) {
            await refused(call(), status.INVALID_ARGUMENT, named)
          }
        }
      }),
    )

    test(
      'a missing one is not found',
      onServer(async (kit) => {
        const topic = topicName()
        const notFound = (call: Promise<unknown>) => refused(call, status.NOT_FOUND)
        await notFound(get(kit, topic))
        await notFound(kit.publisher.deleteTopic({ topic }, raw))
        await notFound(kit.publish(topic, 'x'))
        const retention = { name: topic, messageRetentionDuration: seconds(900) }
        await notFound(update(kit, retention, ['message_retention_duration']))
        if (features.refusesToListUnknownTopics) {
          await notFound(kit.publisher.listTopicSubscriptions({ topic }, raw))
        }
      }),
    )

    test(
      'messages are retained for 10 min to 31 d',
      onServer(async (kit) => {
        const creating = (count: number) => kit.createTopic({ messageRetentionDuration: seconds(count) })
        for (const count of [600, 31 * day]) await creating(count)
        for (const count of [0, 599, 31 * day + 1]) {
          await refused(creating(count), status.INVALID_ARGUMENT, /message_retention_duration/)
        }
      }),
    )

    test(
      'the retention is updated',
      onServer(async (kit) => {
        const name = await kit.createTopic({ labels: { a: 'b' } })
        const paths = ['message_retention_duration']
        const updated = await update(kit, { name, messageRetentionDuration: seconds(900) }, paths)
        assert.equal(Number(updated.messageRetentionDuration?.seconds), 900)
        assert.deepEqual(updated.labels, { a: 'b' })
        assert.deepEqual(await get(kit, name), updated)
        const tooShort = update(kit, { name, messageRetentionDuration: seconds(9) }, paths)
        await refused(tooShort, status.INVALID_ARGUMENT, /message_retention_duration/)
      }),
    )

    if (features.refusesEmptyRegions) {
      test(
        'a storage policy names regions, or is absent',
        onServer(async (kit) => {
          const somewhere = { allowedPersistenceRegions: ['us-central1'] }
          const name = await kit.createTopic({ messageStoragePolicy: somewhere })
          for (const nowhere of [
            {},
            { allowedPersistenceRegions: [] },
            { allowedPersistenceRegions: [''] },
          ]) {
            const creating = kit.publisher.createTopic(
              { name: topicName(), messageStoragePolicy: nowhere },
              raw,
            )
            await refused(creating, status.INVALID_ARGUMENT, /allowed_persistence_regions/)
            const updating = update(kit, { name, messageStoragePolicy: nowhere }, ['message_storage_policy'])
            await refused(updating, status.INVALID_ARGUMENT, /allowed_persistence_regions/)
          }
          assert.partialDeepStrictEqual((await get(kit, name)).messageStoragePolicy, somewhere)
          const freed = await update(kit, { name }, ['message_storage_policy'])
          assert.equal(freed.messageStoragePolicy, null)
        }),
      )
    }

    if (features.updatesLabels) {
      test(
        'labels are updated',
        onServer(async (kit) => {
          const name = await kit.createTopic({ labels: { a: 'b' }, messageRetentionDuration: seconds(900) })
          const updated = await update(kit, { name, labels: { c: 'd' } }, ['labels'])
          assert.deepEqual(updated.labels, { c: 'd' })
          assert.equal(Number(updated.messageRetentionDuration?.seconds), 900)
          assert.deepEqual(await get(kit, name), updated)
        }),
      )
    }

    test(
      'an update names changeable fields',
      onServer(async (kit) => {
        const name = await kit.createTopic()
        const before = await get(kit, name)
        for (const paths of [[], ['nonsense'], ['name'], ['messageRetentionDuration']]) {
          const call = update(kit, { name, messageRetentionDuration: seconds(900) }, paths)
          await refused(call, status.INVALID_ARGUMENT, /update_mask/)
        }
        const withoutMask = kit.publisher.updateTopic({ topic: { name } }, raw)
        await refused(withoutMask, status.INVALID_ARGUMENT, /update_mask/)
        assert.deepEqual(await get(kit, name), before)
      }),
    )

    test(
      'lists those of a project, page by page',
      onServer(async (kit) => {
        const project = newProject()
        const names = ['aaa', 'bbb', 'ccc', 'ddd', 'eee'].map((id) => topicName(id, project))
        for (const name of names) await kit.createTopic({ name })
        const list = async (pageSize?: number, pageToken?: string) => {
          const paging = { ...(pageSize && { pageSize }), ...(pageToken && { pageToken }) }
          const answer = await kit.publisher.listTopics({ project: `projects/${project}`, ...paging }, raw)
          return answer[2]
        }
        const whole = await list()
        assert.deepEqual(whole.topics?.map(({ name }) => name).sort(), names)
        assert.equal(whole.nextPageToken, '')
        const pages: string[][] = []
        let token: string | undefined
        do {
          const { topics, nextPageToken } = await list(2, token)
          pages.push((topics ?? []).map(({ name }) => name ?? ''))
          token = nextPageToken ?? ''
        } while (token !== '')
        assert.deepEqual(
          pages.map((page) => page.length),
          [2, 2, 1],
        )
        assert.deepEqual(pages.flat().sort(), names)
      }),
    )

    test(
      'a project without topics has an empty list',
      onServer(async (kit) => {
        const project = `projects/${newProject()}`
        const [, , answer] = await kit.publisher.listTopics({ project }, raw)
        assert.deepEqual({ ...answer }, { topics: [], nextPageToken: '' })
      }),
    )

    test(
      'lists its own subscriptions',
      onServer(async (kit) => {
        const [topic, other] = [await kit.createTopic(), await kit.createTopic()]
        const elsewhere = subscriptionName('abc', newProject())
        const names = [
          await kit.createSubscription(topic),
          await kit.createSubscription(topic),
          await kit.createSubscription(topic, { name: elsewhere }),
        ]
        await kit.createSubscription(other)
        const list = async (pageSize?: number, pageToken?: string) => {
          const paging = { ...(pageSize && { pageSize }), ...(pageToken && { pageToken }) }
          return (await kit.publisher.listTopicSubscriptions({ topic, ...paging }, raw))[2]
        }
        const whole = await list()
        assert.deepEqual(whole.subscriptions?.toSorted(), names.toSorted())
        assert.equal(whole.nextPageToken, '')
        const first = await list(2)
        assert.equal(first.subscriptions?.length, 2)
        const second = await list(2, first.nextPageToken ?? '')
        assert.deepEqual([...first.subscriptions, only(second.subscriptions ?? [])].sort(), names.toSorted())
        assert.equal(second.nextPageToken, '')
      }),
    )

    test(
      'a deleted one leaves its subscriptions with what they have',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publish(topic, 'kept')
        await kit.publisher.deleteTopic({ topic }, raw)
        await refused(get(kit, topic), status.NOT_FOUND)
        await refused(kit.publish(topic, 'x'), status.NOT_FOUND)
        const [orphan] = await kit.subscriber.getSubscription({ subscription }, raw)
        assert.equal(orphan.topic, '_deleted-topic_')
        assert.equal(only(await kit.receive(subscription, 1)).text, 'kept')
      }),
    )

    test(
      'one created in place of a deleted one is a different topic',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe()
        await kit.publisher.deleteTopic({ topic }, raw)
        await kit.createTopic({ name: topic })
        const [orphan] = await kit.subscriber.getSubscription({ subscription }, raw)
        assert.equal(orphan.topic, '_deleted-topic_')
        const [, , { subscriptions }] = await kit.publisher.listTopicSubscriptions({ topic }, raw)
        assert.deepEqual(subscriptions, [])
      }),
    )
  })
}
