// Through gRPC's own client and a broker: what it says of lost connections is what `publish-failure.ts` reads.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { startEmulator } from '#emulator/emulator.ts'
import type { DoorMessage } from '#core/door.ts'
import { noLogger } from '#core/logger.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'
import { ensureSubscription } from './admin.ts'
import { connectPubsub } from './client.ts'
import type { PublishQueueOptions } from './publish-queue.ts'
import { PublishQueue } from './publish-queue.ts'

const projectId = 'test-project'
const topic = `projects/${projectId}/topics/topic`
const of = (text: string): DoorMessage[] => [{ data: Buffer.from(text) }]

/** A broker of its own behind a proxy, and a queue that publishes to it. */
async function startRig(options: Partial<PublishQueueOptions> = {}) {
  await using resources = new AsyncDisposableStack()
  let emulator = await startEmulator({ port: 0 })
  resources.defer(() => emulator.close())
  const proxy = resources.use(await TcpProxy.to(emulator.port))
  const clients = await connectPubsub({ projectId, emulatorHost: proxy.address })
  resources.defer(() => clients.close())
  const subscribe = async () =>
    (await ensureSubscription(clients, { topicId: 'topic', subscriptionId: 'sub' }, 10)).name
  const subscription = await subscribe()
  const queue = new PublishQueue({ clients, logger: noLogger, waitMs: 2000, callTimeoutMs: 400, ...options })
  resources.defer(() => queue.close(0))
  const moved = resources.move()
  return {
    proxy,
    queue,
    subscribe,
    publish: (text: string) => queue.publish(topic, of(text)),
    get emulator() {
      return emulator
    },
    texts: () =>
      emulator
        .inspect(subscription)
        .messages.map(({ data }) => data.toString())
        .sort(),
    kill: () => emulator.close(),
    restart: async () => {
      emulator = await startEmulator({ port: emulator.port })
    },
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

/** Until then a call is written to a connection that is none, which leaves it open what became of it. */
const lossNoticed = async ({ queue }: { readonly queue: PublishQueue }) => {
  await queue.publish(topic, of('lost'))
}

describe('publishing', { concurrent: true }, () => {
  test('many requests at once arrive once each', async () => {
    await using rig = await startRig()
    const texts = Array.from({ length: 3000 }, (_, at) => `${at}`).sort()
    const outcomes = await Promise.all(texts.map(rig.publish))
    assert.ok(outcomes.every(({ outcome }) => outcome === 'confirmed'))
    assert.deepEqual(rig.texts(), texts)
  })

  test('nothing listens: not-sent; when something does again: confirmed', async () => {
    await using rig = await startRig({ waitMs: 3000 })
    await rig.proxy.refuse()
    await lossNoticed(rig)
    const outcome = await rig.publish('away')
    assert.equal(outcome.outcome, 'not-sent')
    assert.match(outcome.why, /ECONNREFUSED/)
    const back = rig.publish('back')
    await rig.proxy.accept()
    assert.deepEqual(await back, { outcome: 'confirmed' })
    assert.deepEqual(rig.texts(), ['back'])
  })

  test('a broker that is killed and started again: not-sent meanwhile, then confirmed', async () => {
    await using rig = await startRig({ waitMs: 5000 })
    assert.equal((await rig.publish('before')).outcome, 'confirmed')
    await rig.kill()
    const meanwhile = rig.publish('meanwhile')
    await rig.restart()
    // It has lost its topics, and says so: NOT_FOUND is no reason to wait.
    const outcome = await meanwhile
    assert.equal(outcome.outcome, 'not-sent')
    assert.match(outcome.why, /NOT_FOUND/)
    await rig.subscribe()
    assert.equal((await rig.publish('after')).outcome, 'confirmed')
    assert.deepEqual(rig.texts(), ['after'])
  })

  test('a port that accepts and says nothing: nothing was sent', async () => {
    await using rig = await startRig()
    rig.proxy.freeze()
    rig.proxy.cut()
    await lossNoticed(rig)
    const outcome = await rig.publish('a')
    assert.equal(outcome.outcome, 'not-sent')
    rig.proxy.thaw()
    assert.deepEqual(rig.texts(), [])
  })

  test('a connection on which nothing moves any more: unknown', async () => {
    await using rig = await startRig()
    assert.equal((await rig.publish('a')).outcome, 'confirmed')
    rig.proxy.freeze()
    assert.equal((await rig.publish('b')).outcome, 'unknown')
  })

  test('an answer that is lost with its connection: unknown for the moment, confirmed by the next call', async () => {
    await using rig = await startRig({ callTimeoutMs: 10_000, waitMs: 10_000 })
    assert.equal((await rig.publish('a')).outcome, 'confirmed')
    rig.proxy.loseReplies()
    const outcome = rig.publish('b')
    while (!rig.texts().includes('b')) await new Promise((resolve) => setTimeout(resolve, 5))
    rig.proxy.bringReplies()
    assert.equal((await outcome).outcome, 'confirmed')
    assert.deepEqual(rig.texts(), ['a', 'b', 'b'])
  })

  test('an answer that is lost with its connection, and no broker after it: unknown', async () => {
    await using rig = await startRig()
    assert.equal((await rig.publish('a')).outcome, 'confirmed')
    rig.proxy.loseReplies()
    const outcome = rig.publish('b')
    while (!rig.texts().includes('b')) await new Promise((resolve) => setTimeout(resolve, 5))
    rig.proxy.turnAway()
    assert.equal((await outcome).outcome, 'unknown')
  })

  test('a call whose answer is late is made again', async () => {
    await using rig = await startRig()
    rig.emulator.faults.dropReplies('Publish', { times: 1 })
    assert.equal((await rig.publish('a')).outcome, 'confirmed')
    assert.deepEqual(rig.texts(), ['a', 'a'])
  })

  for (const lose of ['dropReplies', 'dropRequests'] as const) {
    test(`no call is ever answered (${lose}): unknown`, async () => {
      await using rig = await startRig()
      rig.emulator.faults[lose]('Publish', { share: 1 })
      assert.equal((await rig.publish('a')).outcome, 'unknown')
      assert.equal(rig.texts().length > 0, lose === 'dropReplies')
    })
  }

  // Not RESOURCE_EXHAUSTED: it is tried again, and when the time is up the last call may be on its way.
  for (const [status, expected] of [
    ['PERMISSION_DENIED', 'not-sent'],
    ['UNAUTHENTICATED', 'not-sent'],
    ['FAILED_PRECONDITION', 'not-sent'],
    ['UNAVAILABLE', 'unknown'],
    ['INTERNAL', 'unknown'],
    ['UNKNOWN', 'unknown'],
    ['ABORTED', 'unknown'],
    ['CANCELLED', 'unknown'],
    ['DEADLINE_EXCEEDED', 'unknown'],
  ] as const) {
    test(`always answered with ${status}: ${expected}`, async () => {
      await using rig = await startRig()
      rig.emulator.faults.refuse('Publish', status, { share: 1 })
      assert.equal((await rig.publish('a')).outcome, expected)
    })
  }

  for (const status of ['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'INTERNAL'] as const) {
    test(`answered with ${status} a few times: confirmed`, async () => {
      await using rig = await startRig()
      rig.emulator.faults.refuse('Publish', status, { times: 3 })
      assert.equal((await rig.publish('a')).outcome, 'confirmed')
    })
  }

  test('a message that the broker rejects fails no other request', async () => {
    await using rig = await startRig()
    const tooMany = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`a${at}`, '']))
    const bad = rig.queue.publish(topic, [{ data: Buffer.from('bad'), attributes: tooMany }])
    const good = await Promise.all(['a', 'b', 'c'].map(rig.publish))
    assert.ok(good.every(({ outcome }) => outcome === 'confirmed'))
    const outcome = await bad
    assert.equal(outcome.outcome, 'not-sent')
    assert.match(outcome.why, /INVALID_ARGUMENT/)
    assert.deepEqual(rig.texts(), ['a', 'b', 'c'])
  })
})
