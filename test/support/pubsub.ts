import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { PulledDelivery } from '#pubsub/pulled-delivery.ts'
import type { Fields, Logger } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import { systemClock } from '#runtime/clock.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { connectPubsub } from '#pubsub/client.ts'
import type { OutgoingMessage } from '#pubsub/publisher.ts'
import { publish } from '#pubsub/publisher.ts'
import type { PubsubSourceOptions } from '#pubsub/source.ts'
import { PubsubSource } from '#pubsub/source.ts'
import type { PubsubServer } from '#stack/pubsub.ts'
import { startPubsub } from '#stack/pubsub.ts'
import type { OfficialEmulator } from './official-emulator.ts'
import { startOfficialEmulator } from './official-emulator.ts'

/** The shortest that Pub/Sub takes, and how often leases are extended under it. */
const ackDeadlineMs = 10_000
const projectId = 'test-project'

/** A broker to test the source on: our own; with TEST_PUBSUB=official the official emulator. */
export async function startEmulator(): Promise<PubsubServer | OfficialEmulator> {
  if (process.env['TEST_PUBSUB'] !== 'official') return startPubsub({ port: 0 })
  const official = await startOfficialEmulator()
  if (typeof official === 'string') throw new Error(official)
  return official
}

/** What the client asked of the server. */
interface Call {
  readonly kind: 'ack' | 'nack' | 'extend'
  readonly ids: number
  failed?: boolean
}

/** Records what a source does; waiting callers are woken by each event. */
export class Recorder implements Observer {
  readonly deliveries: PulledDelivery[] = []
  readonly calls: Call[] = []
  readonly warnings: { fields: Fields; message: string }[] = []
  readonly fatal: Error[] = []
  readonly logger: Logger = {
    ...noLogger,
    warn: (fields, message) => this.note(() => this.warnings.push({ fields, message })),
  }
  open = 0
  lost = 0
  streamsBegun = 0
  streamsAlive = 0
  mostStreamsAlive = 0
  holding = 0
  mostHolding = 0
  readonly #waiting = new Set<() => void>()

  note(change: () => void): void {
    change()
    for (const look of this.#waiting) look()
  }

  /** Resolves when an event makes it true; fails after `withinMs` with what has been seen by then. */
  async until(what: string, condition: () => boolean, withinMs = 20_000): Promise<void> {
    if (condition()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      if (condition()) resolve()
    }
    const timer = setTimeout(() => reject(new Error(`never saw: ${what}\n${this.summary()}`)), withinMs)
    this.#waiting.add(look)
    await promise.finally(() => {
      clearTimeout(timer)
      this.#waiting.delete(look)
    })
  }

  async untilReceived(count: number, withinMs?: number): Promise<void> {
    await this.until(`${count} deliveries`, () => this.deliveries.length >= count, withinMs)
  }

  streamsOpen(count: number): void {
    this.note(() => (this.open = count))
  }

  leasesLost(count: number): void {
    this.note(() => (this.lost += count))
  }

  receive(deliveries: readonly PulledDelivery[]): void {
    this.note(() => {
      this.deliveries.push(...deliveries)
      this.holding += deliveries.length
      this.mostHolding = Math.max(this.mostHolding, this.holding)
    })
  }

  /** Deliveries that the source dropped because a limit left no room. */
  get refused(): number {
    return this.warnings.reduce((sum, { fields }) => sum + Number(fields['refused'] ?? 0), 0)
  }

  get texts(): string[] {
    return this.deliveries.map(({ data }) => data.toString())
  }

  get attempts(): number[] {
    return [...new Set(this.deliveries.map((delivery) => delivery.deliveryAttempt))].sort((a, b) => a - b)
  }

  done(kind: Call['kind']): Call[] {
    return this.calls.filter((call) => call.kind === kind && call.failed === false)
  }

  summary(): string {
    const { deliveries, calls, open, lost, holding, streamsAlive, streamsBegun } = this
    const numbers = { deliveries: deliveries.length, calls: calls.length, open, lost, holding }
    return JSON.stringify({ ...numbers, streamsAlive, streamsBegun, warnings: this.warnings.slice(-5) })
  }
}

export interface Rig extends AsyncDisposable {
  readonly clients: PubsubClients
  readonly topic: string
  readonly subscription: string
  readonly recorder: Recorder
  readonly source: PubsubSource
  publish(messages: readonly OutgoingMessage[] | number): Promise<void>
  ack(deliveries: readonly PulledDelivery[]): void
  nack(deliveries: readonly PulledDelivery[]): void
}

export interface RigOptions extends Partial<PubsubSourceOptions> {
  /** What the source connects to instead of the emulator: a proxy. */
  readonly through?: string
  /** Another rig's subscription, to share. */
  readonly subscription?: string
  readonly onReceive?: (deliveries: readonly PulledDelivery[], rig: Rig) => void
}

/** A topic and a subscription of its own, which counts delivery attempts, and a source on it, not yet started. */
export async function startRig(emulatorHost: string, options: RigOptions = {}): Promise<Rig> {
  await using resources = new AsyncDisposableStack()
  const direct = resources.adopt(await connectPubsub({ projectId, emulatorHost }), (c) => c.close())
  const names = await createSubscription(direct)
  const { through, onReceive, ...overrides } = options
  const subscription = options.subscription ?? names.subscription
  const clients = resources.adopt(
    await connectPubsub({ projectId, emulatorHost: through ?? emulatorHost }),
    (c) => c.close(),
  )
  const recorder = new Recorder()
  observeCalls(clients, recorder)
  const source = resources.adopt(
    new PubsubSource({
      clients,
      ackDeadlineMs,
      maxOutstandingMessages: 10_000,
      maxOutstandingBytes: 100_000_000,
      streams: 2,
      clock: systemClock,
      logger: recorder.logger,
      observer: recorder,
      onFatal: (error) => recorder.note(() => recorder.fatal.push(error)),
      ...overrides,
      subscription,
    }),
    (s) => s.close(),
  )
  const settled = (deliveries: readonly PulledDelivery[]) =>
    recorder.note(() => (recorder.holding -= deliveries.length))
  const release = resources.move()
  const rig: Rig = {
    clients,
    topic: names.topic,
    subscription,
    recorder,
    source,
    publish: async (messages) => {
      const all = typeof messages === 'number' ? numbered(messages) : messages
      await publish(direct, names.topic, all)
    },
    ack: (deliveries) => {
      settled(deliveries)
      source.ack(deliveries)
    },
    nack: (deliveries) => {
      settled(deliveries)
      source.nack(deliveries)
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  }
  const receive = recorder.receive.bind(recorder)
  recorder.receive = (deliveries) => {
    receive(deliveries)
    onReceive?.(deliveries, rig)
  }
  return rig
}

/** Starts a rig's source. */
export function start({ source, recorder }: Rig): void {
  source.start((deliveries) => recorder.receive(deliveries))
}

export function numbered(count: number, from = 0): OutgoingMessage[] {
  return Array.from({ length: count }, (_, i) => ({ data: Buffer.from(String(from + i)) }))
}

/** Each of `count` numbered messages came, once. */
export function assertEachOnce(recorder: Recorder, count: number): void {
  const texts = recorder.texts
  assert.equal(texts.length, count)
  assert.equal(new Set(texts).size, count)
}

async function createSubscription(clients: PubsubClients): Promise<{ topic: string; subscription: string }> {
  const id = randomUUID()
  const topic = `projects/${projectId}/topics/t-${id}`
  const subscription = `projects/${projectId}/subscriptions/s-${id}`
  await clients.publisher.createTopic({ name: topic })
  // The emulator counts attempts only where there is a dead-letter policy.
  await clients.subscriber.createSubscription({
    name: subscription,
    topic,
    ackDeadlineSeconds: ackDeadlineMs / 1000,
    deadLetterPolicy: { deadLetterTopic: topic, maxDeliveryAttempts: 100 },
  })
  return { topic, subscription }
}

/**
 * Resolves when as many ack deadlines have passed by the broker's own clock: an unacked message, on its
 * own subscription, has been redelivered that many times.
 */
export async function passDeadlines(emulatorHost: string, count: number): Promise<void> {
  await using resources = new AsyncDisposableStack()
  const clients = resources.adopt(await connectPubsub({ projectId, emulatorHost }), (c) => c.close())
  const { topic, subscription } = await createSubscription(clients)
  const stream = clients.subscriber.streamingPull({})
  resources.defer(() => stream.cancel())
  const passed = Promise.withResolvers<void>()
  let seen = 0
  stream.on('error', passed.reject)
  stream.on('data', () => {
    if (seen++ === count) passed.resolve()
  })
  stream.write({ subscription, streamAckDeadlineSeconds: ackDeadlineMs / 1000 })
  await publish(clients, topic, [{ data: Buffer.from('tick') }])
  await passed.promise
}

type Unary = (request: { ackIds: string[]; ackDeadlineSeconds?: number }, options: object) => Promise<unknown>
type Stream = { on(event: string, listener: () => void): unknown }

/** Puts a note-taker before the client's calls. */
function observeCalls({ subscriber }: PubsubClients, recorder: Recorder): void {
  const target = subscriber as unknown as Record<'acknowledge' | 'modifyAckDeadline', Unary> & {
    streamingPull: (options: object) => Stream
  }
  for (const name of ['acknowledge', 'modifyAckDeadline'] as const) {
    const original = target[name].bind(subscriber)
    target[name] = async (request, options) => {
      const kind = name === 'acknowledge' ? 'ack' : request.ackDeadlineSeconds === 0 ? 'nack' : 'extend'
      const call: Call = { kind, ids: request.ackIds.length }
      recorder.note(() => recorder.calls.push(call))
      try {
        const result = await original(request, options)
        recorder.note(() => (call.failed = false))
        return result
      } catch (error) {
        recorder.note(() => (call.failed = true))
        throw error
      }
    }
  }
  const streamingPull = target.streamingPull.bind(subscriber)
  target.streamingPull = (options) => {
    const stream = streamingPull(options)
    recorder.note(() => {
      recorder.streamsBegun += 1
      recorder.streamsAlive += 1
      recorder.mostStreamsAlive = Math.max(recorder.mostStreamsAlive, recorder.streamsAlive)
    })
    let alive = true
    const over = () => {
      if (alive) recorder.note(() => (recorder.streamsAlive -= 1))
      alive = false
    }
    stream.on('error', over)
    stream.on('end', over)
    stream.on('close', over)
    return stream
  }
}
