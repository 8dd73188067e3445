import type { EncodedRun } from './received-messages.ts'
import { encodeRun, responseOf } from './received-messages.ts'

export interface BacklogOptions {
  readonly messages: number
  readonly dataOf: (i: number) => Buffer
  /** Encode all messages in advance, rather than each thousand when its turn comes. */
  readonly preEncode: boolean
  /** Messages after this many are sent when all of these are acked; 0: nothing waits. */
  readonly barrier: number
}

/** Messages to be sent together. */
export interface Parcel {
  readonly bytes: Buffer
  readonly ids: readonly number[]
}

const runLength = 1000
const openMs = Number.MAX_SAFE_INTEGER

/**
 * The messages of the stub broker, in order, and the state of each: flat arrays by number, nothing else per message.
 * One that is nacked, or whose lease expires, is redelivered before new ones are sent.
 */
export class StubBacklog {
  readonly #options: BacklogOptions
  readonly #publishSeconds = Math.floor(Date.now() / 1000)
  readonly #runs: EncodedRun[] = []
  #current: EncodedRun | undefined
  #next = 0
  #settledBelow = 0
  /** To be redelivered: once where it is nacked twice, and not at all where it is acked after all. */
  readonly #nacked = new Set<number>()
  readonly #isAcked: Uint8Array
  readonly #leaseEndMs: Float64Array
  acked = 0

  constructor(options: BacklogOptions) {
    this.#options = options
    this.#isAcked = new Uint8Array(options.messages)
    this.#leaseEndMs = new Float64Array(options.messages).fill(openMs)
  }

  /** Of a message on the wire: of the first thousand, since they are much alike. */
  get meanBytes(): number {
    const { bytes, offsets } = this.#runAt(0)
    return bytes.length / (offsets.length - 1)
  }

  /** Encodes in advance, where that is asked for; yields to other work in between. */
  async prepare(): Promise<void> {
    if (!this.#options.preEncode) return
    for (let from = 0; from < this.#options.messages; from += runLength) {
      this.#runs.push(this.#encode(from, Math.min(this.#options.messages, from + runLength)))
      if (from % 50_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The next messages, at most `most`, leased until `leaseEndMs`; undefined where there is none. */
  take(most: number, leaseEndMs: number): Parcel | undefined {
    for (const id of this.#nacked) {
      this.#nacked.delete(id)
      return this.#parcel(this.#encode(id, id + 1), id, id + 1, leaseEndMs)
    }
    const { messages, barrier } = this.#options
    if (this.#next === messages || (this.#next === barrier && this.acked < barrier)) return undefined
    const run = this.#runAt(this.#next)
    const stop = this.#next < barrier ? barrier : messages
    const to = Math.min(this.#next + most, run.from + run.offsets.length - 1, stop)
    const parcel = this.#parcel(run, this.#next, to, leaseEndMs)
    this.#next = to
    return parcel
  }

  /** Whether it was still open. */
  ack(id: number): boolean {
    if (this.#isAcked[id] !== 0) return false
    this.#isAcked[id] = 1
    this.acked += 1
    this.#nacked.delete(id)
    return true
  }

  extend(id: number, leaseEndMs: number): void {
    if (this.#isAcked[id] === 0) this.#leaseEndMs[id] = leaseEndMs
  }

  /** It will be redelivered, unless it is acked. */
  nack(id: number): void {
    if (this.#isAcked[id] !== 0) return
    this.#leaseEndMs[id] = openMs
    this.#nacked.add(id)
  }

  /** Nacks those whose leases have expired; returns them. */
  expire(nowMs: number): number[] {
    const expired: number[] = []
    while (this.#settledBelow < this.#next && this.#isAcked[this.#settledBelow] === 1) this.#settledBelow += 1
    for (let id = this.#settledBelow; id < this.#next; id += 1) {
      if (this.#isAcked[id] === 0 && (this.#leaseEndMs[id] as number) <= nowMs) expired.push(id)
    }
    for (const id of expired) this.nack(id)
    return expired
  }

  #runAt(i: number): EncodedRun {
    const ready = this.#runs[Math.floor(i / runLength)]
    if (ready) return ready
    if (this.#current && i < this.#current.from + this.#current.offsets.length - 1) return this.#current
    this.#current = this.#encode(i, Math.min(this.#options.messages, i + runLength))
    return this.#current
  }

  #encode(from: number, to: number): EncodedRun {
    return encodeRun(from, to, this.#options.dataOf, this.#publishSeconds)
  }

  #parcel(run: EncodedRun, from: number, to: number, leaseEndMs: number): Parcel {
    this.#leaseEndMs.fill(leaseEndMs, from, to)
    return { bytes: responseOf(run, from, to), ids: Array.from({ length: to - from }, (_, n) => from + n) }
  }
}
