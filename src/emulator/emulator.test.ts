import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import type { Kit } from '../../test/conformance/pubsub/kit.ts'
import { connectKit, numbered, refused, textsOf } from '../../test/conformance/pubsub/kit.ts'
import type { Received } from '../../test/conformance/pubsub/stream.ts'
import { statusCodes } from './broker/status.ts'
import type { Emulator, EmulatorOptions } from './emulator.ts'
import { startEmulator } from './emulator.ts'

interface Rig extends AsyncDisposable {
  readonly emulator: Emulator
  readonly kit: Kit
  readonly topic: string
  readonly subscription: string
}

async function startRig(options: EmulatorOptions = {}): Promise<Rig> {
  await using resources = new AsyncDisposableStack()
  const emulator = resources.use(await startEmulator({ port: 0, ...options }))
  const kit = resources.use(await connectKit(emulator.emulatorHost))
  const { topic, subscription } = await kit.subscribe({ retryPolicy: {} })
  const moved = resources.move()
  return { emulator, kit, topic, subscription, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

const open = ({ kit, subscription }: Rig) => kit.stream({ subscription, streamAckDeadlineSeconds: 600 })

describe('inspection', { concurrent: true }, () => {
  test('shows each message, its state, and what has happened to it', async () => {
    await using rig = await startRig({ history: true })
    const { emulator, kit, topic, subscription } = rig
    const beganMs = Date.now()
    const content = { data: Buffer.from([0, 255]), attributes: { a: 'b' }, orderingKey: 'k' }
    const [messageId] = await kit.publish(topic, content)
    await kit.publish(topic, 'acked', 'nacked', 'extended')
    const received = await kit.receive(subscription, 4)
    const [leased, acked, nacked, extended] = received as [Received, Received, Received, Received]
    await kit.ack(subscription, acked)
    await kit.nack(subscription, nacked)
    await kit.modack(subscription, 60, extended)
    await kit.modack(subscription, 60, extended)
    await kit.publish(topic, 'available')
    const { counts, messages } = emulator.inspect(subscription)
    assert.deepEqual(counts, { available: 1, leased: 2, waiting: 1, acked: 1 })
    const told = messages.map(({ data, state, deliveries, failures, acks, nacks, modacks }) => [
      data.toString('latin1'),
      state,
      { deliveries, failures, acks, nacks, modacks },
    ])
    const none = { deliveries: 1, failures: 0, acks: 0, nacks: 0, modacks: 0 }
    assert.deepEqual(told, [
      ['acked', 'acked', { ...none, acks: 1 }],
      ['\x00ÿ', 'leased', none],
      ['nacked', 'waiting', { ...none, failures: 1, nacks: 1 }],
      ['extended', 'leased', { ...none, modacks: 2 }],
      ['available', 'available', { ...none, deliveries: 0 }],
    ])
    const first = messages[1]
    assert.ok(first)
    assert.deepEqual(
      { messageId: first.messageId, attributes: first.attributes, orderingKey: first.orderingKey },
      { messageId, attributes: { a: 'b' }, orderingKey: 'k' },
    )
    assert.equal(first.messageId, leased.messageId)
    assert.ok(first.publishMs >= beganMs && first.publishMs <= Date.now())
  })

  test('shows no acked message, unless a history is kept or the subscription retains it', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    const retaining = await kit.createSubscription(topic, { retainAckedMessages: true })
    await kit.publish(topic, 'm')
    for (const name of [subscription, retaining]) await kit.ack(name, ...(await kit.receive(name, 1)))
    assert.deepEqual(emulator.inspect(subscription).messages, [])
    assert.deepEqual(emulator.inspect(retaining).counts, { available: 0, leased: 0, waiting: 0, acked: 1 })
  })

  test('fails for an unknown subscription', async () => {
    await using rig = await startRig()
    assert.throws(() => rig.emulator.inspect('projects/p/subscriptions/none'), { status: 'NOT_FOUND' })
  })
})

describe('publishing in the process', { concurrent: true }, () => {
  test('works like the RPC, without its limits', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    const outgoing = numbered('m', 3000).map((text) => ({ data: Buffer.from(text), attributes: { text } }))
    const ids = emulator.publish(topic, [...outgoing, { data: Buffer.alloc(11_000_000) }])
    assert.equal(new Set(ids).size, 3001)
    await using stream = open(rig)
    const received = await stream.until(3001)
    assert.deepEqual(
      received.map(({ messageId }) => messageId),
      ids,
    )
    assert.deepEqual(textsOf(received.slice(0, 3000)), numbered('m', 3000))
    assert.deepEqual(received[7]?.attributes, { text: 'm7' })
    assert.equal(received[3000]?.data.length, 11_000_000)
    assert.equal(emulator.inspect(subscription).counts.leased, 3001)
    await kit.ack(subscription, ...received.slice(0, 2000))
    assert.equal(emulator.inspect(subscription).counts.leased, 1001)
  })

  test('fails for an unknown topic', async () => {
    await using rig = await startRig()
    assert.throws(() => rig.emulator.publish('projects/p/topics/none', [{}]), { status: 'NOT_FOUND' })
  })
})

describe('start and end', { concurrent: true }, () => {
  test('message ids and ack ids are not reused by a later instance', async () => {
    const ids: string[] = []
    let old: Received | undefined
    const name = 'projects/p/subscriptions/same'
    const topic = 'projects/p/topics/same'
    for (let start = 0; start < 3; start += 1) {
      await using emulator = await startEmulator({ port: 0 })
      await using kit = await connectKit(emulator.emulatorHost)
      await kit.createTopic({ name: topic })
      await kit.createSubscription(topic, { name })
      ids.push(
        ...emulator.publish(
          topic,
          numbered('m', 500).map((text) => ({ data: Buffer.from(text) })),
        ),
      )
      const [received] = await kit.receive(name, 1)
      if (old) await kit.ack(name, old)
      assert.equal(emulator.inspect(name).counts.leased, 1, 'an old ack id is stale')
      old = received
    }
    assert.equal(new Set(ids).size, 1500)
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => Number(a) - Number(b)),
    )
  })

  test('a taken port is an error, and is free again after the end', async () => {
    const first = await startEmulator({ port: 0 })
    const { port, host, emulatorHost } = first
    assert.deepEqual([host, emulatorHost], ['127.0.0.1', `127.0.0.1:${port}`])
    await assert.rejects(startEmulator({ port }), { code: 'EADDRINUSE' })
    await first.close()
    await using again = await startEmulator({ port })
    assert.equal(again.port, port)
    assert.equal(
      await (await fetch(`http://${emulatorHost}/`)).text(),
      'Ok\n',
      'HTTP/1.1 is on the same port',
    )
  })

  /** What a stream, and a pull that waits, are told at the end. */
  const lastWords = async () => {
    await using rig = await startRig()
    const { emulator, kit, topic, subscription } = rig
    await kit.publish(topic, 'm')
    await using stream = open(rig)
    await stream.until(1)
    const pulling = kit.subscriber
      .pull({ subscription, maxMessages: 1 }, { timeout: 5000, retry: null })
      .then(
        () => assert.fail('nothing was there to be pulled'),
        ({ code, details }: { code: number; details: string }) => ({ code, message: details }),
      )
    // Calls of one connection are served in their order: when this one is answered, the other waits.
    await kit.pull(subscription)
    await emulator.close()
    return [await stream.end(), await pulling]
  }

  test('at the end, streams and waiting pulls end with UNAVAILABLE', async () => {
    for (const { code } of await lastWords()) assert.equal(code, statusCodes.UNAVAILABLE)
  })

  test('with the reason', async () => {
    const said = { code: statusCodes.UNAVAILABLE, message: 'The emulator is shutting down.' }
    assert.deepEqual(await lastWords(), [said, said])
  })

  test('waiting REST calls get it, too; nothing new starts, and the process can exit', async () => {
    await using rig = await startRig()
    const { emulator, topic, subscription } = rig
    const call = (method: string, path: string, body: object) =>
      fetch(`http://${emulator.emulatorHost}/v1/${path}`, { method, body: JSON.stringify(body) })
    const pulling = call('POST', `${subscription}:pull`, { maxMessages: 1 })
    // On another connection; when it is answered the first one waits.
    await call('POST', `${topic}:publish`, { messages: [] })
    const closing = emulator.close()
    const late = call('PUT', 'projects/p/subscriptions/too-late', { topic }).then(
      ({ status }) => status,
      () => 503,
    )
    assert.equal((await pulling).status, 503)
    assert.equal(await late, 503)
    await closing
  })

  test('it stops once, however often it is asked to', async () => {
    const emulator = await startEmulator({ port: 0 })
    const closing = emulator.close()
    assert.equal(emulator.close(), closing)
    await closing
    await emulator[Symbol.asyncDispose]()
    await emulator.close()
  })

  test('no client can delay the end: unanswered calls, silent connections', async () => {
    await using rig = await startRig()
    const { emulator, kit, topic } = rig
    emulator.faults.dropRequests('GetTopic', { share: 1 })
    const calling = refused(
      kit.publisher.getTopic({ topic }, { timeout: 20_000, retry: null }),
      statusCodes.UNAVAILABLE,
    )
    const silent = connect(emulator.port, emulator.host)
    await once(silent, 'connect')
    await kit.pull(rig.subscription)
    const beganMs = performance.now()
    await emulator.close()
    assert.ok(performance.now() - beganMs < 5000)
    await calling
    if (!silent.closed) await once(silent, 'close')
  })

  test('it leaves nothing behind that would keep the process alive', async () => {
    const program = `
      import { connectPubsub } from '#pubsub/client.ts'
      import { startEmulator } from '#emulator/emulator.ts'
      const emulator = await startEmulator({ port: 0 })
      const { publisher, subscriber, close } = await connectPubsub({ projectId: 'p', emulatorHost: emulator.emulatorHost })
      const [topic, subscription] = ['projects/p/topics/topic', 'projects/p/subscriptions/subscription']
      await publisher.createTopic({ name: topic })
      await subscriber.createSubscription({ name: subscription, topic, ackDeadlineSeconds: 600, retryPolicy: {} })
      await publisher.publish({ topic, messages: [{ data: Buffer.from('m') }, { data: Buffer.from('n') }] })
      await subscriber.pull({ subscription, maxMessages: 1 })
      const stream = subscriber.streamingPull({})
      stream.on('error', () => {})
      stream.write({ subscription, streamAckDeadlineSeconds: 600 })
      const delivered = new Promise((resolve) => stream.once('data', resolve))
      await delivered
      await fetch('http://' + emulator.emulatorHost + '/v1/' + topic)
      emulator.faults.expireLeases()
      await emulator.close()
      await close()
      process.stdout.write('closed')`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      // For `#pubsub/…`: the emulator's own folder is another package.
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = Promise.withResolvers<number>()
    child.stdout.once('data', () => closed.resolve(performance.now()))
    // A lease that is forgotten would keep it for minutes, a pull's wait for 30 s.
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    const [code] = (await once(child, 'exit')) as [number | null]
    clearTimeout(timer)
    assert.equal(code, 0, 'it was still running')
    assert.ok(performance.now() - (await closed.promise) < 2000)
  })
})
