// Through the wire: what subscribers see when deliveries go wrong on purpose.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Kit } from '../../../test/conformance/pubsub/kit.ts'
import { connectKit, numbered, refused, textsOf } from '../../../test/conformance/pubsub/kit.ts'
import type { Received } from '../../../test/conformance/pubsub/stream.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { statusCodes } from '../broker/status.ts'
import type { Emulator, EmulatorOptions } from '../emulator.ts'
import { startEmulator } from '../emulator.ts'

interface Rig extends AsyncDisposable {
  readonly emulator: Emulator
  readonly kit: Kit
  readonly topic: string
  readonly subscription: string
}

/** An emulator with a topic and a subscription that counts attempts; deadlines pass only on a clock that is given. */
async function startRig(options: EmulatorOptions = {}): Promise<Rig> {
  await using resources = new AsyncDisposableStack()
  const emulator = resources.use(await startEmulator({ port: 0, history: true, ...options }))
  const kit = resources.use(await connectKit(emulator.emulatorHost))
  const topic = await kit.createTopic()
  const deadLetterPolicy = { deadLetterTopic: topic, maxDeliveryAttempts: 100 }
  const subscription = await kit.createSubscription(topic, { deadLetterPolicy })
  const moved = resources.move()
  return { emulator, kit, topic, subscription, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

const open = ({ kit, subscription }: Rig, maxOutstandingMessages = 0) =>
  kit.stream({ subscription, streamAckDeadlineSeconds: 600, maxOutstandingMessages })

const countsOf = ({ emulator, subscription }: Rig) => emulator.inspect(subscription).counts

/** Looks until it is so. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!condition()) {
    assert.ok(performance.now() < endMs, `never saw: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('faults of deliveries, as subscribers see them', { concurrent: true }, () => {
  test('duplicates: each message is delivered twice, and either ack settles it', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    emulator.faults.deliveries({ duplicateShare: 1 })
    await kit.publish(topic, 'a', 'b', 'c')
    const received = await kit.receive(subscription, 6)
    const [a, b, c] = ['a', 'b', 'c'].map((text) => received.filter((one) => one.text === text))
    for (const pair of [a, b, c]) {
      assert.equal(pair?.length, 2)
      assert.notEqual(pair[0]?.ackId, pair[1]?.ackId)
      assert.equal(pair[0]?.messageId, pair[1]?.messageId)
    }
    await kit.ack(subscription, a?.[0] as Received)
    await kit.ack(subscription, b?.[1] as Received)
    await kit.ack(subscription, ...(c as Received[]))
    const { counts, messages } = emulator.inspect(subscription)
    assert.deepEqual(counts, { available: 0, leased: 0, waiting: 0, acked: 3 })
    assert.deepEqual(
      messages.map(({ deliveries, acks }) => ({ deliveries, acks })),
      Array.from({ length: 3 }, () => ({ deliveries: 2, acks: 1 })),
    )
  })

  test('duplicates do not use up the flow control of a stream', async () => {
    await using rig = await startRig()
    rig.emulator.faults.deliveries({ duplicateShare: 1 })
    await using stream = open(rig, 4)
    stream.each((received) => stream.ack(received))
    await rig.kit.publish(rig.topic, ...numbered('m', 30))
    const received = await stream.until(60, 2000)
    assert.equal(new Set(textsOf(received)).size, 30)
  })

  test('shuffling: another order, and nothing is lost', async () => {
    await using rig = await startRig()
    rig.emulator.faults.deliveries({ shuffleWindow: 10 })
    await using stream = open(rig)
    const texts = numbered('m', 100)
    await rig.kit.publish(rig.topic, ...texts)
    const received = textsOf(await stream.until(100))
    assert.notDeepEqual(received, texts)
    assert.deepEqual(received.toSorted(), texts.toSorted())
  })

  test('delays: each message has its own delay', async () => {
    const clock = new VirtualClock()
    await using rig = await startRig({ clock })
    rig.emulator.faults.deliveries({ maxDelayMs: 60_000 })
    await using stream = open(rig)
    await rig.kit.publish(rig.topic, ...numbered('m', 50))
    assert.deepEqual(countsOf(rig), { available: 0, leased: 0, waiting: 50, acked: 0 })
    await clock.advance(30_000)
    const { waiting } = countsOf(rig)
    assert.ok(waiting > 5 && waiting < 45, `${waiting} wait`)
    await clock.advance(30_020)
    assert.equal(new Set(textsOf(await stream.until(50))).size, 50)
  })

  test('flow control: respected, until told to ignore it', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic } = rig
    await using stream = open(rig, 2)
    await kit.publish(topic, ...numbered('m', 10))
    stream.ack(...(await stream.until(2)))
    await stream.until(4)
    assert.deepEqual(countsOf(rig), { available: 6, leased: 2, waiting: 0, acked: 2 })
    emulator.faults.deliveries({ ignoreFlowControl: true })
    await kit.publish(topic, 'one more')
    assert.equal((await stream.until(11)).length, 11)
  })

  test('flow control: bytes are counted until their lease expires', async () => {
    await using rig = await startRig()
    const { kit, topic, subscription } = rig
    await using stream = kit.stream({
      subscription,
      streamAckDeadlineSeconds: 600,
      maxOutstandingBytes: 3000,
    })
    const data = Buffer.alloc(1000)
    await kit.publish(topic, ...Array.from({ length: 10 }, () => ({ data })))
    const received = await stream.until(2)
    assert.deepEqual(countsOf(rig), { available: 8, leased: 2, waiting: 0, acked: 0 })
    stream.ack(...received)
    await stream.until(4)
    assert.deepEqual(countsOf(rig), { available: 6, leased: 2, waiting: 0, acked: 2 })
  })

  test('a fault that is not named any more ends', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic } = rig
    emulator.faults.deliveries({
      duplicateShare: 1,
      shuffleWindow: 50,
      maxDelayMs: 1e6,
      ignoreFlowControl: true,
    })
    emulator.faults.deliveries({})
    await using stream = open(rig, 30)
    await kit.publish(topic, ...numbered('a', 10))
    await stream.until(10)
    await kit.publish(topic, ...numbered('b', 50))
    const first = [...numbered('a', 10), ...numbered('b', 20)]
    assert.deepEqual(textsOf(await stream.until(30)), first)
    assert.deepEqual(countsOf(rig), { available: 30, leased: 30, waiting: 0, acked: 0 })
  })

  test('expiring leases: the attempt increases, and the old ack id is stale', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    await using stream = open(rig)
    await kit.publish(topic, 'm')
    await stream.until(1)
    emulator.faults.expireLeases()
    const [old, again] = (await stream.until(2)) as [Received, Received]
    assert.deepEqual([old.attempt, again.attempt], [1, 2])
    assert.notEqual(old.ackId, again.ackId)
    await kit.ack(subscription, old)
    assert.equal(countsOf(rig).leased, 1)
    await kit.ack(subscription, again)
    assert.equal(countsOf(rig).acked, 1)
  })

  test('expiring leases: a share of them, the same for the same seed', async () => {
    const expired = async (share: number) => {
      await using rig = await startRig({ seed: 7 })
      const { emulator, kit, topic, subscription } = rig
      await kit.publish(topic, ...numbered('m', 200))
      await kit.receive(subscription, 200)
      emulator.faults.expireLeases(share)
      return emulator.inspect(subscription).messages.filter(({ failures }) => failures > 0).length
    }
    const [none, some, same] = [await expired(0), await expired(0.5), await expired(0.5)]
    assert.equal(none, 0)
    assert.ok(some > 60 && some < 140, `${some} of 200`)
    assert.equal(some, same)
  })

  test('redeliveries: leased messages are delivered once more, and their leases continue', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    await using stream = open(rig)
    await kit.publish(topic, 'm')
    await stream.until(1)
    emulator.faults.redeliver(0)
    emulator.faults.redeliver()
    const [first, second] = (await stream.until(2)) as [Received, Received]
    assert.deepEqual([first.attempt, second.attempt], [1, 1])
    assert.equal(countsOf(rig).leased, 1)
    await kit.ack(subscription, first)
    assert.equal(countsOf(rig).acked, 1)
    assert.equal(emulator.inspect(subscription).messages[0]?.deliveries, 2)
  })

  test('a pause: nothing is delivered, and acks are accepted', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    await using stream = open(rig)
    await kit.publish(topic, 'before')
    const [before] = (await stream.until(1)) as [Received]
    emulator.faults.pause()
    const other = await kit.createSubscription(topic)
    await kit.publish(topic, 'meanwhile')
    assert.deepEqual(await kit.pull(subscription), [])
    assert.deepEqual(await kit.pull(other), [])
    stream.ack(before)
    await until('the ack', () => countsOf(rig).acked === 1)
    assert.deepEqual(countsOf(rig), { available: 1, leased: 0, waiting: 0, acked: 1 })
    emulator.faults.resume()
    assert.deepEqual(textsOf(await stream.until(2)), ['before', 'meanwhile'])
    assert.deepEqual(textsOf(await kit.pull(other)), ['meanwhile'])
  })

  test('breaking streams: the client sees the status, and state is unchanged', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic } = rig
    await using one = open(rig)
    await using other = kit.stream({ subscription: rig.subscription, streamAckDeadlineSeconds: 600 })
    await kit.publish(topic, ...numbered('m', 10))
    await until('all of them leased', () => countsOf(rig).leased === 10)
    emulator.faults.breakStreams('UNAVAILABLE')
    const end = { code: statusCodes.UNAVAILABLE, message: 'broken on purpose' }
    assert.deepEqual([await one.end(), await other.end()], [end, end])
    assert.equal(countsOf(rig).leased, 10, 'leases are not those of the stream')
    await using next = open(rig)
    await kit.publish(topic, 'after')
    const [after] = (await next.until(1)) as [Received]
    next.ack(after)
    await until('the ack', () => countsOf(rig).acked === 1)
    emulator.faults.breakStreams('INTERNAL', 'so it is')
    assert.deepEqual(await next.end(), { code: statusCodes.INTERNAL, message: 'so it is' })
  })

  test('a broken stream also breaks waiting pulls', async () => {
    await using rig = await startRig()
    const pulling = rig.kit.subscriber.pull(
      { subscription: rig.subscription, maxMessages: 1 },
      { timeout: 5000, retry: null },
    )
    const failing = refused(pulling, statusCodes.ABORTED, /broken on purpose/)
    // From outside it cannot be seen when the pull has begun to wait.
    const again = setInterval(() => rig.emulator.faults.breakStreams('ABORTED'), 5)
    await failing.finally(() => clearInterval(again))
  })

  test('everything is normal again after a clear', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    const { faults } = emulator
    faults.deliveries({ duplicateShare: 1, maxDelayMs: 1e6 })
    faults.refuse('Publish', 'INTERNAL', { share: 1 })
    faults.beforeAck = () => Promise.reject(new Error('not now'))
    faults.pause()
    faults.clear()
    await kit.publish(topic, ...numbered('m', 5))
    const received = await kit.receive(subscription, 5)
    assert.deepEqual(textsOf(received), numbered('m', 5))
    await kit.ack(subscription, ...received)
    assert.deepEqual(countsOf(rig), { available: 0, leased: 0, waiting: 0, acked: 5 })
  })
})
