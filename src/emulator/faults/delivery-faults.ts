import type { DeliveryFaults } from '../broker/backlog.ts'

/** Delivery faults that are drawn at random; none, unless a test asks for them. */
export class RandomDeliveryFaults implements DeliveryFaults {
  readonly #random: () => number
  /** Of deliveries, how many are made twice: 0 to 1. */
  duplicateShare = 0
  /** Messages that wait for delivery overtake up to this many others. */
  shuffleWindow = 0
  /** Each message, each time, becomes available only after a random part of this time. */
  maxDelayMs = 0
  /** Streams get everything, whatever they asked for. */
  ignoreFlowControl = false

  constructor(random: () => number) {
    this.#random = random
  }

  duplicates(): boolean {
    return this.duplicateShare > 0 && this.#random() < this.duplicateShare
  }

  shufflePlaces(): number {
    return this.shuffleWindow === 0 ? 0 : Math.floor(this.#random() * (this.shuffleWindow + 1))
  }

  delayMs(): number {
    return this.maxDelayMs === 0 ? 0 : this.#random() * this.maxDelayMs
  }
}
