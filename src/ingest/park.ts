import { claimLeaseMs } from '#core/cache.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Entry } from './entry.ts'

/** Batches take some 5 to 50 ms; asking sooner would mostly get the same verdict again. */
const pauseMs = 50

export interface ParkOptions {
  readonly clock: Clock
  readonly maxEntries: number
  /** Takes the entries whose pause is over. */
  readonly reenter: (entries: readonly Entry[]) => void
}

/**
 * Where entries wait while another process is writing them, or something newer of their key. They return after a pause
 * and the cache is asked again: by then they are stale, or free since that process failed, or still busy.
 *
 * Nothing is decided here. A claim proves nothing, so it justifies no ack; and it must not delay anything for long, so an
 * entry that has waited for a claim's lease, finds the park full or comes after `drain` is not accepted, and is written
 * despite the claim. Two writers of one key cost one row comparison, nothing else.
 */
export class Park {
  readonly #options: ParkOptions
  #entries: Entry[] = []
  #cancelPause: (() => void) | undefined
  #draining = false

  constructor(options: ParkOptions) {
    this.#options = options
  }

  /**
   * Whether an entry of a batch may wait here; otherwise it has waited enough.
   *
   * @param ahead how many of its batch are to be parked already
   */
  accepts(entry: Entry, ahead: number): boolean {
    const { clock, maxEntries } = this.#options
    const now = clock.now()
    entry.busySinceMs ??= now
    if (this.#draining || this.#entries.length + ahead >= maxEntries) return false
    return now - entry.busySinceMs < claimLeaseMs
  }

  /** Takes in what was accepted. Its pause began at `sinceMs`, while its batch was still on its way. */
  admit(entries: readonly Entry[], sinceMs: number): void {
    const { clock } = this.#options
    if (entries.length === 0) return
    for (const entry of entries) this.#entries.push(entry)
    const leftMs = sinceMs + pauseMs - clock.now()
    if (this.#draining || leftMs <= 0) this.#release()
    else this.#cancelPause ??= clock.after(leftMs, () => this.#release())
  }

  /** From now on no entry waits. */
  drain(): void {
    this.#draining = true
    this.#release()
  }

  #release(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
    const entries = this.#entries
    this.#entries = []
    if (entries.length > 0) this.#options.reenter(entries)
  }
}
