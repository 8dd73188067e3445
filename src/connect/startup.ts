import { writeDuration } from '#config/values.ts'
import { ConfigurationError, UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import type { Advice } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import { systemClock } from '#runtime/clock.ts'
import { retry } from '#runtime/retry.ts'
import { explain } from './explain.ts'

/** Waits for the things that a service needs to be there, within one time limit for all of them. */
export class Startup {
  readonly #logger: Logger
  readonly #limitMs: number
  readonly #endMs: number
  readonly #signal: AbortSignal | undefined

  constructor(limitMs: number, logger: Logger, signal?: AbortSignal) {
    this.#logger = logger
    this.#limitMs = limitMs
    this.#endMs = systemClock.now() + limitMs
    this.#signal = signal
  }

  /**
   * Tries until it works, saying each time why it does not.
   *
   * @param hint what a person should look at
   * @param isNonRetryable errors that waiting cannot fix, besides ConfigurationError
   * @throws UnreachableError after the time limit; ConfigurationError and non-retryable ones at once
   */
  async reach<T>(
    what: string,
    hint: Advice | ((error: unknown) => Advice),
    attempt: () => Promise<T>,
    isNonRetryable: (error: unknown) => boolean = () => false,
  ): Promise<T> {
    let asked = false
    try {
      return await retry(attempt, {
        clock: systemClock,
        backoff: reconnectBackoff(),
        withinMs: Math.max(0, this.#endMs - systemClock.now()),
        ...(this.#signal ? { signal: this.#signal } : {}),
        retryable: (error) => !(error instanceof ConfigurationError) && !isNonRetryable(error),
        onRetry: (error) => {
          asked = true
          this.#logger.warn({ error: explain(error) }, `waiting for ${what}`)
        },
      })
    } catch (error) {
      if (error instanceof ConfigurationError) throw error
      const fixes = [typeof hint === 'function' ? hint(error) : hint]
      if (isNonRetryable(error))
        throw new ConfigurationError(`${what}: ${messageOf(error)}`, { fixes, cause: error })
      const limit = `${writeDuration(this.#limitMs)} (INGESTER_STARTUP_TIMEOUT)`
      const reason = asked ? `was not reachable within ${limit}` : 'is not reachable'
      throw new UnreachableError(`${what} ${reason}: ${messageOf(error)}`, { fixes, cause: error })
    }
  }
}
