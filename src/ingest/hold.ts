import type { WriteFailure } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Backoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'

/** So many refusals one after the other, and no failure among them: the store is there again. */
const refusalsThatShow = 3

export interface HoldOptions {
  /** What it guards, for people. */
  readonly name: string
  readonly clock: Clock
  readonly backoff: Backoff
  readonly logger: Logger
  /** Called whenever `reason` or `shut` changed. */
  readonly changed: () => void
  /** A hard stop: lets everyone go, unadmitted. */
  readonly aborted: AbortSignal
}

/**
 * Stands between the lanes and one store. While the store fails, everyone waits here, and one at a time is let
 * through to try; the first success lets all go on. However long it lasts nothing is given up: nacking in an
 * outage burns delivery attempts until good data is dead-lettered.
 *
 *   flowing ──failed──▶ held ──delay──▶ one probe ──failed────▶ held, for longer
 *                                                 └─succeeded─▶ flowing
 *
 * Whoever was admitted reports `failed`, `succeeded`, `refused`, `untried` or `inconclusive`; otherwise the next in line
 * never gets its turn.
 */
export class Hold {
  readonly #options: HoldOptions
  readonly #waiting: (() => void)[] = []
  #reason: string | undefined
  #code: string | undefined
  /** Since the last failure. */
  #refusals = 0
  #cancelDelay: (() => void) | undefined
  #probeDue = false

  constructor(options: HoldOptions) {
    this.#options = options
    options.aborted.addEventListener('abort', () => this.#releaseAll(), { once: true })
  }

  /** Why nothing is written now; undefined while all is well. */
  get reason(): string | undefined {
    return this.#reason
  }

  /**
   * Whether nothing new should be taken. Not so when somebody may try and nobody is there to do it: what was in hand has
   * been settled without the store, and only what is new can show that it works.
   */
  get shut(): boolean {
    return this.#reason !== undefined && !this.#probeDue
  }

  /** Resolves when the caller may try the store: true; or at a hard stop: false. */
  async admission(): Promise<boolean> {
    const { aborted } = this.#options
    if (this.#reason !== undefined && !aborted.aborted) {
      if (this.#probeDue) this.#setProbeDue(false)
      else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return !aborted.aborted
  }

  /** The store failed in a way that concerns everyone. */
  failed(failure: WriteFailure): void {
    const { name, logger } = this.#options
    this.#code = failure.code
    this.#refusals = 0
    const reason = `${name}: ${failure.message}`
    if (this.#reason !== reason) {
      logger.error({ class: failure.class, code: failure.code }, `holding, nothing is lost: ${reason}`)
      this.#reason = reason
      this.#options.changed()
    }
    this.#letOneTryLater()
  }

  /** The store works. */
  succeeded(): void {
    if (this.#reason === undefined) return
    this.#options.logger.info({}, `going on: ${this.#options.name} works again`)
    this.#options.backoff.reset()
    this.#reason = undefined
    this.#options.changed()
    this.#releaseAll()
  }

  /**
   * The store refused a row that was alone, for that row's own sake. Once shows little: other rows may fail as before.
   * But where this is all that is left in hand nothing else can show that the store works, and while it is held nothing
   * else comes. (A bad row of the kind that it is held for shows nothing: twenty of those are schema drift.)
   */
  refused(failure: WriteFailure): void {
    if (this.#reason === undefined) return
    if (failure.class === 'unknown' || failure.code !== this.#code) this.#refusals += 1
    if (this.#refusals >= refusalsThatShow) this.succeeded()
    else this.#letOneTryLater()
  }

  /** What was admitted had nothing to write, so the store was not asked: the next one may try at once. */
  untried(): void {
    if (this.#reason !== undefined && !this.#options.aborted.aborted) this.#letOneTry()
  }

  /** What was admitted showed nothing about the store: a conflict, a row's fault among others. */
  inconclusive(): void {
    if (this.#reason !== undefined) this.#letOneTryLater()
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
