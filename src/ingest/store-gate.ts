import type { Explain } from '#core/advice.ts'
import { withoutFixes } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { WriteFailure } from '#core/write-failure.ts'
import type { Backoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'

/** After so many refusals in a row, and no failure among them, the store counts as available again. */
const refusalsThatShow = 3

/**
 * What an attempt showed about the store.
 *
 * - `works`: it committed something
 * - `failed`: in a way that concerns everyone
 * - `refused`: a row that was alone in its statement, for that row's own sake
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
 * @param open for an attempt of many statements: opens the gate at its first commit, so that nobody waits for its end
 */
export type Attempt = (open: () => void) => Promise<Evidence>

export interface StoreGateOptions {
  /** What it guards, for people. */
  readonly name: string
  readonly clock: Clock
  readonly backoff: Backoff
  readonly logger: Logger
  readonly explain?: Explain | undefined
  /** Called whenever `reason` or `isClosed` changed. */
  readonly changed: () => void
  /** A hard stop: nothing is attempted any more. */
  readonly aborted: AbortSignal
}

/**
 * A circuit breaker that queues its callers instead of failing them: it stands between the lanes and one store. While the
 * store fails everyone waits here, and one at a time is let through to try; the first success lets all go on. However
 * long it lasts nothing is given up: nacking in an outage burns delivery attempts until good data is dead-lettered.
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

  /** Why writes are paused; undefined while all is well. */
  get reason(): string | undefined {
    return this.#reason
  }

  /**
   * Whether nothing new should be taken. Not so when a probe is due and nobody is there to make it: what was in flight
   * has been settled without the store, and only what is new can show that it works.
   */
  get isClosed(): boolean {
    return this.#reason !== undefined && !this.#probeDue
  }

  /**
   * Runs an attempt as soon as the store may be tried, and judges the store by what it shows.
   *
   * @returns false at a hard stop: it was not run
   */
  async run(attempt: Attempt): Promise<boolean> {
    if (!(await this.#admission())) return false
    // Whatever becomes of the attempt, the next in line gets its turn.
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
    const { name, logger, explain = withoutFixes } = this.#options
    this.#code = failure.code
    this.#refusals = 0
    const reason = `${name}: ${explain(failure)}`
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
