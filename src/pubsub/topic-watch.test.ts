import assert from 'node:assert/strict'
import { test } from 'vitest'
import { grpcError } from '../../test/support/fake-publisher.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { noLogger } from '#core/logger.ts'
import { TopicWatch } from './topic-watch.ts'

const ours = 'projects/p/subscriptions/increments-sub'

/** Google's service, which answers with this list, or this error. */
function watching(answer: readonly string[] | Error) {
  const state = { answer, looks: 0 }
  const logged: string[] = []
  const note = (_: unknown, message: string) => logged.push(message)
  const publisher = {
    listTopicSubscriptions: async ({ topic }: { readonly topic: string }) => {
      assert.equal(topic, 'projects/p/topics/increments')
      state.looks += 1
      if (state.answer instanceof Error) throw state.answer
      return [state.answer]
    },
  }
  const clock = new VirtualClock(100)
  const watch = new TopicWatch({
    clock,
    clients: { projectId: 'p', isEmulator: false, publisher } as never,
    names: { topicId: 'increments', subscriptionId: 'increments-sub' },
    logger: { ...noLogger, info: note, warn: note },
    urgentMs: 2000,
    calmMs: 30_000,
  })
  return { watch, state, logged, pass: (ms: number) => clock.advance(ms) }
}

test('nothing may be published before the first check', async () => {
  const { watch } = watching([ours])
  assert.match(watch.notReadyBecause ?? '', /has not been checked yet/)
  await watch.prepare()
  assert.equal(watch.notReadyBecause, undefined)
})

test('a topic without a subscription is checked until it has one, and periodically from then on', async () => {
  const { watch, state, logged, pass } = watching([])
  await watch.prepare()
  watch.start()
  assert.equal(
    watch.notReadyBecause,
    'projects/p/topics/increments has no subscription, and would drop what is published; create it: gcloud pubsub subscriptions create increments-sub --topic=increments --project=p',
  )
  await pass(4000)
  assert.equal(state.looks, 3)
  state.answer = [ours]
  await pass(2000)
  assert.equal(watch.notReadyBecause, undefined)
  await pass(29_000)
  assert.equal(state.looks, 4)
  state.answer = []
  await pass(1000)
  assert.match(watch.notReadyBecause ?? '', /has no subscription/)
  assert.deepEqual(
    logged.map((line) => line.replace(/;.*/, '')),
    [
      'projects/p/topics/increments has no subscription, and would drop what is published',
      'the topic has a subscription now',
      'projects/p/topics/increments has no subscription, and would drop what is published',
    ],
  )
  await watch[Symbol.asyncDispose]()
  await pass(60_000)
  assert.equal(state.looks, 5)
})

test('a topic that does not exist: the line that creates it', async () => {
  const { watch } = watching(grpcError(5, 'Resource not found'))
  await watch.prepare()
  assert.equal(
    watch.notReadyBecause,
    'projects/p/topics/increments does not exist; create it: gcloud pubsub topics create increments --project=p',
  )
})

test('subscriptions that may not be seen: one warning, and it is used', async () => {
  const { watch, logged, pass } = watching(grpcError(7, 'no'))
  await watch.prepare()
  watch.start()
  await pass(120_000)
  assert.equal(watch.notReadyBecause, undefined)
  assert.deepEqual(logged, [
    'cannot check whether the topic has a subscription: grant pubsub.topics.get (roles/pubsub.viewer)',
  ])
  await watch[Symbol.asyncDispose]()
})

test('subscriptions of others alone: one warning, and it is used', async () => {
  const { watch, logged } = watching(['projects/p/subscriptions/debug'])
  await watch.prepare()
  await watch.prepare()
  assert.equal(watch.notReadyBecause, undefined)
  assert.deepEqual(logged, [
    `${ours} is not a subscription of the topic (it has: projects/p/subscriptions/debug)`,
  ])
})

test('while the broker is away, what was seen last counts', async () => {
  const { watch, state } = watching(grpcError(14, 'away', 'client'))
  await watch.prepare()
  assert.match(watch.notReadyBecause ?? '', /^cannot check projects\/p\/topics\/increments: 14 away/)
  state.answer = [ours]
  await watch.prepare()
  state.answer = grpcError(14, 'away', 'client')
  await watch.prepare()
  assert.equal(watch.notReadyBecause, undefined)
})

test("while an emulator's topic is there and its subscription is not, nothing may be published", async () => {
  const exists = new Set<string>()
  const seen: (string | undefined)[] = []
  const create = async (name: string) => {
    seen.push(watch.notReadyBecause)
    exists.add(name)
  }
  const clients = {
    projectId: 'p',
    isEmulator: true,
    publisher: { createTopic: ({ name }: { readonly name: string }) => create(name) },
    subscriber: {
      createSubscription: ({ name }: { readonly name: string }) => create(name),
      getSubscription: async ({ subscription }: { readonly subscription: string }) => {
        if (!exists.has(subscription)) throw grpcError(5, 'not found')
        return [{ name: subscription }]
      },
    },
  }
  const names = { topicId: 'increments', subscriptionId: 'increments-sub' }
  const clock = new VirtualClock(100)
  const watch = new TopicWatch({ clock, clients: clients as never, names, logger: noLogger })
  await watch.prepare()
  assert.equal(watch.notReadyBecause, undefined)
  watch.start()
  // It has forgotten both.
  exists.clear()
  seen.length = 0
  await clock.advance(2000)
  assert.deepEqual(seen, [`${ours} is being created`, `${ours} is being created`])
  assert.equal(watch.notReadyBecause, undefined)
})
