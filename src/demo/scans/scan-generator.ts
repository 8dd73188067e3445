import { poisons } from './poison.ts'
import { Random } from '../random.ts'
import type { Scan } from './scan.ts'
import { encodeScan } from './scan.ts'

/** Shares of the messages, in percent; the rest are fresh scans. */
export interface Mixture {
  /** An exact copy of an earlier message. */
  readonly duplicates: number
  /** A known key out of order: an older scan, another one of the same second, or a newer one. */
  readonly late: number
  /** A message that cannot be stored. */
  readonly poison: number
}

export interface GeneratedMessage {
  readonly data: Buffer
  readonly attributes?: Readonly<Record<string, string>>
  /** Its record; absent for poison. */
  readonly scan?: Scan
}

const services = ['HTTP', 'SSH', 'DNS'] as const
/** How many of the latest scans can be repeated or contradicted. */
const memory = 10_000
const maxLatenessSeconds = 3600

/**
 * What the scanner of the exercise publishes: addresses 1.1.1.0–254, ports 0–65534, three services, a hundred
 * responses, both versions in equal parts, the present as time. And, as configured, the effects of a real network.
 */
export class ScanGenerator {
  readonly #random: Random
  readonly #mixture: Mixture
  readonly #nowSeconds: () => number
  readonly #recent: GeneratedMessage[] = []
  #latestSeconds = 0
  #generated = 0
  #poisoned = 0

  constructor(seed: number, mixture: Mixture, nowSeconds: () => number) {
    this.#random = new Random(seed)
    this.#mixture = mixture
    this.#nowSeconds = nowSeconds
  }

  next(): GeneratedMessage {
    const { duplicates, late, poison } = this.#mixture
    const draw = this.#random.next() * 100
    if (draw < poison) return this.#poison()
    const known = this.#recent.length > 0 ? this.#random.pick(this.#recent) : undefined
    if (known && draw < poison + duplicates) return known
    if (known?.scan && draw < poison + duplicates + late) return this.#remember(this.#outOfOrder(known.scan))
    return this.#remember(this.#fresh())
  }

  #fresh(): Scan {
    const random = this.#random
    this.#latestSeconds = this.#nowSeconds()
    return {
      ip: `1.1.1.${random.below(255)}`,
      port: random.below(65_535),
      service: random.pick(services),
      timestamp: this.#latestSeconds,
      response: this.#response(),
    }
  }

  #outOfOrder(known: Scan): Scan {
    const shift = this.#random.pick([
      -1 - this.#random.below(maxLatenessSeconds),
      0,
      1 + this.#random.below(60),
    ])
    // Never later than the last scan: a time in the future would be another kind of message.
    const timestamp = Math.min(known.timestamp + shift, this.#latestSeconds)
    return { ...known, timestamp, response: this.#response() }
  }

  #response(): string {
    return `service response: ${this.#random.below(100)}`
  }

  #remember(scan: Scan): GeneratedMessage {
    const message = { data: encodeScan(scan, this.#random.next() < 0.5 ? 1 : 2), scan }
    this.#recent[this.#generated % memory] = message
    this.#generated += 1
    return message
  }

  /** Each kind in turn. */
  #poison(): GeneratedMessage {
    const { data, attributes } = poisons[this.#poisoned % poisons.length] as (typeof poisons)[number]
    this.#poisoned += 1
    return attributes ? { data, attributes } : { data }
  }
}
