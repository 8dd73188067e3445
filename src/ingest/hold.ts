import type { WriteFailure } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Backoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'

export interface HoldOptions {
  /** What it guards, for people. */
  readonly name: string
  readonly clock: Clock
  readonly backoff: Backoff
  readonly logger: Logger
  /** Called whenever `reason` changed. */
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
 * Whoever was admitted reports `failed`, `succeeded` or `inconclusive`; otherwise the next in line never gets its turn.
 */
export class Hold {
  readonly #options: HoldOptions
  readonly #waiting: (() => void)[] = []
  #reason: string | undefined
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

  /** Resolves when the caller may try the store: true; or at a hard stop: false. */
  async admission(): Promise<boolean> {
    const { aborted } = this.#options
    if (this.#reason !== undefined && !aborted.aborted) {
      if (this.#probeDue) this.#probeDue = false
      else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return !aborted.aborted
  }

  /** The store failed in a way that concerns everyone. */
  failed(failure: WriteFailure): void {
    const { name, logger } = this.#options
    const reason = `${name}: ${failure.message}`
    if (this.#reason !== reason) {
      logger.error({ class: failure.class, code: failure.code }, `holding, nothing is lost: ${reason}`)
      this.#reason = reason
      this.#options.changed()
    }
    this.#letOneTryLater()
  }

  /** The store works: it committed, or it refused a row for that row's own sake. */
  succeeded(): void {
    if (this.#reason === undefined) return
    this.#options.logger.info({}, `going on: ${this.#options.name} works again`)
    this.#options.backoff.reset()
    this.#reason = undefined
    this.#options.changed()
    this.#releaseAll()
  }

  /** What was admitted showed nothing about the store: nothing to write, a conflict, a row's own fault. */
  inconclusive(): void {
    if (this.#reason !== undefined) this.#letOneTryLater()
  }

  #letOneTryLater(): void {
    const { clock, backoff, aborted } = this.#options
    if (aborted.aborted) return
    this.#cancelDelay ??= clock.after(backoff.next(), () => {
      this.#cancelDelay = undefined
      const next = this.#waiting.shift()
      if (next) next()
      else this.#probeDue = true
    })
  }

  #releaseAll(): void {
    this.#cancelDelay?.()
    this.#cancelDelay = undefined
    this.#probeDue = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
