import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, describe, test } from 'vitest'
import { promisify } from 'node:util'
import { codeOf, createPlace, Inbox, numbers, publishNumbers } from '../../../test/support/pubsub-library.ts'
import { statusCodes } from '../broker/status.ts'
import { startEmulator } from '../emulator.ts'

const emulator = await startEmulator({ port: 0 })
const { emulatorHost } = emulator
afterAll(() => emulator.close())

/** Client code that knows the emulator's variable and nothing else. */
const program = `
  import { PubSub } from '@google-cloud/pubsub'
  const pubsub = new PubSub({ projectId: process.argv[1] })
  const [topic] = await pubsub.createTopic('the-topic')
  const [subscription] = await topic.createSubscription('the-subscription')
  const received = new Promise((resolve, reject) => {
    subscription.on('error', reject)
    subscription.on('message', (message) => {
      message.ack()
      resolve({ text: message.data.toString(), attributes: message.attributes, id: message.id })
    })
  })
  const id = await topic.publishMessage({ data: Buffer.from('hello'), attributes: { a: 'b' } })
  const { text, attributes, id: same } = await received
  await subscription.close()
  await pubsub.close()
  console.log(JSON.stringify({ text, attributes, same: id === same }))
`

describe('the library publishes', { concurrent: true }, () => {
  test('ten thousand messages in batches; all arrive, each once', async ({ expect }) => {
    await using place = await createPlace(emulatorHost)
    const { topic, subscription } = place
    topic.setPublishOptions({ batching: { maxMessages: 1000, maxMilliseconds: 20 } })
    await publishNumbers(topic, 10_000)
    assert.equal(emulator.inspect(subscription.name).counts.available, 10_000)
    await using inbox = new Inbox(subscription)
    await inbox.untilReceived(10_000)
    // Before it is closed: the library forgets an ack that waits for a batch of 3,000 others to be sent.
    await expect.poll(() => emulator.inspect(subscription.name).messages, { timeout: 30_000 }).toEqual([])
    await inbox.close()
    assert.deepEqual(inbox.texts.sort(), numbers(10_000))
    assert.equal(new Set(inbox.messages.map(({ id }) => id)).size, 10_000)
  })

  test('attributes, bytes of every value, large and empty data', async () => {
    await using place = await createPlace(emulatorHost)
    const before = Date.now()
    const sent = [
      { data: Buffer.from(Array.from({ length: 256 }, (_, i) => i)), attributes: {} },
      { data: Buffer.from('text'), attributes: { plain: 'text', größe: '☃ 𝄞', empty: '' } },
      { data: randomBytes(3_000_000), attributes: {} },
      { data: Buffer.alloc(0), attributes: { only: 'these' } },
    ]
    const ids = await Promise.all(sent.map((message) => place.topic.publishMessage(message)))
    await using inbox = new Inbox(place.subscription)
    await inbox.untilReceived(sent.length)
    for (const [i, { data, attributes }] of sent.entries()) {
      const message = inbox.messages.find(({ id }) => id === ids[i])
      assert.ok(message && message.data.equals(data))
      assert.deepEqual({ ...message.attributes }, attributes)
      assert.equal(message.orderingKey, '')
      assert.ok(message.publishTime.getTime() >= before && message.publishTime.getTime() <= Date.now())
    }
  })

  test('with ordering keys, in the order of each', async () => {
    await using place = await createPlace(emulatorHost)
    const { topic, subscription } = place
    topic.setPublishOptions({ messageOrdering: true, batching: { maxMessages: 7 } })
    const all = Array.from({ length: 1000 }, (_, i) => ({
      orderingKey: `key-${i % 20}`,
      data: Buffer.from(String(i)),
    }))
    await Promise.all(all.map((message) => topic.publishMessage(message)))
    const byKey = Map.groupBy(emulator.inspect(subscription.name).messages, (message) => message.orderingKey)
    assert.equal(byKey.size, 20)
    for (const [key, messages] of byKey) {
      const sent = all.filter(({ orderingKey }) => orderingKey === key)
      assert.deepEqual(
        messages.map(({ data }) => data.toString()),
        sent.map(({ data }) => data.toString()),
      )
    }
  })

  test('after an error: later messages of the key are not sent', async () => {
    await using place = await createPlace(emulatorHost)
    const { topic, subscription } = place
    topic.setPublishOptions({ messageOrdering: true, batching: { maxMessages: 1 } })
    const orderingKey = 'key'
    const refused = [Buffer.alloc(10_000_001), Buffer.from('behind it')].map((data) =>
      codeOf(topic.publishMessage({ orderingKey, data })),
    )
    const { INVALID_ARGUMENT } = statusCodes
    assert.deepEqual(await Promise.all(refused), [INVALID_ARGUMENT, INVALID_ARGUMENT])
    topic.resumePublishing(orderingKey)
    await topic.publishMessage({ orderingKey, data: Buffer.from('resumed') })
    assert.deepEqual(
      emulator.inspect(subscription.name).messages.map(({ data }) => data.toString()),
      ['resumed'],
    )
  })

  test('nothing that the service would reject', async () => {
    await using place = await createPlace(emulatorHost)
    const { topic } = place
    const refused = [
      { data: Buffer.alloc(0) },
      { data: Buffer.from('x'), attributes: { googly: 'x' } },
      { data: Buffer.from('x'), attributes: { key: 'x'.repeat(1025) } },
      { data: Buffer.from('x'), attributes: { ['k'.repeat(257)]: 'x' } },
      { data: Buffer.from('x'), attributes: { '': 'x' } },
    ]
    for (const message of refused) {
      assert.equal(await codeOf(topic.publishMessage(message)), statusCodes.INVALID_ARGUMENT)
    }
  })

  test('through PUBSUB_EMULATOR_HOST alone', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program, `p-${randomUUID()}`],
      {
        cwd: import.meta.dirname,
        env: { PUBSUB_EMULATOR_HOST: emulatorHost, METADATA_SERVER_DETECTION: 'none' },
        timeout: 30_000,
      },
    )
    assert.deepEqual(JSON.parse(stdout), { text: 'hello', attributes: { a: 'b' }, same: true })
  })
})

test('the library retries transient errors', async () => {
  await using emulator = await startEmulator({ port: 0 })
  await using place = await createPlace(emulator.emulatorHost)
  emulator.faults.refuse('Publish', 'UNAVAILABLE', { times: 2 })
  emulator.faults.refuse('Acknowledge', 'UNAVAILABLE', { times: 2 })
  await place.topic.publishMessage({ data: Buffer.from('x') })
  await using inbox = new Inbox(place.subscription)
  await inbox.untilReceived(1)
  await inbox.close()
  assert.deepEqual(emulator.inspect(place.subscription.name).messages, [])
})
