import type { Journal } from './journal.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** More calls than this in one instant are a loop that no time passes in. */
const maxCallsAnInstant = 5000

/** Stops an endless loop: a caller that calls again and again while its clock stands still. */
export class HotLoopGuard {
  readonly #name: string
  readonly #clock: VirtualClock
  readonly #journal: Journal
  #instantMs = 0
  #calls = 0

  constructor(name: string, clock: VirtualClock, journal: Journal) {
    this.#name = name
    this.#clock = clock
    this.#journal = journal
  }

  /** Comes back at once, or, in a hot loop, never. */
  async pass(): Promise<void> {
    if (this.#instantMs !== this.#clock.now()) {
      this.#instantMs = this.#clock.now()
      this.#calls = 0
    }
    this.#calls += 1
    if (this.#calls <= maxCallsAnInstant) return
    this.#journal.breach(`${this.#name} is called in a hot loop`)
    await new Promise(() => {})
  }
}
