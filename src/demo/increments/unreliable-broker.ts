import { sleep, systemClock } from '#runtime/clock.ts'
import type { PubsubServer } from '#stack/pubsub.ts'

/** Shares of all, 0 to 1. */
export interface Misbehaviour {
  /** Deliveries that are made twice. */
  readonly duplicates: number
  /** Answers to gateways that are lost: what was published is then unknown to them. */
  readonly lostReplies: number
}

/** What the stack's emulator does wrong on purpose. One that is given, and may be used by others, does nothing wrong. */
export class UnreliableBroker {
  readonly #faults: NonNullable<PubsubServer['emulator']>['faults'] | undefined
  readonly #always: Misbehaviour

  constructor(pubsub: PubsubServer | undefined, always: Misbehaviour) {
    this.#faults = pubsub?.emulator?.faults
    this.#always = always
    this.#misbehave()
  }

  /** False for one that is given. */
  get canMisbehave(): boolean {
    return this.#faults !== undefined
  }

  /** Takes no message and delivers none, for this time or until the signal. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    this.#faults?.refuse('Publish', 'UNAVAILABLE', { share: 1 })
    this.#faults?.pause()
    await sleep(systemClock, ms, signal)
    this.#misbehave()
  }

  /** From now on nothing is delivered. */
  stopDelivering(): void {
    this.#faults?.pause()
  }

  #misbehave(): void {
    const { duplicates, lostReplies } = this.#always
    this.#faults?.clear()
    this.#faults?.deliveries({ duplicateShare: duplicates })
    this.#faults?.dropReplies('Publish', { share: lostReplies })
  }
}
