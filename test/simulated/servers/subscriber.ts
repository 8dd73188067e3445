import { EventEmitter } from 'node:events'
import type { Delivery } from '#emulator/broker/backlog.ts'
import type { Consumer } from '#emulator/broker/dispatcher.ts'
import type { Message } from '#emulator/broker/message.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { pullResponse } from '../../support/pull-response.ts'
import type { Host } from './host.ts'
import { never } from './host.ts'
import type { SimulatedBroker } from './broker.ts'

const unavailable = 14
const deadlineExceeded = 4

const status = (code: number) => Object.assign(new Error(`simulated status ${code}`), { code })

interface OpeningRequest {
  readonly streamAckDeadlineSeconds: number
  readonly maxOutstandingMessages: number
  readonly maxOutstandingBytes: number
}

/** Stands where a process has its generated subscriber client; on its other end is the broker. */
export class SimulatedSubscriber {
  readonly host: Host
  readonly broker: SimulatedBroker
  readonly streams = new Set<SimulatedStream>()

  constructor(host: Host, broker: SimulatedBroker) {
    this.host = host
    this.broker = broker
    broker.subscribers.add(this)
  }

  get clients(): PubsubClients {
    const isConnected = () => true
    return { projectId: 'p', isEmulator: true, subscriber: this, isConnected, close: async () => {} } as never
  }

  /** What its codecs are put into, which it does without. */
  async initialize(): Promise<object> {
    return {}
  }

  streamingPull(): SimulatedStream {
    const stream = new SimulatedStream(this)
    this.streams.add(stream)
    return stream
  }

  async acknowledge({ ackIds }: { ackIds: string[] }, { timeout }: { timeout: number }): Promise<void> {
    this.host.at('ack sent')
    await this.#call('acknowledge', timeout, () => this.broker.acknowledge(this.host.name, ackIds))
  }

  async modifyAckDeadline(
    { ackIds, ackDeadlineSeconds }: { ackIds: string[]; ackDeadlineSeconds: number },
    { timeout }: { timeout: number },
  ): Promise<void> {
    await this.#call('modifyAckDeadline', timeout, () => this.broker.modify(ackIds, ackDeadlineSeconds))
  }

  /** All streams break; the broker notices at once, or later for a process that vanished. */
  cut(noticedAfterMs = 0): void {
    for (const stream of this.streams) stream.break(noticedAfterMs)
  }

  #call(name: string, timeoutMs: number, execute: () => void): Promise<void> {
    const { wire } = this.broker
    if (!this.host.alive) return never()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const cancel = this.host.clock.after(timeoutMs, () => reject(status(deadlineExceeded)))
    const fate = wire.fate(() => `${name} of ${this.host.name}`)
    if (fate !== 'well') this.broker.noteFault()
    const answer = (what: () => void) =>
      wire.after(wire.latencyMs(), () => {
        if (!this.host.alive) return
        cancel()
        what()
      })
    const travelMs = fate === 'late' ? wire.lateMs(0) : wire.latencyMs()
    if (fate === 'request lost') answer(() => reject(status(unavailable)))
    else {
      wire.after(travelMs, () => {
        if (this.broker.away) return answer(() => reject(status(unavailable)))
        // It may extend a lease that its holder has dropped.
        if (fate === 'late') this.broker.noteFault()
        execute()
        if (fate === 'well') answer(resolve)
        else if (fate === 'reply lost') answer(() => reject(status(unavailable)))
      })
    }
    return promise
  }
}

/** One StreamingPull call: the process's end is an emitter, the broker's a consumer. Both ways keep their order. */
export class SimulatedStream extends EventEmitter implements Consumer {
  leaseMs = 0
  readonly #subscriber: SimulatedSubscriber
  #maxMessages = 0
  #maxBytes = 0
  #messages = 0
  #bytes = 0
  /** At the broker. */
  #joined = false
  /** What the process said last may overtake what it said first. */
  #left = false
  /** For the process. */
  #over = false
  #lastArrivalMs = 0

  constructor(subscriber: SimulatedSubscriber) {
    super()
    this.#subscriber = subscriber
  }

  get room() {
    if (this.#subscriber.broker.faults.ignoreFlowControl) return { messages: Infinity, bytes: Infinity }
    return { messages: this.#maxMessages - this.#messages, bytes: this.#maxBytes - this.#bytes }
  }

  get isEmpty(): boolean {
    return this.#messages === 0
  }

  /** As an older emulator it does not answer pings, which are empty. */
  write(request: OpeningRequest | Record<string, never>): void {
    if (!('streamAckDeadlineSeconds' in request)) return
    const { broker } = this.#subscriber
    this.leaseMs = request.streamAckDeadlineSeconds * 1000
    this.#maxMessages = request.maxOutstandingMessages
    this.#maxBytes = request.maxOutstandingBytes
    broker.wire.after(broker.wire.latencyMs(), () => {
      if (this.#over || this.#left || !this.#subscriber.host.alive) return
      if (broker.away) return this.#arrive(() => this.#fail())
      this.#joined = true
      broker.join(this)
      this.#arrive(() => this.emit('metadata'))
    })
  }

  /** The process has nothing more to say; the broker answers with the end. (The broker itself ends no stream so.) */
  end(): void {
    const { broker } = this.#subscriber
    broker.wire.after(broker.wire.latencyMs(), () => {
      this.#leave()
      this.#arrive(() => {
        this.#over = true
        this.emit('end')
        this.emit('close')
      })
    })
  }

  cancel(): void {
    this.#over = true
    const { broker } = this.#subscriber
    broker.wire.after(broker.wire.latencyMs(), () => this.#leave())
  }

  break(noticedAfterMs: number): void {
    const { broker } = this.#subscriber
    broker.wire.after(noticedAfterMs, () => this.#leave())
    this.#arrive(() => this.#fail())
  }

  deliver(deliveries: readonly Delivery[]): void {
    const { broker } = this.#subscriber
    const receivedMessages = deliveries.map((delivery) => broker.received(delivery))
    if (broker.wire.chance(broker.responsesLost)) {
      broker.story.count('broker: response lost')
      return
    }
    this.#arrive(() => this.emit('data', pullResponse({ receivedMessages })))
  }

  leased({ size }: Message): void {
    this.#messages += 1
    this.#bytes += size
  }

  released({ size }: Message): void {
    this.#messages -= 1
    this.#bytes -= size
    this.#subscriber.broker.wake()
  }

  #arrive(what: () => void): void {
    const { host, broker } = this.#subscriber
    const now = host.clock.now()
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, now + broker.wire.latencyMs())
    broker.wire.after(this.#lastArrivalMs - now, () => {
      if (host.alive && !this.#over) what()
    })
  }

  #fail(): void {
    this.#over = true
    this.#leave()
    this.emit('error', status(unavailable))
    this.emit('close')
  }

  #leave(): void {
    this.#subscriber.streams.delete(this)
    this.#left = true
    if (!this.#joined) return
    this.#joined = false
    this.#subscriber.broker.part(this)
  }
}
