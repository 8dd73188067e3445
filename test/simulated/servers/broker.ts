import { Backlog } from '#emulator/broker/backlog.ts'
import type { Delivery } from '#emulator/broker/backlog.ts'
import { RandomDeliveryFaults } from '#emulator/faults/delivery-faults.ts'
import type { Consumer } from '#emulator/broker/dispatcher.ts'
import { Dispatcher } from '#emulator/broker/dispatcher.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Connected } from './endpoint.ts'
import type { Story } from './story.ts'
import type { Wire } from './wire.ts'

/** An ack as the broker sees it. */
export interface Ack {
  readonly messageId: string
  readonly ackId: string
  readonly from: string
  /** When it was handed out. */
  readonly deliveredAtMs: number
}

export interface BrokerOptions {
  readonly clock: Clock
  readonly wire: Wire
  readonly story: Story
  readonly random: () => number
  /** Whether the subscription keeps what was acked, for a seek. */
  readonly retainAcked: boolean
  /** For which subscribers ask. */
  readonly leaseMs: number
  /** Told before an ack is accepted. */
  readonly beforeAck: (ack: Ack) => void
  /** The process that has received this and not settled it. */
  readonly holderOf: (ackId: string) => string | undefined
}

/** Two months: nothing is dropped for its age. */
const retentionMs = 60 * 86_400_000
const headerBytes = 60
/** A call that was sent in good time has arrived by then. */
const onTheWayMs = 1000

/** One subscription of the emulator, in virtual time: its backlog and its dispatcher, reached by a simulated wire. */
export class SimulatedBroker {
  readonly wire: Wire
  readonly story: Story
  readonly faults: RandomDeliveryFaults
  readonly subscribers = new Set<Connected>()
  /** Of responses on streams. */
  responsesLost = 0
  readonly accepted: string[] = []
  readonly acked = new Set<string>()
  deliveries = 0
  /** Unary calls and streams fail. */
  #away = false
  readonly #options: BrokerOptions
  readonly #backlog: Backlog
  readonly #dispatcher: Dispatcher
  /** Of every ack id that was handed out. */
  readonly #handedOut = new Map<string, { readonly messageId: string; readonly atMs: number }>()
  /** By message id. */
  readonly #attributes = new Map<string, Readonly<Record<string, string>>>()
  /** The ack ids of messages that have not been returned. */
  readonly #leasedAs = new Map<string, string>()
  /** Until now not every call has come through. */
  #lastFaultMs = 0

  constructor(options: BrokerOptions) {
    this.#options = options
    this.wire = options.wire
    this.story = options.story
    this.faults = new RandomDeliveryFaults(options.random)
    this.#backlog = new Backlog({
      clock: options.clock,
      number: 1,
      faults: this.faults,
      history: false,
      rules: {
        ordered: false,
        retainAcked: options.retainAcked,
        retentionMs,
        backoffMs: () => 0,
        // Asked whenever a lease has ended otherwise than by an ack.
        deadLetter: ({ id }) => {
          this.#leaseEnded(id)
          return false
        },
      },
      onAvailable: () => this.#dispatcher.wake(),
    })
    this.#dispatcher = new Dispatcher(this.#backlog)
  }

  get away(): boolean {
    return this.#away
  }

  /** Returns the message's id. */
  publish(text: string, attributes: Readonly<Record<string, string>> = {}): string {
    const id = String(this.accepted.length + 1)
    this.accepted.push(id)
    const encoded = Buffer.from(text)
    const publishMs = this.#options.clock.unixMs()
    this.#backlog.add({ id, publishMs, orderingKey: '', encoded, size: encoded.length + headerBytes })
    this.#attributes.set(id, attributes)
    this.story.count('published')
    return id
  }

  get unacked(): string[] {
    return this.accepted.filter((id) => !this.acked.has(id))
  }

  /** A call did not come through as it should, or leases were touched by other hands. */
  noteFault(): void {
    this.#lastFaultMs = this.#options.clock.now()
  }

  /** Everything is redelivered, also what was acked. */
  seekToStart(): void {
    this.noteFault()
    this.acked.clear()
    this.#backlog.seek(0)
  }

  /** Delivers again what is being worked on. */
  repeat(): void {
    this.#backlog.repeat(() => true)
  }

  /** Ends all leases before their time. */
  expireAll(): void {
    this.noteFault()
    this.#backlog.expire(() => true)
  }

  leave(): void {
    this.#away = true
    for (const subscriber of this.subscribers) subscriber.cut()
  }

  comeBack(): void {
    this.noteFault()
    this.#away = false
  }

  join(consumer: Consumer): void {
    this.#dispatcher.add(consumer)
  }

  part(consumer: Consumer): void {
    this.#dispatcher.remove(consumer)
  }

  wake(): void {
    this.#dispatcher.wake()
  }

  /** A delivery as it stands in a response. */
  received({ message, ackId, attempt }: Delivery) {
    const atMs = this.#options.clock.now()
    const entry = this.#backlog.find(ackId)
    // What comes twice has the lease of the first.
    if (entry && entry.oldestAckId === entry.newestAckId) this.#leasedAs.set(message.id, ackId)
    this.#handedOut.set(ackId, { messageId: message.id, atMs })
    this.deliveries += 1
    if (attempt > 1) this.story.count('redelivered')
    const seconds = Math.floor(message.publishMs / 1000)
    return {
      ackId,
      deliveryAttempt: attempt,
      message: {
        messageId: message.id,
        data: message.encoded,
        attributes: { ...this.#attributes.get(message.id) },
        publishTime: { seconds, nanos: Math.round((message.publishMs - seconds * 1000) * 1e6) },
      },
    }
  }

  acknowledge(from: string, ackIds: readonly string[]): void {
    this.story.tell('broker', () => `ack by ${from}: ${ackIds.map((id) => this.#nameOf(id)).join(', ')}`)
    for (const ackId of ackIds) {
      const given = this.#handedOut.get(ackId)
      if (given) {
        this.#options.beforeAck({ ...given, deliveredAtMs: given.atMs, ackId, from })
      }
      const entry = this.#backlog.find(ackId)
      if (!entry) this.story.count('broker: ack came too late')
      else {
        this.#backlog.acknowledge(entry)
        this.acked.add(entry.message.id)
      }
    }
  }

  modify(ackIds: readonly string[], seconds: number): void {
    for (const ackId of ackIds) {
      const entry = this.#backlog.find(ackId)
      if (!entry) continue
      if (seconds === 0) {
        this.#leasedAs.delete(entry.message.id)
        this.#backlog.nack(entry)
      } else this.#backlog.extend(entry, seconds * 1000)
    }
  }

  /** By its deadline, unless it was nacked or ended by a fault: the subscriber has not kept its lease. */
  #leaseEnded(messageId: string): void {
    const calmMs = this.#options.clock.now() - this.#lastFaultMs
    const ackId = this.#leasedAs.get(messageId)
    const isCalm = !this.#away && calmMs > this.#options.leaseMs + onTheWayMs
    if (ackId === undefined || !isCalm) return
    const holder = this.#options.holderOf(ackId)
    if (holder)
      this.story.breach('leases', `${holder} lost the lease of message ${messageId}, which it holds`)
  }

  #nameOf(ackId: string): string {
    return this.#handedOut.get(ackId)?.messageId ?? ackId
  }
}
