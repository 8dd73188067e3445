// Through the wire: what callers see when calls go wrong on purpose, and what has become of what they asked for.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Kit } from '../../../test/conformance/pubsub/kit.ts'
import { connectKit, only, refused, textsOf } from '../../../test/conformance/pubsub/kit.ts'
import type { Received } from '../../../test/conformance/pubsub/stream.ts'
import { statusCodes } from '../broker/status.ts'
import type { Emulator } from '../emulator.ts'
import { startEmulator } from '../emulator.ts'

/** How long a caller waits for an answer that never comes. */
const impatient = { timeout: 300, retry: null }

interface Rig extends AsyncDisposable {
  readonly emulator: Emulator
  readonly kit: Kit
  readonly topic: string
  readonly subscription: string
}

async function startRig(): Promise<Rig> {
  await using resources = new AsyncDisposableStack()
  const emulator = resources.use(await startEmulator({ port: 0, history: true }))
  const kit = resources.use(await connectKit(emulator.emulatorHost))
  const { topic, subscription } = await kit.subscribe()
  const moved = resources.move()
  return { emulator, kit, topic, subscription, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

/** One message, delivered to us. */
async function lease({ kit, topic, subscription }: Rig): Promise<Received> {
  await kit.publish(topic, 'm')
  return only(await kit.receive(subscription, 1))
}

const viewOf = ({ emulator, subscription }: Rig) => {
  const { state, acks, nacks, modacks } = only(emulator.inspect(subscription).messages)
  return { state, acks, nacks, modacks }
}

const untouched = { state: 'leased', acks: 0, nacks: 0, modacks: 0 }

const unanswered = (call: Promise<unknown>) => refused(call, statusCodes.DEADLINE_EXCEEDED)

async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!condition()) {
    assert.ok(performance.now() < endMs, `never saw: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('faults of calls, as callers see them', { concurrent: true }, () => {
  test('Acknowledge: a lost request is not executed, a request whose reply is lost is', async () => {
    await using rig = await startRig()
    const { emulator, kit, subscription } = rig
    const { ackId } = await lease(rig)
    const ack = () => kit.subscriber.acknowledge({ subscription, ackIds: [ackId] }, impatient)
    emulator.faults.dropRequests('Acknowledge', { times: 1 })
    await unanswered(ack())
    assert.deepEqual(viewOf(rig), untouched)
    emulator.faults.dropReplies('Acknowledge', { times: 1 })
    await unanswered(ack())
    assert.deepEqual(viewOf(rig), { ...untouched, state: 'acked', acks: 1 })
    await ack()
    assert.equal(viewOf(rig).acks, 1, 'acked once more is not acked twice')
  })

  test('ModifyAckDeadline: the same', async () => {
    await using rig = await startRig()
    const { emulator, kit, subscription } = rig
    const { ackId } = await lease(rig)
    const modack = (ackDeadlineSeconds: number) =>
      kit.subscriber.modifyAckDeadline({ subscription, ackIds: [ackId], ackDeadlineSeconds }, impatient)
    emulator.faults.dropRequests('ModifyAckDeadline', { times: 2 })
    await unanswered(modack(60))
    await unanswered(modack(0))
    assert.deepEqual(viewOf(rig), untouched)
    emulator.faults.dropReplies('ModifyAckDeadline', { times: 2 })
    await unanswered(modack(60))
    assert.deepEqual(viewOf(rig), { ...untouched, modacks: 1 })
    await unanswered(modack(0))
    assert.deepEqual(viewOf(rig), { state: 'available', acks: 0, nacks: 1, modacks: 1 })
  })

  test('Publish: a publisher that retries after a lost reply has published twice', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    const publish = (text: string) =>
      kit.publisher.publish({ topic, messages: [{ data: Buffer.from(text) }] }, impatient)
    emulator.faults.dropRequests('Publish', { times: 1 })
    emulator.faults.dropReplies('Publish', { times: 1 })
    await unanswered(publish('lost'))
    await unanswered(publish('a'))
    await publish('a')
    assert.deepEqual(textsOf(await kit.receive(subscription, 2)), ['a', 'a'])
    assert.equal(emulator.inspect(subscription).messages.length, 2)
  })

  test('an injected error: the code a number of times, nothing is executed, then calls succeed', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    const received = await lease(rig)
    emulator.faults.refuse('Acknowledge', 'UNAVAILABLE', { times: 2 })
    for (let i = 0; i < 2; i += 1) {
      await refused(
        kit.ack(subscription, received),
        statusCodes.UNAVAILABLE,
        /^refused on purpose: Acknowledge$/,
      )
      assert.deepEqual(viewOf(rig), untouched)
    }
    await kit.ack(subscription, received)
    assert.equal(viewOf(rig).state, 'acked')
    emulator.faults.refuse('Publish', 'RESOURCE_EXHAUSTED', { times: 1 })
    await refused(kit.publish(topic, 'm'), statusCodes.RESOURCE_EXHAUSTED)
    emulator.faults.refuse('ModifyAckDeadline', 'PERMISSION_DENIED', { times: 1 })
    await refused(kit.modack(subscription, 60, received), statusCodes.PERMISSION_DENIED)
    assert.equal(viewOf(rig).modacks, 0)
  })

  test('faults of one RPC do not affect the others', async () => {
    await using rig = await startRig()
    rig.emulator.faults.refuse('Pull', 'INTERNAL', { share: 1 })
    await rig.kit.publish(rig.topic, 'm')
    await refused(rig.kit.pull(rig.subscription), statusCodes.INTERNAL)
    assert.deepEqual(rig.emulator.inspect(rig.subscription).counts.available, 1)
    rig.emulator.faults.clear()
    assert.equal((await rig.kit.pull(rig.subscription)).length, 1)
  })

  test('a lost Pull takes no messages; a Pull whose reply is lost has leased messages that no client has', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    await kit.publish(topic, 'm')
    const pull = () => kit.subscriber.pull({ subscription, maxMessages: 1 }, impatient)
    emulator.faults.dropRequests('Pull', { times: 1 })
    await unanswered(pull())
    assert.equal(viewOf(rig).state, 'available')
    emulator.faults.dropReplies('Pull', { times: 1 })
    await unanswered(pull())
    assert.deepEqual(viewOf(rig), untouched)
  })

  test('StreamingPull: acks, nacks and extensions are lost on the stream, which continues', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    await using stream = kit.stream({ subscription, streamAckDeadlineSeconds: 600 })
    await kit.publish(topic, 'm')
    const [received] = (await stream.until(1)) as [Received]
    emulator.faults.dropRequests('StreamingPull', { times: 3 })
    stream.ack(received)
    stream.nack(received)
    stream.modack(60, received)
    stream.modack(60, received)
    await until('the first that is not lost', () => viewOf(rig).modacks > 0)
    assert.deepEqual(viewOf(rig), { ...untouched, modacks: 1 })
    stream.ack(received)
    await until('the ack', () => viewOf(rig).state === 'acked')
  })

  test('StreamingPull: a stream opens even if every request on it is lost', async () => {
    await using rig = await startRig()
    rig.emulator.faults.dropRequests('StreamingPull', { share: 1 })
    await using stream = rig.kit.stream({ subscription: rig.subscription, streamAckDeadlineSeconds: 600 })
    await rig.kit.publish(rig.topic, 'm')
    assert.deepEqual(textsOf(await stream.until(1)), ['m'])
  })

  test('StreamingPull: an injected error ends the stream, at its first request or later', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    const first = { subscription, streamAckDeadlineSeconds: 600 }
    const end = { code: statusCodes.RESOURCE_EXHAUSTED, message: 'refused on purpose: StreamingPull' }
    emulator.faults.refuse('StreamingPull', 'RESOURCE_EXHAUSTED', { times: 1 })
    await kit.publish(topic, 'm')
    await using refusedAtOnce = kit.stream(first)
    assert.deepEqual(await refusedAtOnce.end(), end)
    assert.equal(emulator.inspect(subscription).counts.available, 1, 'nothing was leased to it')
    await using stream = kit.stream(first)
    const [received] = (await stream.until(1)) as [Received]
    emulator.faults.refuse('StreamingPull', 'RESOURCE_EXHAUSTED', { times: 1 })
    stream.ack(received)
    assert.deepEqual(await stream.end(), end)
    assert.deepEqual(viewOf(rig), untouched)
    await kit.publish(topic, 'n')
    assert.deepEqual(textsOf(await kit.receive(subscription, 1)), ['n'], 'the stream takes nothing any more')
  })
})
