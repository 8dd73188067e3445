import type { Merge } from '#core/merge.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Entry } from './entry.ts'
import { bytesOf, join } from './entry.ts'

/** Most locks that applications hold are gone after some milliseconds, some last for minutes. */
const retryDelay = { initialMs: 100, maxMs: 5000 }

export interface LockedEntriesOptions {
  readonly merge: Merge
  readonly clock: Clock
  readonly maxBatchRecords: number
  readonly maxBatchBytes: number
}

/**
 * The entries of a lane whose rows other transactions hold. They are tried again in rounds, a batch at a time, ever
 * more seldom while none becomes free. What comes for their keys belongs to them: a process never has two versions of
 * a key on their way at once.
 */
export class LockedEntries {
  readonly #options: LockedEntriesOptions
  readonly #backoff = exponentialBackoff(retryDelay)
  readonly #entries = new Map<string, Entry>()
  #retryAtMs = Infinity
  /** How many of the present round are still to be tried. */
  #left = 0
  #trying: readonly Entry[] = []

  constructor(options: LockedEntriesOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size
  }

  /** Those that are being tried included. */
  get all(): readonly Entry[] {
    return [...new Set([...this.#entries.values(), ...this.#trying])]
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** Takes an entry in, or in again. */
  add(entry: Entry): void {
    const { key } = entry.winner.record
    const present = this.#entries.get(key)
    if (present) join(present, entry, this.#options.merge)
    else this.#entries.set(key, entry)
    // A lock that was just met may be gone soon, however long the others last.
    if (this.#trying.length === 0) this.retrySoon()
  }

  retrySoon(): void {
    this.#backoff.reset()
    this.#retryIn(this.#backoff.next())
  }

  dueInMs(): number {
    return this.#entries.size === 0 ? Infinity : this.#retryAtMs - this.#options.clock.now()
  }

  /** The next ones to try, within the bounds of a batch; to be followed by `tried`. */
  take(): readonly Entry[] {
    const { maxBatchRecords, maxBatchBytes } = this.#options
    if (this.#left === 0) this.#left = this.#entries.size
    const batch: Entry[] = []
    let bytes = 0
    for (const [key, entry] of this.#entries) {
      const size = bytesOf(entry)
      if (batch.length > 0 && (batch.length >= maxBatchRecords || bytes + size > maxBatchBytes)) break
      if (batch.length >= this.#left) break
      bytes += size
      batch.push(entry)
      this.#entries.delete(key)
    }
    this.#left -= batch.length
    this.#trying = batch
    return batch
  }

  tried(): void {
    const areFree = this.#trying.some((entry) => this.#entries.get(entry.winner.record.key) !== entry)
    this.#trying = []
    if (areFree) this.#backoff.reset()
    this.#retryAtMs = Infinity
    this.#retryIn(this.#left > 0 ? 0 : this.#backoff.next())
  }

  #retryIn(ms: number): void {
    this.#retryAtMs = Math.min(this.#retryAtMs, this.#options.clock.now() + ms)
  }
}
