// Through the wire: the look at what is about to be acked.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Kit } from '../../../test/conformance/pubsub/kit.ts'
import { connectKit, numbered, only, refused } from '../../../test/conformance/pubsub/kit.ts'
import type { Received } from '../../../test/conformance/pubsub/stream.ts'
import { statusCodes } from '../broker/status.ts'
import type { Emulator } from '../emulator.ts'
import { startEmulator } from '../emulator.ts'
import type { PendingAck } from './fault-injector.ts'

interface Rig extends AsyncDisposable {
  readonly emulator: Emulator
  readonly kit: Kit
  readonly topic: string
  readonly subscription: string
  /** By message, in the order in which they were published. */
  readonly states: () => string[]
}

async function startRig(): Promise<Rig> {
  await using resources = new AsyncDisposableStack()
  const emulator = resources.use(await startEmulator({ port: 0, history: true }))
  const kit = resources.use(await connectKit(emulator.emulatorHost))
  const { topic, subscription } = await kit.subscribe()
  const states = () =>
    emulator
      .inspect(subscription)
      .messages.toSorted((a, b) => Number(a.messageId) - Number(b.messageId))
      .map(({ state }) => state)
  const moved = resources.move()
  return { emulator, kit, topic, subscription, states, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

const open = ({ kit, subscription }: Rig) => kit.stream({ subscription, streamAckDeadlineSeconds: 600 })

async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!condition()) {
    assert.ok(performance.now() < endMs, `never saw: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a hook before the ack', { concurrent: true }, () => {
  test('sees messages while they are still leased; the ack waits for it', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription, states } = rig
    const ids = await kit.publish(topic, {
      data: Buffer.from('m'),
      attributes: { a: 'b' },
      orderingKey: 'k',
    })
    const received = await kit.receive(subscription, 1)
    const seen: PendingAck[] = []
    const meanwhile: string[] = []
    emulator.faults.beforeAck = async (acks) => {
      seen.push(acks)
      meanwhile.push(...states())
      await new Promise((resolve) => setImmediate(resolve))
      meanwhile.push(...states())
    }
    await kit.ack(subscription, ...received)
    assert.deepEqual(meanwhile, ['leased', 'leased'])
    assert.deepEqual(states(), ['acked'])
    const { publishMs, ...message } = only(only(seen).messages)
    assert.equal(only(seen).subscription, subscription)
    assert.deepEqual(message, {
      messageId: ids[0],
      data: Buffer.from('m'),
      attributes: { a: 'b' },
      orderingKey: 'k',
    })
    assert.equal(publishMs, received[0]?.publishTimeMs)
  })

  test('sees each message once, acked on the stream or by a call, and no stale ones', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription, states } = rig
    const seen: string[][] = []
    emulator.faults.beforeAck = async ({ messages }) => {
      seen.push(messages.map(({ data }) => data.toString()))
    }
    await using stream = open(rig)
    await kit.publish(topic, ...numbered('m', 4))
    const [m0, m1, m2, m3] = (await stream.until(4)) as [Received, Received, Received, Received]
    await kit.ack(subscription, m0, m1, m1)
    await kit.ack(subscription, m0)
    stream.ack(m0, m2, m2, m3)
    await until('the acks', () => states().every((state) => state === 'acked'))
    assert.deepEqual(seen, [
      ['m0', 'm1'],
      ['m2', 'm3'],
    ])
  })

  test('fails a call with its error, and the message is redelivered', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription, states } = rig
    await kit.publish(topic, 'm')
    const received = await kit.receive(subscription, 1)
    emulator.faults.beforeAck = () => Promise.reject(new Error('it is not in the table'))
    await refused(kit.ack(subscription, ...received), statusCodes.INTERNAL, /^it is not in the table$/)
    assert.deepEqual(states(), ['leased'])
    assert.equal(only(emulator.inspect(subscription).messages).acks, 0)
    emulator.faults.expireLeases()
    const again = await kit.receive(subscription, 1)
    emulator.faults.beforeAck = undefined
    await kit.ack(subscription, ...again)
    assert.deepEqual(states(), ['acked'])
  })

  test('ends a stream with its error, and the message is redelivered', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, states } = rig
    await kit.publish(topic, 'm')
    await using stream = open(rig)
    stream.ack(...(await stream.until(1)))
    await until('the ack', () => states()[0] === 'acked')
    emulator.faults.beforeAck = () => {
      throw new Error('it is not in the table')
    }
    await kit.publish(topic, 'n')
    stream.ack(...(await stream.until(2)).slice(1))
    assert.deepEqual(await stream.end(), { code: statusCodes.INTERNAL, message: 'it is not in the table' })
    assert.deepEqual(states(), ['acked', 'leased'])
    emulator.faults.clear()
    await using next = open(rig)
    emulator.faults.expireLeases()
    next.ack(...(await next.until(1)))
    await until('the ack', () => states()[1] === 'acked')
  })

  test('delays what follows on the stream, and nothing else', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription, states } = rig
    const look = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    emulator.faults.beforeAck = () => {
      begun.resolve()
      return look.promise
    }
    await using stream = open(rig)
    await using other = open(rig)
    await kit.publish(topic, 'a', 'b', 'c', 'd')
    await until('all of them leased', () => states().every((state) => state === 'leased'))
    await until('deliveries', () => stream.received.length === 2 && other.received.length === 2)
    const [one, two] = stream.received as [Received, Received]
    stream.ack(one)
    await begun.promise
    stream.modack(60, two)
    other.modack(60, ...other.received)
    const modacks = () =>
      emulator.inspect(subscription).messages.reduce((sum, message) => sum + message.modacks, 0)
    await until('what came on the other stream', () => modacks() === 2)
    assert.deepEqual(states(), ['leased', 'leased', 'leased', 'leased'])
    look.resolve()
    await until('what came after the ack', () => modacks() === 3)
    assert.equal(emulator.inspect(subscription).counts.acked, 1)
  })

  test('does not ack a lease that expires while it runs', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription, states } = rig
    await kit.publish(topic, 'm')
    const received = await kit.receive(subscription, 1)
    emulator.faults.beforeAck = async () => emulator.faults.expireLeases()
    await kit.ack(subscription, ...received)
    assert.deepEqual(states(), ['available'])
    assert.equal(only(emulator.inspect(subscription).messages).acks, 0)
  })
})
