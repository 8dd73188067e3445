import type { DeadLetter, DeadLetterStore } from '#core/dead-letter.ts'
import { WriteFailure, messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Hold } from './hold.ts'
import type { Ledger } from './ledger.ts'

const maxBatchLetters = 500
const maxBatchBytes = 8 * 2 ** 20
/** A flood of poison is told once in so long, not with a line for each batch. */
const reportIntervalMs = 10_000

export interface BurialPorts {
  readonly store: DeadLetterStore
  readonly hold: Hold
  readonly ledger: Ledger
  readonly observer: Observer
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Stores dead letters a batch at a time, and only then acks their messages. A store that fails, for whatever
 * reason, is held against and tried again: a dead letter that is lost is a lost message.
 */
export class Burial {
  readonly #ports: BurialPorts
  #queue: DeadLetter[] = []
  #storing = false
  #unreported = new Map<string, number>()
  #reportedAtMs = -Infinity

  constructor(ports: BurialPorts) {
    this.#ports = ports
  }

  add(letter: DeadLetter): void {
    this.#queue.push(letter)
    if (!this.#storing) void this.#storeAll()
  }

  async #storeAll(): Promise<void> {
    this.#storing = true
    // Whatever else is being decoded in this turn of the event loop joins the batch.
    await Promise.resolve()
    while (this.#queue.length > 0 && (await this.#ports.hold.admission())) {
      const letters = this.#queue.slice(0, this.#batchLength())
      if (await this.#stored(letters)) {
        this.#queue = this.#queue.slice(letters.length)
        this.#settle(letters)
      }
    }
    this.#storing = false
  }

  async #stored(letters: readonly DeadLetter[]): Promise<boolean> {
    const { store, hold, observer } = this.#ports
    try {
      await store.store(letters)
      hold.succeeded()
      return true
    } catch (error) {
      const failure =
        error instanceof WriteFailure
          ? error
          : new WriteFailure('unknown', messageOf(error), undefined, { cause: error })
      observer.writeFailed?.(failure.class)
      hold.failed(failure)
      return false
    }
  }

  #settle(letters: readonly DeadLetter[]): void {
    const { ledger, observer } = this.#ports
    ledger.settle(
      letters.map((letter) => letter.delivery),
      'dead-lettered',
    )
    for (const [reason, group] of Map.groupBy(letters, (letter) => letter.reason)) {
      observer.deadLettered?.(reason, group.length)
      this.#unreported.set(reason, (this.#unreported.get(reason) ?? 0) + group.length)
    }
    this.#report(letters.at(-1))
  }

  /** The last one stands for all: its detail may quote a field, so it stays in the table. */
  #report(last: DeadLetter | undefined): void {
    const { logger, clock } = this.#ports
    if (clock.now() - this.#reportedAtMs < reportIntervalMs) return
    this.#reportedAtMs = clock.now()
    const reasons = Object.fromEntries(this.#unreported)
    this.#unreported = new Map()
    logger.warn({ reasons, messageId: last?.delivery.messageId }, 'messages were dead-lettered')
  }

  /** As many from the front as a batch holds, at least one. */
  #batchLength(): number {
    let bytes = 0
    let length = 0
    for (const { delivery } of this.#queue) {
      bytes += delivery.bytes
      if (length > 0 && (length >= maxBatchLetters || bytes > maxBatchBytes)) break
      length += 1
    }
    return length
  }
}
