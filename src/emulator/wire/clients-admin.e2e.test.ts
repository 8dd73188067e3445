import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import { codeOf, createPlace, createProject, Inbox } from '../../../test/support/pubsub-library.ts'
import { statusCodes } from '../broker/status.ts'
import { startEmulator } from '../emulator.ts'

const { NOT_FOUND, ALREADY_EXISTS, INVALID_ARGUMENT, UNIMPLEMENTED, FAILED_PRECONDITION } = statusCodes

const emulator = await startEmulator({ port: 0 })
const { emulatorHost } = emulator
afterAll(() => emulator.close())

const namesOf = (all: readonly { name: string }[]) => all.map(({ name }) => name.split('/').at(-1))

describe('the library administers', { concurrent: true }, () => {
  test('topics: create, get, list, delete', async () => {
    await using project = createProject(emulatorHost)
    const { pubsub } = project
    const [topic] = await pubsub.createTopic('first')
    assert.equal(topic.name, `projects/${pubsub.projectId}/topics/first`)
    await pubsub.createTopic({ name: 'second', labels: { colour: 'blue' } })
    assert.deepEqual(await topic.exists(), [true])
    assert.deepEqual(await pubsub.topic('third').exists(), [false])
    const [, created] = await pubsub.topic('third').get({ autoCreate: true })
    assert.equal(created.name, `projects/${pubsub.projectId}/topics/third`)
    const [second] = await pubsub.topic('second').getMetadata()
    assert.deepEqual(second.labels, { colour: 'blue' })
    assert.deepEqual(namesOf((await pubsub.getTopics())[0]), ['first', 'second', 'third'])
    await topic.delete()
    assert.deepEqual(await topic.exists(), [false])
    assert.deepEqual(namesOf((await pubsub.getTopics())[0]), ['second', 'third'])
  })

  test('subscriptions: create, get, list, delete', async () => {
    await using project = createProject(emulatorHost)
    const { pubsub } = project
    const [topic] = await pubsub.createTopic('one')
    const [other] = await pubsub.createTopic('two')
    const [subscription] = await topic.createSubscription('first')
    await pubsub.createSubscription(topic, 'second')
    await other.createSubscription('third')
    assert.deepEqual(await subscription.exists(), [true])
    assert.deepEqual(await pubsub.subscription('fourth').exists(), [false])
    const [metadata] = await subscription.getMetadata()
    assert.equal(metadata.topic, topic.name)
    assert.equal(metadata.ackDeadlineSeconds, 10)
    assert.equal(metadata.state, 'ACTIVE')
    assert.equal(metadata.detached, false)
    assert.equal(metadata.messageRetentionDuration?.seconds, String(7 * 24 * 3600))
    assert.deepEqual(namesOf((await topic.getSubscriptions())[0]), ['first', 'second'])
    assert.deepEqual(namesOf((await pubsub.getSubscriptions())[0]), ['first', 'second', 'third'])
    await subscription.delete()
    assert.deepEqual(await subscription.exists(), [false])
    assert.deepEqual(namesOf((await pubsub.getSubscriptions())[0]), ['second', 'third'])
  })

  test('more of them than fit a page', async () => {
    await using project = createProject(emulatorHost)
    const { pubsub } = project
    const names = Array.from({ length: 25 }, (_, i) => `topic-${String(i).padStart(2, '0')}`)
    await Promise.all(names.map((name) => pubsub.createTopic(name)))
    assert.deepEqual(namesOf((await pubsub.getTopics({ pageSize: 10, autoPaginate: true }))[0]), names)
    const [page, next] = await pubsub.getTopics({ pageSize: 10, autoPaginate: false })
    assert.deepEqual(namesOf(page), names.slice(0, 10))
    const [rest] = await pubsub.getTopics({ ...(next as object), pageSize: 100, autoPaginate: false })
    assert.deepEqual(namesOf(rest), names.slice(10))
    const streamed: { name: string }[] = await Array.fromAsync(pubsub.getTopicsStream())
    assert.deepEqual(namesOf(streamed), names)
  })

  test('the settings of a subscription', async () => {
    await using place = await createPlace(emulatorHost, {
      ackDeadlineSeconds: 20,
      labels: { a: 'b' },
      messageRetentionDuration: 3600,
      retainAckedMessages: true,
      enableMessageOrdering: true,
    })
    const { subscription } = place
    const [before] = await subscription.getMetadata()
    assert.equal(before.ackDeadlineSeconds, 20)
    assert.equal(before.retainAckedMessages, true)
    assert.equal(before.enableMessageOrdering, true)
    assert.equal(before.messageRetentionDuration?.seconds, '3600')
    const retryPolicy = { minimumBackoff: { seconds: 2 }, maximumBackoff: { seconds: 5 } }
    await subscription.setMetadata({ ackDeadlineSeconds: 30, labels: { c: 'd' }, retryPolicy })
    const [changed] = await subscription.getMetadata()
    assert.equal(changed.ackDeadlineSeconds, 30)
    assert.deepEqual(changed.labels, { c: 'd' })
    assert.equal(changed.retryPolicy?.minimumBackoff?.seconds, '2')
    assert.equal(changed.retryPolicy?.maximumBackoff?.seconds, '5')
    assert.equal(changed.retainAckedMessages, true, 'what is not named stays')
    await subscription.setMetadata({ retryPolicy: null, labels: {} })
    const [cleared] = await subscription.getMetadata()
    assert.equal(cleared.retryPolicy, null)
    assert.deepEqual(cleared.labels, {})
    assert.equal(cleared.ackDeadlineSeconds, 30)
    assert.equal(await codeOf(subscription.setMetadata({ filter: 'x' })), INVALID_ARGUMENT)
  })

  test('the settings of a topic', async () => {
    await using place = await createPlace(emulatorHost)
    const { topic } = place
    await topic.setMetadata({ labels: { x: 'y' }, messageRetentionDuration: { seconds: 3600 } })
    const [changed] = await topic.getMetadata()
    assert.deepEqual(changed.labels, { x: 'y' })
    assert.equal(changed.messageRetentionDuration?.seconds, '3600')
    await topic.setMetadata({ labels: {} })
    const [cleared] = await topic.getMetadata()
    assert.deepEqual(cleared.labels, {})
    assert.equal(cleared.messageRetentionDuration?.seconds, '3600')
  })

  test('missing and existing resources, with the codes that programs check', async () => {
    await using place = await createPlace(emulatorHost)
    const { pubsub, topic, subscription } = place
    assert.equal(await codeOf(pubsub.createTopic('the-topic')), ALREADY_EXISTS)
    assert.equal(await codeOf(topic.createSubscription('the-subscription')), ALREADY_EXISTS)
    const message = { data: Buffer.from('x') }
    const nowhere = [
      () => pubsub.topic('none').get(),
      () => pubsub.topic('none').delete(),
      () => pubsub.topic('none').publishMessage(message),
      () => pubsub.topic('none').createSubscription('s-1'),
      () => pubsub.topic('none').setMetadata({ labels: {} }),
      () => pubsub.subscription('none').get(),
      () => pubsub.subscription('none').delete(),
      () => pubsub.subscription('none').seek(new Date()),
      () => pubsub.subscription('none').setMetadata({ labels: {} }),
      () => pubsub.detachSubscription('none'),
    ]
    for (const call of nowhere) assert.equal(await codeOf(call()), NOT_FOUND)
    assert.equal(await codeOf(pubsub.createTopic('1-digit-first')), INVALID_ARGUMENT)
    assert.equal(await codeOf(subscription.setMetadata({ ackDeadlineSeconds: 5 })), INVALID_ARGUMENT)
    await using missing = new Inbox(pubsub.subscription('none'))
    await missing.until('an error', () => missing.errors.length > 0)
    assert.equal(missing.errors[0]?.code, NOT_FOUND)
  })

  test('a subscription whose topic is deleted: it keeps its messages', async () => {
    await using place = await createPlace(emulatorHost)
    await place.topic.publishMessage({ data: Buffer.from('left') })
    await place.topic.delete()
    assert.equal((await place.subscription.getMetadata())[0].topic, '_deleted-topic_')
    await using inbox = new Inbox(place.subscription)
    await inbox.untilReceived(1)
    assert.deepEqual(inbox.texts, ['left'])
  })

  test('detaching: the subscriber is told, and nothing more is delivered', async () => {
    await using place = await createPlace(emulatorHost)
    const { pubsub, topic, subscription } = place
    await using inbox = new Inbox(subscription, () => {})
    await topic.publishMessage({ data: Buffer.from('before') })
    await inbox.untilReceived(1)
    assert.deepEqual(await subscription.detached(), [false])
    await pubsub.detachSubscription('the-subscription')
    await inbox.until('an error', () => inbox.errors.length > 0)
    assert.equal(inbox.errors[0]?.code, FAILED_PRECONDITION)
    assert.deepEqual(await subscription.detached(), [true])
    await topic.publishMessage({ data: Buffer.from('after') })
    assert.deepEqual(emulator.inspect(subscription.name).messages, [])
    assert.deepEqual(namesOf((await topic.getSubscriptions())[0]), [])
  })

  test('deleting under a subscriber: it is told', async () => {
    await using place = await createPlace(emulatorHost)
    await using inbox = new Inbox(place.subscription)
    await place.topic.publishMessage({ data: Buffer.from('before') })
    await inbox.untilReceived(1)
    await place.pubsub.subscription('the-subscription').delete()
    await inbox.until('an error', () => inbox.errors.length > 0)
    assert.equal(inbox.errors[0]?.code, NOT_FOUND)
  })

  /** As the library's own system tests do before their first test, and after their last. */
  test('everything that exists is listed and deleted', async () => {
    await using place = await createPlace(emulatorHost)
    const { pubsub } = place
    const deleteAll = async () => {
      const [subscriptions] = await pubsub.getSubscriptions()
      const [topics] = await pubsub.getTopics()
      const [snapshots] = await pubsub.getSnapshots()
      const schemas = (await Array.fromAsync(pubsub.listSchemas())).map(({ name }) =>
        pubsub.schema(name ?? ''),
      )
      for (const all of [schemas, snapshots, subscriptions, topics]) {
        await Promise.all(all.map((one) => one.delete()))
      }
      return [schemas, snapshots, subscriptions, topics].map(({ length }) => length)
    }
    assert.deepEqual(await deleteAll(), [0, 0, 1, 1])
    assert.deepEqual(await deleteAll(), [0, 0, 0, 0])
    assert.deepEqual(await Array.fromAsync(pubsub.getSnapshotsStream()), [])
    for (const call of [
      () => pubsub.schema('none').get(),
      () => pubsub.schema('none').delete(),
      () => pubsub.snapshot('none').delete(),
    ])
      await assert.rejects(call, { code: NOT_FOUND })
  })

  test('a topic is not created without a region, nor left without one', async () => {
    await using project = createProject(emulatorHost)
    const { pubsub } = project
    const nowhere = { messageStoragePolicy: { allowedPersistenceRegions: [] } }
    await assert.rejects(pubsub.createTopic({ name: 'nowhere', ...nowhere }), { code: INVALID_ARGUMENT })
    const [topic] = await pubsub.createTopic('somewhere')
    await assert.rejects(topic.setMetadata(nowhere), { code: INVALID_ARGUMENT })
  })

  test('what is not supported says so, and names it', async () => {
    await using place = await createPlace(emulatorHost)
    const { pubsub, topic, subscription } = place
    const calls: [() => Promise<unknown>, RegExp][] = [
      [() => subscription.createSnapshot('snapshot'), /CreateSnapshot is not served by this emulator/],
      [() => subscription.seek('snapshot'), /snapshot is not served/],
      [() => pubsub.createSchema('schema', 'AVRO', '{}'), /CreateSchema is not served/],
      [() => topic.iam.getPolicy(), /GetIamPolicy/],
      [
        () => subscription.modifyPushConfig({ pushEndpoint: 'https://localhost' }),
        /push_config is not served/,
      ],
      [
        () => topic.createSubscription('s-1', { pushEndpoint: 'https://localhost' }),
        /push_config is not served/,
      ],
      [() => topic.createSubscription('s-2', { enableExactlyOnceDelivery: true }), /exactly_once/],
      [() => topic.createSubscription('s-3', { filter: 'attributes.a = "b"' }), /filter is not served/],
    ]
    for (const [call, message] of calls) await assert.rejects(call, { code: UNIMPLEMENTED, message })
  })
})
