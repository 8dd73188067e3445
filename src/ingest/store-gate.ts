import type { Explain } from '#core/advice.ts'
import { withoutFixes } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { WriteFailure } from '#core/write-failure.ts'
import type { Backoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'

/** After this many rejected rows in a row, without a failure among them, the store counts as available again. */
const refusalsThatShow = 3

/**
 * What an attempt showed about the store.
 *
 * - `works`: it committed something
 * - `failed`: in a way that affects every caller
 * - `refused`: it rejected a row that was alone in its statement, because of that row
 * - `notAttempted`: there was nothing to write, so the store was not asked
 * - `noEvidence`: a conflict, a lock, a row's fault among others
 */
export type Evidence =
  | { readonly shows: 'works' | 'notAttempted' | 'noEvidence' }
  | { readonly shows: 'failed' | 'refused'; readonly failure: WriteFailure }

export const works: Evidence = { shows: 'works' }
export const notAttempted: Evidence = { shows: 'notAttempted' }
export const noEvidence: Evidence = { shows: 'noEvidence' }

/**
 * An attempt to use the store. Its result is the evidence by which the gate is set.
 *
 * @param open for an attempt of many statements: opens the gate at its first commit, so that no caller waits for its end
 */
export type Attempt = (open: () => void) => Promise<Evidence>

export interface StoreGateOptions {
  /** The store's name, for messages. */
  readonly name: string
  readonly clock: Clock
  readonly backoff: Backoff
  readonly logger: Logger
  readonly explain?: Explain | undefined
  /** Called whenever `reason` or `isClosed` changed. */
  readonly changed: () => void
  /** A forced shutdown: nothing more is attempted. */
  readonly aborted: AbortSignal
}

/**
 * A circuit breaker that queues its callers instead of failing them, between the lanes and one store. While the store
 * fails all callers wait here, and one at a time probes; the first success releases them all. However long an outage
 * lasts, nothing is nacked: nacks would use up delivery attempts until good data is dead-lettered.
 *
 *   open ──failed──▶ closed ──delay──▶ one probe ──failed─▶ closed, for longer
 *                                                └─works──▶ open
 */
export class StoreGate {
  readonly #options: StoreGateOptions
  readonly #waiting: (() => void)[] = []
  readonly #open = () => this.#works()
  #reason: string | undefined
  #code: string | undefined
  /** Since the last failure. */
  #refusals = 0
  #cancelDelay: (() => void) | undefined
  #probeDue = false

  constructor(options: StoreGateOptions) {
    this.#options = options
    options.aborted.addEventListener('abort', () => this.#releaseAll(), { once: true })
  }

  /** Why writes are paused; undefined while they are not. */
  get reason(): string | undefined {
    return this.#reason
  }

  /**
   * Whether the source should be paused. False when a probe is due and no caller is waiting to make it: what was in flight
   * has been settled without the store, and only new messages can show that it works.
   */
  get isClosed(): boolean {
    return this.#reason !== undefined && !this.#probeDue
  }

  /**
   * Runs an attempt as soon as the store may be tried, and judges the store by what it shows.
   *
   * @returns false at a forced shutdown: it was not run
   */
  async run(attempt: Attempt): Promise<boolean> {
    if (!(await this.#admission())) return false
    // Even if the attempt throws, the next caller gets its turn.
    let evidence: Evidence = noEvidence
    try {
      evidence = await attempt(this.#open)
    } finally {
      this.#judge(evidence)
    }
    return true
  }

  async #admission(): Promise<boolean> {
    const { aborted } = this.#options
    if (this.#reason !== undefined && !aborted.aborted) {
      if (this.#probeDue) this.#setProbeDue(false)
      else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return !aborted.aborted
  }

  #judge(evidence: Evidence): void {
    if (evidence.shows === 'failed') return this.#failed(evidence.failure)
    if (this.#reason === undefined) return
    switch (evidence.shows) {
      case 'works':
        return this.#works()
      case 'refused':
        return this.#refused(evidence.failure)
      case 'notAttempted':
        // The next one may try at once.
        if (!this.#options.aborted.aborted) this.#letOneTry()
        return
      case 'noEvidence':
        this.#letOneTryLater()
    }
  }

  #failed(failure: WriteFailure): void {
    const { logger, explain = withoutFixes } = this.#options
    this.#code = failure.code
    this.#refusals = 0
    const reason = explain(failure)
    if (this.#reason !== reason) {
      logger.error({ class: failure.class, code: failure.code }, `writes paused (no data lost): ${reason}`)
      this.#reason = reason
      this.#options.changed()
    }
    this.#letOneTryLater()
  }

  #works(): void {
    if (this.#reason === undefined) return
    this.#options.logger.info({}, `writes resumed: ${this.#options.name} is available`)
    this.#options.backoff.reset()
    this.#reason = undefined
    this.#options.changed()
    this.#releaseAll()
  }

  /**
   * One refusal shows little: other rows may fail as before. But where refused rows are all that is left in flight, nothing
   * else can show that the store works, and while the gate is closed nothing else comes. (A refusal for the cause that
   * closed the gate shows nothing: twenty of those are schema drift.)
   */
  #refused(failure: WriteFailure): void {
    if (failure.class === 'unknown' || failure.code !== this.#code) this.#refusals += 1
    if (this.#refusals >= refusalsThatShow) this.#works()
    else this.#letOneTryLater()
  }

  #letOneTryLater(): void {
    const { clock, backoff, aborted } = this.#options
    if (aborted.aborted) return
    this.#cancelDelay ??= clock.after(backoff.next(), () => {
      this.#cancelDelay = undefined
      this.#letOneTry()
    })
  }

  #letOneTry(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#setProbeDue(true)
  }

  #setProbeDue(due: boolean): void {
    this.#probeDue = due
    this.#options.changed()
  }

  #releaseAll(): void {
    this.#cancelDelay?.()
    this.#cancelDelay = undefined
    this.#probeDue = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
