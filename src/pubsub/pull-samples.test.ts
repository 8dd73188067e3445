// Where the service makes snapshots, which emulators do not.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { PubsubClients } from './client.ts'
import { grpcStatus } from './client.ts'
import { pullSamples } from './pull-samples.ts'
import type { Subscription } from './subscription-topic.ts'

const subscription = 'projects/p/subscriptions/s'
const settings: Subscription = {
  name: subscription,
  topic: 'projects/q/topics/t',
  filter: 'attributes:x',
  enableMessageOrdering: true,
  messageRetentionDuration: { seconds: 7200 },
  deadLetterPolicy: { deadLetterTopic: 'projects/p/topics/d', maxDeliveryAttempts: 5 },
}

type Call = readonly [method: string, request: Readonly<Record<string, unknown>>]

/** Google's service with one message in every subscription. */
function service(failing: Readonly<Record<string, number>> = {}) {
  const calls: Call[] = []
  const answers: Readonly<Record<string, unknown>> = {
    getSubscription: settings,
    pull: { receivedMessages: [{ ackId: 'id', message: { messageId: 'm', data: Buffer.from('a') } }] },
  }
  const methods = [
    'getSubscription',
    'createSnapshot',
    'createSubscription',
    'seek',
    'pull',
    'modifyAckDeadline',
    'deleteSubscription',
    'deleteSnapshot',
  ]
  const subscriber = Object.fromEntries(
    methods.map((method) => [
      method,
      async (request: Call[1]) => {
        calls.push([method, request])
        const code = failing[method]
        if (code !== undefined) throw Object.assign(new Error(`${method} failed`), { code })
        return [answers[method] ?? {}]
      },
    ]),
  )
  const clients = { projectId: 'p', subscriber } as unknown as PubsubClients
  const warnings: string[] = []
  const warn = (message: string) => void warnings.push(message)
  return {
    calls,
    warnings,
    names: () => calls.map(([method]) => method),
    sample: () => pullSamples(clients, { subscription, count: 1, waitMs: 1000, warn }),
  }
}

const setUp = ['getSubscription', 'createSnapshot', 'createSubscription', 'seek']
const tornDown = ['deleteSubscription', 'deleteSnapshot']

test('no attempt is used up: the messages are those of a copy, which is deleted', async () => {
  const { sample, calls, names, warnings } = service()
  const [message] = await sample()
  assert.equal(String(message?.data), 'a')
  assert.equal(message?.subscription, subscription, 'as the pipeline will see it')
  assert.deepEqual(names(), [...setUp, 'pull', 'modifyAckDeadline', ...tornDown])
  assert.deepEqual(warnings, [])
  const of = Object.fromEntries(calls)
  const { name: copy, ...made } = of['createSubscription'] ?? {}
  assert.match(String(copy), /^projects\/p\/subscriptions\/ingester-try-/)
  assert.deepEqual(made, {
    topic: settings.topic,
    filter: settings.filter,
    enableMessageOrdering: true,
    ackDeadlineSeconds: 60,
    messageRetentionDuration: { seconds: 7200 },
    expirationPolicy: { ttl: { seconds: 7200 + 86_400 } },
  })
  const snapshot = of['createSnapshot']?.['name']
  assert.match(String(snapshot), /^projects\/p\/snapshots\/ingester-try-/)
  assert.equal(of['createSnapshot']?.['subscription'], subscription)
  assert.deepEqual(of['seek'], { subscription: copy, snapshot })
  assert.equal(of['pull']?.['subscription'], copy)
  assert.deepEqual(of['modifyAckDeadline'], { subscription: copy, ackIds: ['id'], ackDeadlineSeconds: 0 })
  assert.deepEqual(of['deleteSubscription'], { subscription: copy })
  assert.deepEqual(of['deleteSnapshot'], { snapshot })
})

test('what was made is deleted after every error', async () => {
  const unavailable = 14
  for (const method of ['seek', 'pull']) {
    const { sample, names } = service({ [method]: unavailable })
    await assert.rejects(sample(), new RegExp(`${method} failed`))
    assert.deepEqual(names().slice(-2), tornDown)
  }
  const unanswered = service({ createSubscription: unavailable })
  await assert.rejects(unanswered.sample(), /createSubscription failed/)
  assert.deepEqual(unanswered.names().slice(-2), tornDown, 'it may have been made all the same')
})

test('where no copy can be made, what was made is deleted, and it says that attempts are used up', async () => {
  const { sample, names, warnings, calls } = service({ createSubscription: grpcStatus.permissionDenied })
  assert.equal((await sample()).length, 1)
  const [deletedFirst, ...others] = names().slice(3)
  assert.deepEqual([deletedFirst, ...others], ['deleteSnapshot', 'pull', 'modifyAckDeadline'])
  assert.equal(Object.fromEntries(calls)['pull']?.['subscription'], subscription)
  assert.match(warnings.join(), /counts one attempt of 5, .* cannot be copied: createSubscription failed/)
})

test('a copy that stays behind is told of', async () => {
  const { sample, warnings } = service({
    deleteSnapshot: grpcStatus.permissionDenied,
    deleteSubscription: grpcStatus.notFound,
  })
  await sample()
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /snapshots\/ingester-try-.* could not be deleted, and expires by itself/)
})

test('a subscription that may not be looked at: attempts may be used up', async () => {
  const { sample, names, warnings } = service({ getSubscription: grpcStatus.permissionDenied })
  assert.equal((await sample()).length, 1)
  assert.deepEqual(names(), ['getSubscription', 'pull', 'modifyAckDeadline'])
  assert.match(
    warnings.join(),
    /if it has a dead-letter policy, each message that is pulled counts one attempt$/,
  )
})

test('messages that could not be given back come when their deadline has passed: they are shown', async () => {
  const { sample, warnings } = service({ modifyAckDeadline: 14 })
  assert.equal((await sample()).length, 1)
  assert.match(
    warnings.join(),
    /delivered again when their ack deadline has passed: modifyAckDeadline failed/,
  )
})
