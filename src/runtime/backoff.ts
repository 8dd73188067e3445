import { ExponentialBackoff, halfJitterGenerator } from 'cockatiel'
import type { IBackoff } from 'cockatiel'

/** A growing, jittered series of delays. */
export interface Backoff {
  /** The next delay in ms. */
  next(): number
  /** Begins again with short delays. */
  reset(): void
}

/** Doubles up to `maxMs`; half of each delay is random, so that replicas that failed together come back apart. */
export function exponentialBackoff(options: { readonly initialMs: number; readonly maxMs: number }): Backoff {
  const factory = new ExponentialBackoff({
    initialDelay: options.initialMs,
    maxDelay: options.maxMs,
    generator: halfJitterGenerator,
  })
  let current: IBackoff<unknown> | undefined
  return {
    next() {
      current = current ? current.next(undefined) : factory.next()
      return current.duration
    },
    reset() {
      current = undefined
    },
  }
}

/**
 * Between attempts to reach a server, whichever it is: soon at first, then every few seconds for as long as it is away.
 * Everything that connects, and everything that makes something connect, waits by this one.
 */
export function reconnectBackoff(): Backoff {
  return exponentialBackoff({ initialMs: 100, maxMs: 5000 })
}
