import { randomUUID } from 'node:crypto'
import type { Delivery } from '#core/delivery.ts'
import type { Source } from '#core/source.ts'
import { systemClock } from '#runtime/clock.ts'

interface Message {
  readonly id: string
  readonly text: string
  readonly publishTimeMs: number
  attempts: number
  acked: boolean
}

/** A replica's end of the subscription. */
export class Inbox implements Source {
  readonly queue: Message[] = []
  readonly owned = new Map<Delivery, Message>()
  held = false
  stopped = false
  /** Everything it sends from now on is ignored. */
  gone = false
  #receive: ((deliveries: readonly Delivery[]) => void) | undefined
  readonly #broker: Broker

  constructor(broker: Broker) {
    this.#broker = broker
  }

  start(receive: (deliveries: readonly Delivery[]) => void): void {
    this.#receive = receive
    this.deliver()
  }

  ack(deliveries: readonly Delivery[]): void {
    if (this.gone) return
    this.#broker.take(deliveries.map((delivery) => [delivery, this.#end(delivery)]))
  }

  nack(deliveries: readonly Delivery[]): void {
    if (this.gone) return
    this.#broker.requeue(deliveries.map((delivery) => this.#end(delivery)))
  }

  hold(): void {
    this.held = true
  }

  resume(): void {
    this.held = false
    queueMicrotask(() => this.deliver())
  }

  async stop(): Promise<void> {
    this.stopped = true
  }

  async close(): Promise<void> {}

  deliver(): void {
    if (!this.#receive || this.held || this.stopped || this.gone || this.queue.length === 0) return
    const deliveries = this.queue.splice(0).map((message) => this.#deliveryOf(message))
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
      bytes: data.length,
      receivedAtMs: systemClock.now(),
    }
    this.owned.set(delivery, message)
    return delivery
  }

  #end(delivery: Delivery): Message {
    const message = this.owned.get(delivery)
    if (!message) throw new Error(`${delivery.messageId} was settled twice`)
    this.owned.delete(delivery)
    return message
  }
}

/** A subscription that several replicas share. An ack counts after PostgreSQL has shown the fact behind it. */
export class Broker {
  readonly messages: Message[] = []
  /** Acks without a fact. Every test ends with none. */
  readonly breaches: string[] = []
  nacked = 0
  /** Acks that PostgreSQL is being asked about. */
  judging = 0
  readonly #inboxes: Inbox[] = []
  readonly #unproven: (deliveries: readonly Delivery[]) => Promise<readonly Delivery[]>
  #turn = 0

  constructor(unproven: (deliveries: readonly Delivery[]) => Promise<readonly Delivery[]>) {
    this.#unproven = unproven
  }

  join(inbox: Inbox): void {
    this.#inboxes.push(inbox)
  }

  /** Each text is a message; it is delivered to each of these at the same time, or else to the next consumer in turn. */
  publish(texts: readonly string[], to: readonly Inbox[]): void {
    const messages = texts.map((text) => {
      const id = `${this.messages.length}-${randomUUID()}`
      const message = { id, text, publishTimeMs: Date.now(), attempts: 0, acked: false }
      this.messages.push(message)
      return message
    })
    if (to.length === 0) this.#deal(messages)
    for (const inbox of to) inbox.queue.push(...messages)
    for (const inbox of this.#inboxes) inbox.deliver()
  }

  take(acks: readonly (readonly [Delivery, Message])[]): void {
    this.judging += 1
    void this.#judge(acks).finally(() => (this.judging -= 1))
  }

  requeue(messages: readonly Message[]): void {
    this.nacked += messages.length
    this.#deal(messages.filter(({ acked }) => !acked))
  }

  /** Its unacked messages go to the others. */
  leave(inbox: Inbox): void {
    inbox.gone = true
    this.#inboxes.splice(this.#inboxes.indexOf(inbox), 1)
    const left = [...inbox.owned.values(), ...inbox.queue.splice(0)]
    this.#deal(left.filter(({ acked }) => !acked))
    for (const other of this.#inboxes) other.deliver()
  }

  get unacked(): string[] {
    return this.messages.filter(({ acked }) => !acked).map(({ text }) => text)
  }

  #deal(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#turn += 1
      this.#inboxes[this.#turn % this.#inboxes.length]?.queue.push(message)
    }
  }

  async #judge(acks: readonly (readonly [Delivery, Message])[]): Promise<void> {
    try {
      const unproven = await this.#unproven(acks.map(([delivery]) => delivery))
      for (const { data } of unproven) this.breaches.push(`${data.toString()} was acked without a fact`)
      for (const [, message] of acks) message.acked = true
    } catch (error) {
      this.breaches.push(String(error))
    }
  }
}
