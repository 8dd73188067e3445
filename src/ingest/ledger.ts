import type { Delivery, Settlement } from '#core/delivery.ts'
import type { Observer } from '#core/observer.ts'
import type { Source } from '#core/source.ts'

/**
 * Every delivery that was received and not yet settled. The only place that acks or nacks, so that each delivery
 * ends once: the first settlement wins, later ones are no-ops (a batch may commit after a forced shutdown nacked it).
 */
export class Ledger {
  readonly #source: Source
  readonly #observer: Observer
  readonly #open = new Set<Delivery>()
  #idle: PromiseWithResolvers<void> | undefined

  constructor(source: Source, observer: Observer) {
    this.#source = source
    this.#observer = observer
  }

  get size(): number {
    return this.#open.size
  }

  /** The delivery that has waited longest: a Set keeps the order of insertion. */
  get oldest(): Delivery | undefined {
    return this.#open.values().next().value
  }

  /** The one that has waited longest of all but these. */
  oldestBut(those: ReadonlySet<Delivery>): Delivery | undefined {
    for (const delivery of this.#open) if (!those.has(delivery)) return delivery
    return undefined
  }

  isOpen(delivery: Delivery): boolean {
    return this.#open.has(delivery)
  }

  receive(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) this.#open.add(delivery)
    this.#observer.received?.(deliveries)
  }

  settle(deliveries: readonly Delivery[], settlement: Settlement): void {
    const settled = deliveries.filter((delivery) => this.#open.delete(delivery))
    if (settled.length === 0) return
    if (settlement === 'nacked') this.#source.nack(settled)
    else this.#source.ack(settled)
    this.#observer.settled?.(settlement, settled.length)
    if (this.#open.size === 0) this.#idle?.resolve()
  }

  /** Nacks everything that is not settled; returns the number of deliveries. */
  nackAll(): number {
    const remaining = [...this.#open]
    this.settle(remaining, 'nacked')
    return remaining.length
  }

  /** Resolves when nothing is outstanding. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) {
      this.#idle ??= Promise.withResolvers()
      await this.#idle.promise
      this.#idle = undefined
    }
  }
}
