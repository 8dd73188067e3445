import type { Backlog, Delivery } from './backlog.ts'
import type { Holder } from './entry.ts'
import type { StatusError } from './status.ts'

/** Who takes messages: a stream, or a pull that waits. */
export interface Consumer extends Holder {
  /** What may be delivered to it now. */
  readonly room: { readonly messages: number; readonly bytes: number }
  /** Whether it holds nothing, so that a message larger than its room may come all the same. */
  readonly isEmpty: boolean
  readonly leaseMs: number
  deliver(deliveries: readonly Delivery[]): void
  end(status: StatusError): void
}

const maxMessagesAtOnce = 1000

/** Gives what is available to the consumers in turn: each gets as much as the others, if it has room. */
export class Dispatcher {
  readonly #backlog: Backlog
  #consumers: Consumer[] = []
  #scheduled = false
  #paused = false

  constructor(backlog: Backlog) {
    this.#backlog = backlog
  }

  set paused(paused: boolean) {
    this.#paused = paused
    this.wake()
  }

  add(consumer: Consumer): void {
    this.#consumers.push(consumer)
    this.wake()
  }

  remove(consumer: Consumer): void {
    this.#consumers = this.#consumers.filter((other) => other !== consumer)
  }

  /** Something became available, or there is room again. What comes at once is delivered together. */
  wake(): void {
    if (this.#scheduled || this.#consumers.length === 0) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      while (!this.#paused && this.#round());
    })
  }

  end(status: StatusError): void {
    const consumers = this.#consumers
    this.#consumers = []
    for (const consumer of consumers) consumer.end(status)
  }

  /** One delivery to each that has room. False if nothing was delivered. */
  #round(): boolean {
    const ready = this.#consumers.filter(({ room }) => room.messages > 0)
    const share = Math.ceil(this.#backlog.available / ready.length)
    const served = new Set<Consumer>()
    for (const consumer of ready) {
      const { room, isEmpty, leaseMs } = consumer
      const messages = Math.min(maxMessagesAtOnce, room.messages)
      const limits = { share, messages, bytes: room.bytes, orOne: isEmpty }
      const deliveries = this.#backlog.take(limits, leaseMs, consumer)
      if (deliveries.length === 0) continue
      served.add(consumer)
      consumer.deliver(deliveries)
    }
    // A subscriber that got something is behind those that did not, the next time.
    const waiting = this.#consumers.filter((consumer) => !served.has(consumer))
    this.#consumers = [...waiting, ...this.#consumers.filter((consumer) => served.has(consumer))]
    return served.size > 0
  }
}
