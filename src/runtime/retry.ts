import type { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'
import { sleep } from './clock.ts'

export interface RetryOptions {
  readonly clock: Clock
  readonly backoff: Backoff
  /** Total time; the last error is thrown when the next attempt would begin after it. */
  readonly withinMs: number
  readonly signal?: AbortSignal
  /** False: throw at once. */
  readonly retryable: (error: unknown) => boolean
  readonly onRetry?: (error: unknown, delayMs: number) => void
}

/** Calls `attempt` until it succeeds, fails permanently, the time is over or the signal aborts. */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const end = options.clock.now() + options.withinMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      const delayMs = options.backoff.next()
      if (!options.retryable(error) || options.clock.now() + delayMs > end) throw error
      options.onRetry?.(error, delayMs)
      await sleep(options.clock, delayMs, options.signal)
      if (options.signal?.aborted) throw error
    }
  }
}
