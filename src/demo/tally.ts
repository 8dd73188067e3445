import type { Verdict } from '#core/cache.ts'
import type { Delivery, Settlement } from '#core/delivery.ts'
import { noneSettled } from '#core/delivery.ts'
import type { Observer } from '#core/observer.ts'

/** Counts what one or more ingesters do, and knows when they are done. */
export class Tally {
  readonly settled: Record<Settlement, number> = noneSettled()
  received = 0
  /** Records sent to the database, as often as they were. */
  offered = 0
  /** Deliveries of messages that had been delivered before. */
  redelivered = 0
  /** Records by what the cache said of them. */
  readonly cacheVerdicts: Record<Verdict, number> = { fresh: 0, stale: 0, busy: 0 }
  #slowestCommitSeconds: number | undefined
  readonly #messageIds = new Set<string>()
  readonly #outstanding: () => number
  #waiting: { messages: number; resolve: () => void } | undefined

  /** @param outstanding deliveries that the ingesters hold now */
  constructor(outstanding: () => number) {
    this.#outstanding = outstanding
  }

  readonly observer: Observer = {
    received: (deliveries) => this.#receive(deliveries),
    batchSealed: (records) => void (this.offered += records),
    cacheVerdicts: (verdict, count) => void (this.cacheVerdicts[verdict] += count),
    committed: (seconds) =>
      void (this.#slowestCommitSeconds = Math.max(seconds, this.#slowestCommitSeconds ?? 0)),
    settled: (settlement, count) => {
      this.settled[settlement] += count
      this.#look()
    },
  }

  /** The longest time from publishing to commit since this was last asked; undefined where nothing was committed. */
  takeSlowestCommit(): number | undefined {
    const slowest = this.#slowestCommitSeconds
    this.#slowestCommitSeconds = undefined
    return slowest
  }

  /** Different messages received so far. */
  get messages(): number {
    return this.#messageIds.size
  }

  /** Resolves when this many different messages have been received and nothing is outstanding. */
  drained(messages: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting = { messages, resolve }
    this.#look()
    return promise
  }

  #receive(deliveries: readonly Delivery[]): void {
    this.received += deliveries.length
    for (const { messageId } of deliveries) {
      if (this.#messageIds.has(messageId)) this.redelivered += 1
      else this.#messageIds.add(messageId)
    }
  }

  #look(): void {
    const waiting = this.#waiting
    if (waiting && this.#messageIds.size >= waiting.messages && this.#outstanding() === 0) waiting.resolve()
  }
}
