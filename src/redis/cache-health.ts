import type { Explain } from '#core/advice.ts'
import { withoutFixes } from '#core/advice.ts'
import type { BypassCause } from '#core/cache.ts'
import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'
import type { RedisFailure } from './failure.ts'

/** An intermittent problem is over when there was none for this long. */
const calmMs = 1000

const fixedByConnecting: readonly BypassCause[] = ['disconnected', 'timeout', 'no-rights']

/** Logs that the cache is bypassed and why, and that it is back in use: once each, not with every batch. */
export class CacheHealth implements Disposable {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #explain: Explain
  #last: RedisFailure | undefined
  #cancelCalm: (() => void) | undefined

  constructor(logger: Logger, clock: Clock, explain: Explain = withoutFixes) {
    this.#logger = logger
    this.#explain = explain
    this.#clock = clock
  }

  /** Why the cache is bypassed; undefined while it is in use. */
  get reason(): string | undefined {
    return this.#last && `Redis: ${this.#explain(this.#last)}`
  }

  failed(failure: RedisFailure): void {
    this[Symbol.dispose]()
    if (this.#last?.bypass !== failure.bypass) {
      const message = `cache bypassed (no data lost): Redis: ${this.#explain(failure)}`
      this.#logger.warn({ cause: failure.bypass }, message)
    }
    this.#last = failure
  }

  /** It is connected, which fixes some problems and says nothing about others. */
  connected(): void {
    if (this.#last && fixedByConnecting.includes(this.#last.bypass)) this.succeeded()
  }

  /** A call succeeded. */
  succeeded(): void {
    if (this.#last) this.#cancelCalm ??= this.#clock.after(calmMs, () => this.#over())
  }

  [Symbol.dispose](): void {
    this.#cancelCalm?.()
    this.#cancelCalm = undefined
  }

  #over(): void {
    this.#last = undefined
    this.#cancelCalm = undefined
    this.#logger.info({}, 'cache back in use')
  }
}
