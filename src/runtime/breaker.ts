import type { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'

export interface BreakerOptions {
  readonly clock: Clock
  /** Opens after this many failures in a row. */
  readonly failures: number
  /** How long it stays open each time. */
  readonly backoff: Backoff
}

/**
 * A circuit breaker: rejects calls for a while after repeated failures, then lets one caller try.
 *
 *   closed ──failures in a row──▶ open ──delay──▶ one trial ──failed────▶ open, for longer
 *                                                          └─succeeded─▶ closed
 *
 * A caller that was allowed reports `succeeded` or `failed`. (cockatiel's breaker makes its callers wait for the trial's
 * outcome; here they must fall back at once.)
 */
export class Breaker {
  readonly #options: BreakerOptions
  #failuresInARow = 0
  #openUntilMs: number | undefined
  #onTrial = false

  constructor(options: BreakerOptions) {
    this.#options = options
  }

  /** Whether the caller may try. */
  allows(): boolean {
    if (this.#openUntilMs === undefined) return true
    if (this.#onTrial || this.#options.clock.now() < this.#openUntilMs) return false
    this.#onTrial = true
    return true
  }

  succeeded(): void {
    this.#failuresInARow = 0
    this.#openUntilMs = undefined
    this.#onTrial = false
    this.#options.backoff.reset()
  }

  failed(): void {
    this.#failuresInARow += 1
    const wasOpen = this.#openUntilMs !== undefined
    // Calls that were under way when it opened say nothing new.
    if (wasOpen ? !this.#onTrial : this.#failuresInARow < this.#options.failures) return
    this.#onTrial = false
    this.#openUntilMs = this.#options.clock.now() + this.#options.backoff.next()
  }
}
