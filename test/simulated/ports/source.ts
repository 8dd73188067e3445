import type { Delivery } from '#core/delivery.ts'
import type { Source } from '#core/source.ts'
import type { Journal } from '../../support/journal.ts'
import type { VirtualClock } from '../../support/virtual-clock.ts'

interface Message {
  readonly id: string
  readonly text: string
  readonly publishTimeMs: number
  attempts: number
  acked: boolean
}

/** What a delivery counts beyond its data. */
const overheadBytes = 100

/**
 * A subscription in memory: hands out what was published unless it is held or stopped, hands out again what was
 * nacked or what a test says came twice, and knows which messages were never acked.
 */
export class SimulatedSource implements Source {
  readonly acked: Delivery[] = []
  readonly nacked: Delivery[] = []
  /** Every delivery that was handed out. */
  readonly delivered: Delivery[] = []
  held = false
  /** Times that it was told to hold when it did not. */
  holds = 0
  stopped = false
  closed = false
  /** Whether a delivery may be acked now; asked before each ack. */
  justify: (delivery: Delivery) => boolean = () => true

  readonly #clock: VirtualClock
  readonly #journal: Journal
  readonly #messages = new Map<string, Message>()
  readonly #owned = new Map<Delivery, Message>()
  #backlog: Message[] = []
  #receive: ((deliveries: readonly Delivery[]) => void) | undefined

  constructor(clock: VirtualClock, journal: Journal) {
    this.#clock = clock
    this.#journal = journal
  }

  /** Publishes messages; they arrive together, at once where it takes any. */
  publish(...texts: readonly string[]): void {
    for (const text of texts) {
      const id = String(this.#messages.size + 1)
      const message = { id, text, publishTimeMs: this.#clock.unixMs(), attempts: 0, acked: false }
      this.#messages.set(id, message)
      this.#backlog.push(message)
    }
    this.#deliver()
  }

  /** Delivers once more a message that has not been acked, though its first delivery is still in flight. */
  redeliver(id: string): void {
    const message = this.#messages.get(id)
    if (!message || message.acked) return
    this.#backlog.push(message)
    this.#deliver()
  }

  /** All acks so far are lost: what was acked is delivered once more. */
  loseAcks(): void {
    for (const message of this.#messages.values()) {
      if (!message.acked) continue
      message.acked = false
      this.#backlog.push(message)
    }
    this.#deliver()
  }

  /** Texts of the unacked messages. */
  get unacked(): string[] {
    return [...this.#messages.values()].filter(({ acked }) => !acked).map(({ text }) => text)
  }

  get backlog(): number {
    return this.#backlog.length
  }

  get published(): number {
    return this.#messages.size
  }

  start(receive: (deliveries: readonly Delivery[]) => void): void {
    if (this.#receive) this.#journal.breach('source started twice')
    this.#receive = receive
    this.#deliver()
  }

  ack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      if (!this.justify(delivery)) this.#journal.breach(`${textOf(delivery)} acked without a fact`)
      const message = this.#end(delivery)
      if (message) message.acked = true
    }
    this.acked.push(...deliveries)
    this.#journal.add(`ack ${deliveries.map(textOf).join(', ')}`)
  }

  nack(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      const message = this.#end(delivery)
      if (message && !message.acked) this.#backlog.push(message)
    }
    this.nacked.push(...deliveries)
    this.#journal.add(`nack ${deliveries.map(textOf).join(', ')}`)
  }

  hold(): void {
    if (!this.held) this.holds += 1
    this.held = true
  }

  resume(): void {
    this.held = false
    queueMicrotask(() => this.#deliver())
  }

  async stop(): Promise<void> {
    this.stopped = true
  }

  async close(): Promise<void> {
    if (this.#owned.size > 0) this.#journal.breach(`source closed with ${this.#owned.size} deliveries owned`)
    this.closed = true
    this.#journal.add('close')
  }

  #deliver(): void {
    if (!this.#receive || this.held || this.stopped || this.#backlog.length === 0) return
    const deliveries = this.#backlog.splice(0).map((message) => this.#deliveryOf(message))
    this.delivered.push(...deliveries)
    this.#receive(deliveries)
  }

  #deliveryOf(message: Message): Delivery {
    message.attempts += 1
    const data = Buffer.from(message.text)
    const delivery = {
      messageId: message.id,
      publishTimeMs: message.publishTimeMs,
      orderingKey: '',
      attributes: {},
      data,
      deliveryAttempt: message.attempts,
      bytes: data.length + overheadBytes,
      receivedAtMs: this.#clock.now(),
    }
    this.#owned.set(delivery, message)
    return delivery
  }

  #end(delivery: Delivery): Message | undefined {
    const message = this.#owned.get(delivery)
    if (!message) this.#journal.breach(`${nameOf(delivery)} settled twice`)
    if (this.closed) this.#journal.breach(`${nameOf(delivery)} settled after close`)
    this.#owned.delete(delivery)
    return message
  }
}

export function textOf(delivery: Delivery): string {
  return delivery.data.toString()
}

/** Tells the deliveries of a message apart: its id, and which one it is. */
export function nameOf({ messageId, deliveryAttempt }: Delivery): string {
  return `${messageId}/${deliveryAttempt}`
}
