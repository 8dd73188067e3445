import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'
import type { RedisFailure } from './failure.ts'

/** Trouble that comes and goes is over when there was none for so long. */
const calmMs = 1000

/** Tells people that the cache is bypassed and why, and that it is used again: once each, not with every batch. */
export class Trouble {
  readonly #logger: Logger
  readonly #clock: Clock
  #last: { readonly failure: RedisFailure; atMs: number } | undefined

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** Why the cache is bypassed; undefined while all is well. */
  get reason(): string | undefined {
    return this.#last && `Redis: ${this.#last.failure.message}`
  }

  had(failure: RedisFailure): void {
    if (this.#last?.failure.bypass !== failure.bypass) {
      const message = `going on without the cache, nothing is lost: Redis: ${failure.message}`
      this.#logger.warn({ cause: failure.bypass }, message)
    }
    this.#last = { failure, atMs: this.#clock.now() }
  }

  /** A call went well. */
  none(): void {
    if (!this.#last || this.#clock.now() - this.#last.atMs < calmMs) return
    this.#last = undefined
    this.#logger.info({}, 'the cache is used again')
  }
}
