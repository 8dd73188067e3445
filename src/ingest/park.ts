import { claimLeaseMs } from '#core/cache.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Entry } from './entry.ts'

/** Others' batches take some 5 to 50 ms; to ask sooner would mostly be to hear the same again. */
const pauseMs = 50

export interface ParkOptions {
  readonly clock: Clock
  readonly maxEntries: number
  /** Takes back what has waited its pause. */
  readonly reenter: (entries: readonly Entry[]) => void
}

/**
 * Where entries wait that another process is writing, or something newer of their key. They come back after a pause
 * and are asked about again: by then their key is stale, or free since that process gave up, or still busy.
 *
 * Nothing is decided here. A claim is no fact, so it justifies no ack; and it must not hold anything up for long, so
 * whoever has waited a claim's lease, finds the park full or comes after `drain` is turned away and written in spite
 * of it. Two writers of one key cost a row's comparison, nothing else.
 */
export class Park {
  readonly #options: ParkOptions
  #entries: Entry[] = []
  #cancelPause: (() => void) | undefined
  #draining = false

  constructor(options: ParkOptions) {
    this.#options = options
  }

  /** Takes an entry in; false where it has waited enough. */
  admit(entry: Entry): boolean {
    const { clock, maxEntries } = this.#options
    const now = clock.now()
    entry.busySinceMs ??= now
    if (this.#draining || this.#entries.length >= maxEntries) return false
    if (now - entry.busySinceMs >= claimLeaseMs) return false
    this.#entries.push(entry)
    this.#cancelPause ??= clock.after(pauseMs, () => this.#letGo())
    return true
  }

  /** From now on nobody waits. */
  drain(): void {
    this.#draining = true
    this.#letGo()
  }

  #letGo(): void {
    this.#cancelPause?.()
    this.#cancelPause = undefined
    const entries = this.#entries
    this.#entries = []
    if (entries.length > 0) this.#options.reenter(entries)
  }
}
