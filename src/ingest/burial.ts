import type { DeadLetter, DeadLetterStore } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import { WriteFailure, messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { LockWait } from '#core/writer.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Hold } from './hold.ts'
import type { Ledger } from './ledger.ts'
import { lockedCount, lockedReason } from './lock-log.ts'

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
 * reason, is held against and tried again: a dead letter that is lost is a lost message. One whose row is locked, by
 * somebody who redrives it for instance, waits aside while the others are stored.
 */
export class Burial {
  readonly #ports: BurialPorts
  readonly #queue: DeadLetter[] = []
  #storing = false
  #unreported = new Map<string, number>()
  #reportedAtMs = -Infinity
  readonly #locked: DeadLetter[] = []
  readonly #lockedSinceMs = new Map<Delivery, number>()
  readonly #retryDelay = exponentialBackoff({ initialMs: 100, maxMs: 5000 })
  #isRetryDue = false

  constructor(ports: BurialPorts) {
    this.#ports = ports
  }

  add(letter: DeadLetter): void {
    this.#queue.push(letter)
    if (!this.#storing) void this.#storeAll()
  }

  /** Deliveries whose dead letters' rows other transactions hold. */
  get locked(): readonly Delivery[] {
    return this.#locked.map(({ delivery }) => delivery)
  }

  /** Why some wait while others are stored, for people. */
  get waitingBecause(): readonly string[] {
    const { clock } = this.#ports
    const locked = lockedCount([...this.#lockedSinceMs.values()], clock.now())
    return locked ? [lockedReason('dead_letters', locked, clock.now())] : []
  }

  async #storeAll(): Promise<void> {
    this.#storing = true
    // Whatever else is being decoded in this turn of the event loop joins the batch.
    await Promise.resolve()
    while (this.#queue.length > 0 && (await this.#ports.hold.admission())) {
      const letters = this.#queue.splice(0, this.#batchLength())
      const failed = await this.#store(letters, 'usual')
      this.#queue.unshift(...failed)
    }
    this.#storing = false
  }

  /** Stores and settles them; returns those that are to be tried again. What is locked is set aside. */
  async #store(letters: readonly DeadLetter[], wait: LockWait): Promise<readonly DeadLetter[]> {
    const { store, hold, observer } = this.#ports
    try {
      await store.store(letters, wait)
      hold.succeeded()
      this.#settle(letters)
      return []
    } catch (error) {
      const failure =
        error instanceof WriteFailure
          ? error
          : new WriteFailure('unknown', messageOf(error), undefined, { cause: error })
      observer.writeFailed?.(failure.class)
      if (failure.class === 'locked') return this.#storeUnlocked(letters)
      hold.failed(failure)
      return letters
    }
  }

  /** By halves, without waiting for a lock. */
  async #storeUnlocked(letters: readonly DeadLetter[]): Promise<readonly DeadLetter[]> {
    this.#ports.hold.inconclusive()
    const [letter] = letters
    if (letter && letters.length === 1) {
      this.#setAside(letter)
      return []
    }
    const half = Math.ceil(letters.length / 2)
    const failed = await this.#store(letters.slice(0, half), 'brief')
    // What fails now fails for all.
    if (failed.length > 0) return [...failed, ...letters.slice(half)]
    return this.#store(letters.slice(half), 'brief')
  }

  #setAside(letter: DeadLetter): void {
    const { clock } = this.#ports
    this.#locked.push(letter)
    this.#lockedSinceMs.set(letter.delivery, this.#lockedSinceMs.get(letter.delivery) ?? clock.now())
    if (this.#isRetryDue) return
    this.#isRetryDue = true
    clock.after(this.#retryDelay.next(), () => {
      this.#isRetryDue = false
      for (const one of this.#locked.splice(0)) this.add(one)
    })
  }

  #settle(letters: readonly DeadLetter[]): void {
    const { ledger, observer } = this.#ports
    for (const { delivery } of letters) this.#lockedSinceMs.delete(delivery)
    if (this.#lockedSinceMs.size === 0) this.#retryDelay.reset()
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
