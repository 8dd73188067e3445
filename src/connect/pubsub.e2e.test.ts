import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterAll, test } from 'vitest'
import { explain } from './explain.ts'
import { loadPipeline } from './pipelines.ts'
import { configOf } from '#config/config.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { noLogger } from '#core/logger.ts'
import { startEmulator } from '#emulator/emulator.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { reachSubscription } from './pubsub.ts'
import { Startup } from './startup.ts'

const emulator = await startEmulator({ port: 0 })
afterAll(() => emulator.close())
const clients = await connectPubsub({ projectId: 'test-project', emulatorHost: emulator.emulatorHost })
afterAll(() => clients.close())
const { publisher, subscriber } = clients

/** Reaches a new subscription that is attached to this topic, after `change`; returns what was warned of. */
async function reach(
  topic: string,
  env: Readonly<Record<string, string>> = {},
  change: (subscription: string) => Promise<unknown> = async () => {},
): Promise<string[]> {
  const id = `s-${randomUUID()}`
  const subscription = `projects/test-project/subscriptions/${id}`
  await publisher.createTopic({ name: topic })
  await subscriber.createSubscription({ name: subscription, topic })
  await change(subscription)
  const { config } = configOf({
    PUBSUB_EMULATOR_HOST: emulator.emulatorHost,
    INGESTER_PROJECTID: 'test-project',
    INGESTER_SUBSCRIPTIONID: id,
    INGESTER_POSTGRES_USER: 'u',
    INGESTER_POSTGRES_PASSWORD: 'p',
    INGESTER_POSTGRES_DB: 'd',
    ...env,
  })
  const warnings: string[] = []
  const logger = { ...noLogger, warn: (_: object, message: string) => warnings.push(message) }
  const startup = new Startup(1000, logger)
  assert.equal(
    await reachSubscription(startup, config, clients, await loadPipeline('scans'), logger),
    subscription,
  )
  return warnings
}

const newTopic = (project = 'test-project') => `projects/${project}/topics/t-${randomUUID()}`

test('a subscription of another topic than the configured one: a warning with the fix', async () => {
  const topic = newTopic()
  const id = topic.split('/').at(-1)
  const [unset = ''] = await reach(topic)
  assert.match(unset, new RegExp(`another topic than the pipeline's own.*set INGESTER_TOPICID=${id}$`))
  const [set = ''] = await reach(newTopic(), { INGESTER_TOPICID: 'other' })
  assert.match(set, /another topic than INGESTER_TOPICID says.*set INGESTER_TOPICID=t-/)
  const own = newTopic()
  assert.deepEqual(await reach(own, { INGESTER_TOPICID: own.split('/').at(-1) ?? '' }), [])
})

test('of a topic in another project: only a variable that is set is wrong', async () => {
  assert.deepEqual(await reach(newTopic('another-project')), [])
  const [warning = ''] = await reach(newTopic('another-project'), { INGESTER_TOPICID: 'other' })
  assert.match(warning, /unset INGESTER_TOPICID$/)
})

test('a deleted topic is a warning: what is left in the subscription is still consumed', async () => {
  const topic = newTopic()
  const warnings = await reach(topic, {}, () => publisher.deleteTopic({ topic }))
  assert.deepEqual(warnings.length, 1)
  assert.match(warnings[0] ?? '', /its topic was deleted.*still consumed/)
})

test('a detached subscription is rejected: it would never deliver anything', async () => {
  const reaching = reach(newTopic(), {}, (subscription) => publisher.detachSubscription({ subscription }))
  await assert.rejects(reaching, (error) => {
    assert.ok(error instanceof ConfigurationError)
    assert.match(explain(error), /cannot be consumed: it is detached from its topic.*ingester doctor/)
    return true
  })
})
