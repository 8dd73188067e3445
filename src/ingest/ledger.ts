import type { Delivery, Receipt, Settlement } from '#core/delivery.ts'
import { strongest } from '#core/delivery.ts'
import type { Observer } from '#core/observer.ts'
import type { Source } from '#core/source.ts'
import { sizedList } from '#runtime/sized-list.ts'
import { Growth } from './growth.ts'

/** What is settled by itself: all of a delivery, or one of the parts that its message was split into. */
export interface Part {
  readonly delivery: Delivery
}

/** A delivery whose message became several parts. */
interface Split {
  readonly open: Set<Part>
  /** The strongest settlement of a part so far. */
  settlement: Settlement | undefined
}

/**
 * Every delivery that was received and not yet settled. The only place that acks or nacks, so that each delivery
 * ends once: the first settlement wins, later ones are no-ops (a batch may commit after a forced shutdown nacked it).
 * A delivery of several parts ends with the last of them, as the strongest of their settlements.
 *
 * That a delivery is open is noted on itself, and what is kept here is one receipt for all that came together: a Set of
 * deliveries took 0.8 µs for each to come and go (sampled under load).
 */
export class Ledger {
  readonly #source: Source
  readonly #observer: Observer
  /** In the order in which they came. */
  readonly #receipts = new Set<Receipt>()
  #size = 0
  /** Of the open ones. Most messages are one record: they have no place here. */
  readonly #splits = new Map<Delivery, Split>()
  readonly #growth: Growth
  #idle: PromiseWithResolvers<void> | undefined
  /** Called after a settlement that made room in the growth. */
  onRoom: (() => void) | undefined
  #hasRoom = false

  constructor(source: Source, observer: Observer, growth = new Growth()) {
    this.#source = source
    this.#observer = observer
    this.#growth = growth
  }

  get size(): number {
    return this.#size
  }

  /** The delivery that has waited longest. */
  get oldest(): Delivery | undefined {
    return this.#opened().next().value
  }

  /** The one that has waited longest of all but these. */
  oldestBut(those: ReadonlySet<Delivery>): Delivery | undefined {
    return this.#opened().find((delivery) => !those.has(delivery))
  }

  isOpen(part: Part): boolean {
    const split = this.#splits.size > 0 ? this.#splits.get(part.delivery) : undefined
    return split ? split.open.has(part) : part.delivery.receipt?.keeper === this
  }

  receive(deliveries: readonly Delivery[]): void {
    const receipt: Receipt = { keeper: this, deliveries, open: 0 }
    for (const delivery of deliveries) {
      if (delivery.receipt?.keeper === this) continue
      delivery.receipt = receipt
      receipt.open += 1
    }
    this.#size += receipt.open
    if (receipt.open > 0) this.#receipts.add(receipt)
    this.#observer.received?.(deliveries)
  }

  /** To be called before any part is settled. From now on the delivery ends when all of them have. */
  split(delivery: Delivery, parts: readonly Part[]): void {
    this.#splits.set(delivery, { open: new Set(parts), settlement: undefined })
  }

  /** From now on `part` stands for what `former` stood for. */
  replace(former: Part, part: Part): void {
    const split = this.#splits.get(former.delivery)
    if (split?.open.delete(former)) split.open.add(part)
  }

  settle(parts: readonly Part[], settlement: Settlement): void {
    if (this.#splits.size > 0) return this.#settleSplit(parts, settlement)
    // Mostly all are open.
    const settled = sizedList<Delivery>(parts.length)
    let count = 0
    for (const { delivery } of parts) if (this.#close(delivery)) settled[count++] = delivery
    settled.length = count
    this.#end(settled, settlement)
  }

  /** Nacks everything that is not settled; returns the number of deliveries. */
  nackAll(): number {
    const remaining = [...this.#opened()]
    this.#splits.clear()
    for (const delivery of remaining) this.#close(delivery)
    this.#end(remaining, 'nacked')
    return remaining.length
  }

  /** Resolves when nothing is outstanding. */
  async idle(): Promise<void> {
    while (this.#size > 0) {
      this.#idle ??= Promise.withResolvers()
      await this.#idle.promise
      this.#idle = undefined
    }
  }

  /** Among the parts, some are not all of their delivery. */
  #settleSplit(parts: readonly Part[], settlement: Settlement): void {
    const settled = parts.flatMap((part) => this.#settledWith(part, settlement) ?? [])
    for (const [name, group] of Map.groupBy(settled, (one) => one.settlement)) {
      this.#end(
        group.map(({ delivery }) => delivery),
        name,
      )
    }
  }

  /** The delivery that this part was the last open one of, and how it ends; undefined where there are others. */
  #settledWith(
    part: Part,
    settlement: Settlement,
  ): { delivery: Delivery; settlement: Settlement } | undefined {
    const { delivery } = part
    const split = this.#splits.get(delivery)
    if (!split) return this.#close(delivery) ? { delivery, settlement } : undefined
    if (!split.open.delete(part)) return undefined
    split.settlement = strongest(split.settlement, settlement)
    if (split.open.size > 0) return undefined
    this.#splits.delete(delivery)
    this.#close(delivery)
    return { delivery, settlement: split.settlement }
  }

  /** False where it was not open. */
  #close(delivery: Delivery): boolean {
    const { receipt } = delivery
    if (receipt?.keeper !== this) return false
    delivery.receipt = undefined
    if (this.#growth.end(delivery)) this.#hasRoom = true
    receipt.open -= 1
    this.#size -= 1
    if (receipt.open === 0) this.#receipts.delete(receipt)
    else if (receipt.open * 2 <= receipt.deliveries.length) thin(receipt)
    return true
  }

  /** The open ones, oldest first. */
  *#opened(): Generator<Delivery, undefined> {
    for (const receipt of this.#receipts) {
      for (const delivery of receipt.deliveries) if (delivery.receipt === receipt) yield delivery
    }
  }

  #end(deliveries: readonly Delivery[], settlement: Settlement): void {
    if (deliveries.length === 0) return
    if (settlement === 'nacked') this.#source.nack(deliveries)
    else this.#source.ack(deliveries)
    this.#observer.settled?.(settlement, deliveries.length)
    if (this.#size === 0) this.#idle?.resolve()
    if (!this.#hasRoom) return
    this.#hasRoom = false
    this.onRoom?.()
  }
}

/** Lets go of the settled ones, which a single one that waits would keep in memory. */
function thin(receipt: Receipt): void {
  const open = sizedList<Delivery>(receipt.open)
  let count = 0
  for (const delivery of receipt.deliveries) if (delivery.receipt === receipt) open[count++] = delivery
  receipt.deliveries = open
}
