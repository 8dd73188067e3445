import type { DeadLetter, DeadLetterStore } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import { writeFailureOf } from '#core/write-failure.ts'
import type { LockWait } from '#core/sink.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Ledger, Part } from './ledger.ts'
import { lockedCount, lockedReason } from './lock-log.ts'
import type { Evidence, StoreGate } from './store-gate.ts'
import { noEvidence, works } from './store-gate.ts'

const maxBatchDeadLetters = 500
const maxBatchBytes = 8 * 2 ** 20
/** A flood of poison is logged at most once per interval, not with a line for each batch. */
const reportIntervalMs = 10_000

export interface DeadLetterQueuePorts {
  readonly store: DeadLetterStore
  readonly gate: StoreGate
  readonly ledger: Ledger
  readonly observer: Observer
  readonly logger: Logger
  readonly clock: Clock
}

export interface DueDeadLetter extends DeadLetter {
  /** The part of the delivery that ends with it, if it is not the dead letter itself. */
  readonly settles?: Part
}

/** How an attempt to store dead letters ended. */
interface Stored {
  /** Those to try again. */
  readonly left: readonly DueDeadLetter[]
  readonly evidence: Evidence
}

/**
 * Stores dead letters a batch at a time, and only then acks their messages. A store that fails, for whatever
 * reason, closes its gate and is tried again: a dead letter that is lost is a lost message. One whose row is locked, for
 * instance by a redrive, waits aside while the others are stored.
 */
export class DeadLetterQueue {
  readonly #ports: DeadLetterQueuePorts
  readonly #queue: DueDeadLetter[] = []
  #storing = false
  #unreported = new Map<string, number>()
  #reportedAtMs = -Infinity
  readonly #locked: DueDeadLetter[] = []
  readonly #lockedSinceMs = new Map<Delivery, number>()
  readonly #retryDelay = exponentialBackoff({ initialMs: 100, maxMs: 5000 })
  #isRetryDue = false

  constructor(ports: DeadLetterQueuePorts) {
    this.#ports = ports
  }

  add(deadLetter: DueDeadLetter): void {
    this.#queue.push(deadLetter)
    if (!this.#storing) void this.#storeAll()
  }

  /** Deliveries whose dead letters' rows are locked by other transactions. */
  get locked(): readonly Delivery[] {
    return this.#locked.map(({ delivery }) => delivery)
  }

  /** Why some wait while others are stored, for log and `/readyz`. */
  get waitingBecause(): readonly string[] {
    const { clock } = this.#ports
    const locked = lockedCount([...this.#lockedSinceMs.values()], clock.now())
    return locked ? [lockedReason('dead_letters', locked, clock.now())] : []
  }

  async #storeAll(): Promise<void> {
    this.#storing = true
    // Other messages decoded in this turn of the event loop join the batch.
    await Promise.resolve()
    let isAdmitted = true
    while (isAdmitted && this.#queue.length > 0) {
      isAdmitted = await this.#ports.gate.run(() => this.#storeNext())
    }
    this.#storing = false
  }

  async #storeNext(): Promise<Evidence> {
    const { left, evidence } = await this.#store(this.#queue.splice(0, this.#batchLength()), 'usual')
    this.#queue.unshift(...left)
    return evidence
  }

  /** Stores and settles them. What is locked is set aside. */
  async #store(deadLetters: readonly DueDeadLetter[], wait: LockWait): Promise<Stored> {
    const { store, observer } = this.#ports
    try {
      await store.store(deadLetters, wait)
      this.#settle(deadLetters)
      return { left: [], evidence: works }
    } catch (error) {
      const failure = writeFailureOf(error)
      observer.writeFailed?.(failure.class)
      if (failure.class === 'locked') return this.#storeUnlocked(deadLetters)
      return { left: deadLetters, evidence: { shows: 'failed', failure } }
    }
  }

  /** By halves, without waiting for a lock. */
  async #storeUnlocked(deadLetters: readonly DueDeadLetter[]): Promise<Stored> {
    const [deadLetter] = deadLetters
    if (deadLetter && deadLetters.length === 1) {
      this.#setAside(deadLetter)
      return { left: [], evidence: noEvidence }
    }
    const half = Math.ceil(deadLetters.length / 2)
    const first = await this.#store(deadLetters.slice(0, half), 'brief')
    // What fails now fails for all.
    if (first.left.length > 0) return { ...first, left: [...first.left, ...deadLetters.slice(half)] }
    const second = await this.#store(deadLetters.slice(half), 'brief')
    return second.evidence === noEvidence ? { ...second, evidence: first.evidence } : second
  }

  #setAside(deadLetter: DueDeadLetter): void {
    const { clock } = this.#ports
    this.#locked.push(deadLetter)
    this.#lockedSinceMs.set(deadLetter.delivery, this.#lockedSinceMs.get(deadLetter.delivery) ?? clock.now())
    if (this.#isRetryDue) return
    this.#isRetryDue = true
    clock.after(this.#retryDelay.next(), () => {
      this.#isRetryDue = false
      for (const one of this.#locked.splice(0)) this.add(one)
    })
  }

  #settle(deadLetters: readonly DueDeadLetter[]): void {
    const { ledger, observer } = this.#ports
    for (const { delivery } of deadLetters) this.#lockedSinceMs.delete(delivery)
    if (this.#lockedSinceMs.size === 0) this.#retryDelay.reset()
    ledger.settle(
      deadLetters.map((deadLetter) => deadLetter.settles ?? deadLetter),
      'dead-lettered',
    )
    for (const [reason, group] of Map.groupBy(deadLetters, ({ reason }) => reason)) {
      observer.deadLettered?.(reason, group.length)
      this.#unreported.set(reason, (this.#unreported.get(reason) ?? 0) + group.length)
    }
    this.#report(deadLetters.at(-1))
  }

  /** The last one stands for all: its detail may quote a field, so it stays in the table. */
  #report(last: DueDeadLetter | undefined): void {
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
      if (length > 0 && (length >= maxBatchDeadLetters || bytes > maxBatchBytes)) break
      length += 1
    }
    return length
  }
}
