import type { Merge } from '#core/merge.ts'
import type { Clock } from '#runtime/clock.ts'
import { sizedList } from '#runtime/sized-list.ts'
import type { Batch, BatchResult } from './batch.ts'
import type { Arrival, Entry } from './entry.ts'
import { bytesOf, fold, join, newEntry } from './entry.ts'
import { Line, hashOfKey } from './line.ts'
import { LockedEntries } from './locked-entries.ts'
import { Park } from './park.ts'

/** How long entries that were refused alone wait for neighbours before they are tried alone again. */
const refusedRetryMs = 1000

export interface LaneOptions {
  readonly maxBatchRecords: number
  readonly maxBatchBytes: number
  /** Maximum time a record waits for its batch to fill; 0: none. */
  readonly flushIntervalMs: number
  readonly clock: Clock
  readonly merge: Merge
  /** Writes a batch; resolves when it is done, with what returns to the lane. */
  readonly write: (batch: Batch) => Promise<BatchResult>
}

/**
 * Collects the arrivals of its keys and writes them a batch at a time. A key always belongs to one
 * lane and a lane writes one batch at a time, so a process never has two versions of a key on their way at once.
 *
 * Everything that waits stands in one line in order of arrival, and a batch is what is at its front when the lane
 * becomes free: the longer the database takes, the more is coalesced.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #park: Park
  readonly #locked: LockedEntries
  readonly #mayPark = (entry: Entry, ahead: number) => this.#park.accepts(entry, ahead)
  readonly #pending = new Line()
  #bytes = 0
  /** When the first of those that came back is due: they have waited before. */
  #returnedDueMs = Infinity
  #refused: readonly Entry[] = []
  #retryAtMs = 0
  #writing = false
  /** The last batch was one of those that were locked. */
  #hasRetried = false
  #draining = false
  #cancelTimer: (() => void) | undefined

  constructor(options: LaneOptions) {
    this.#options = options
    this.#locked = new LockedEntries(options)
    this.#park = new Park({
      clock: options.clock,
      maxEntries: options.maxBatchRecords,
      reenter: (entries) => this.#reenter(entries),
    })
  }

  /** Entries that were rejected alone, and wait for proof that their own values are the cause. */
  get refused(): readonly Entry[] {
    return this.#refused
  }

  /** Entries whose rows other transactions hold. */
  get locked(): readonly Entry[] {
    return this.#locked.all
  }

  /**
   * Takes an arrival in, which came just now. Call `poke` after the last one of a group.
   *
   * @param hash of its key
   */
  add(arrival: Arrival, hash = hashOfKey(arrival.record.key), nowMs = this.#options.clock.now()): void {
    const { key, bytes } = arrival.record
    const locked = this.#locked.size > 0 ? this.#locked.get(key) : undefined
    if (locked) {
      fold(locked, arrival, this.#options.merge)
      return
    }
    this.#bytes += bytes
    const entry = this.#pending.get(key, hash)
    if (entry) fold(entry, arrival, this.#options.merge)
    else this.#pending.add(newEntry(arrival, hash, Math.floor(nowMs)))
  }

  /** Writes if something is due, else makes sure that it will be. */
  poke(): void {
    if (this.#writing) return
    const [dueMs, retryMs] = [this.#dueInMs(), this.#locked.dueInMs()]
    // By turns: neither holds the other up for longer than a batch.
    const isRetry = retryMs <= 0 && (dueMs > 0 || !this.#hasRetried)
    if (isRetry) void this.#retryLocked()
    else if (dueMs <= 0) void this.#writeDue()
    else if (Math.min(dueMs, retryMs) < Infinity) this.#pokeIn(Math.min(dueMs, retryMs))
  }

  /** From now on everything is due at once. What is locked is waited for. */
  drain(): void {
    this.#draining = true
    this.#locked.retrySoon()
    this.#park.drain()
    this.poke()
  }

  /** What was parked waits in line again, together with what came for its key meanwhile. */
  #reenter(entries: readonly Entry[]): void {
    const { clock, flushIntervalMs } = this.#options
    for (const entry of entries) {
      const { key } = entry.winner.record
      const locked = this.#locked.get(key)
      if (locked) {
        join(locked, entry, this.#options.merge)
        continue
      }
      this.#bytes += bytesOf(entry)
      const pending = this.#pending.get(key, entry.hash)
      if (pending) join(pending, entry, this.#options.merge)
      else {
        entry.linedUpAtMs = Math.floor(clock.now())
        this.#pending.add(entry)
      }
      this.#returnedDueMs = Math.min(this.#returnedDueMs, (entry.busySinceMs ?? 0) + flushIntervalMs)
    }
    this.poke()
  }

  #dueInMs(): number {
    const { maxBatchRecords, maxBatchBytes, flushIntervalMs, clock } = this.#options
    const { oldest } = this.#pending
    // Refused entries alone are not due before their time, not even when draining: that would be a busy loop.
    if (oldest === undefined) return this.#refused.length > 0 ? this.#retryAtMs - clock.now() : Infinity
    if (this.#draining || this.#pending.size >= maxBatchRecords || this.#bytes >= maxBatchBytes) return 0
    return Math.min(oldest.linedUpAtMs + flushIntervalMs, this.#returnedDueMs) - clock.now()
  }

  #pokeIn(ms: number): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#options.clock.after(ms, () => this.poke())
  }

  async #writeDue(): Promise<void> {
    this.#cancelTimer?.()
    this.#writing = true
    this.#hasRetried = false
    this.#refused = await this.#write(this.#take(), false)
    this.#writing = false
    this.#retryAtMs = this.#options.clock.now() + refusedRetryMs
    this.poke()
  }

  async #retryLocked(): Promise<void> {
    this.#cancelTimer?.()
    this.#writing = true
    this.#hasRetried = true
    const refused = await this.#write(this.#locked.take(), true)
    this.#locked.tried()
    this.#refused = [...this.#refused, ...refused]
    this.#writing = false
    this.poke()
  }

  /** Writes a batch and takes in what has to wait or be written next; returns what was rejected. */
  async #write(entries: readonly Entry[], wereLocked: boolean): Promise<readonly Entry[]> {
    const result = await this.#options.write({ entries, wereLocked, mayPark: this.#mayPark })
    for (const arrival of result.readmitted) this.add(arrival)
    if (result.readmitted.length > 0) this.#returnedDueMs = this.#options.clock.now()
    for (const entry of result.locked) this.#setAside(entry)
    this.#park.admit(result.parked, result.parkedAtMs)
    return result.refused
  }

  /** An entry whose row another transaction holds waits with what came for its key meanwhile. */
  #setAside(entry: Entry): void {
    const pending = this.#pending.get(entry.winner.record.key, entry.hash)
    if (pending) {
      this.#remove(pending, bytesOf(pending))
      join(entry, pending, this.#options.merge)
    }
    this.#locked.add(entry)
  }

  /**
   * The refused entries, and those at the front within the bounds of a batch (at least one). The refused ones do not
   * count: however many they are, each batch brings them new neighbours.
   */
  #take(): Entry[] {
    const { maxBatchRecords, maxBatchBytes } = this.#options
    this.#returnedDueMs = Infinity
    this.#joinRefused()
    const batch = sizedList<Entry>(Math.min(this.#pending.size, maxBatchRecords))
    let count = 0
    let bytes = 0
    for (const entry of this.#pending.entries()) {
      const size = bytesOf(entry)
      if (count > 0 && (count >= maxBatchRecords || bytes + size > maxBatchBytes)) break
      bytes += size
      batch[count++] = entry
      this.#remove(entry, size)
    }
    batch.length = count
    return this.#refused.length > 0 ? [...this.#refused, ...batch] : batch
  }

  /** What came for a refused entry's key joins it: a batch has a key once. */
  #joinRefused(): void {
    for (const refused of this.#refused) {
      const entry = this.#pending.get(refused.winner.record.key, refused.hash)
      if (!entry) continue
      this.#remove(entry, bytesOf(entry))
      join(refused, entry, this.#options.merge)
    }
  }

  #remove(entry: Entry, bytes: number): void {
    this.#pending.remove(entry)
    this.#bytes -= bytes
  }
}
