import type { RateWindow, SharedRateLimits } from '#core/rate-limits.ts'
import type { Clock } from '#runtime/clock.ts'

export interface RateLimit {
  /** Of one client in one window. */
  readonly requests: number
  readonly perMs: number
}

export interface RateLimiterOptions extends RateLimit {
  /** Undefined: each process counts for itself. */
  readonly shared: SharedRateLimits | undefined
  readonly clock: Clock
  /** More clients at a time than that, and the ones whose windows began first are forgotten. */
  readonly maxClients?: number
}

export interface RateVerdict {
  readonly isAllowed: boolean
  readonly remaining: number
  readonly resetMs: number
}

interface Window {
  used: number
  endsAtMs: number
}

/** Some 10 MB. */
const defaultMaxClients = 50_000

/**
 * Counts requests in windows of a fixed length; a client's window begins with its first request. With shared counts, what is
 * known of them is remembered here: a client that has used up its window costs no further question, and while the shared
 * counts are away each process goes on from where they were, with a limit of its own.
 */
export class RateLimiter {
  readonly limit: RateLimit
  readonly #shared: SharedRateLimits | undefined
  readonly #clock: Clock
  readonly #maxClients: number
  /** In the order in which they began. */
  readonly #windows = new Map<string, Window>()

  constructor({ requests, perMs, shared, clock, maxClients = defaultMaxClients }: RateLimiterOptions) {
    this.limit = { requests, perMs }
    this.#shared = shared
    this.#clock = clock
    this.#maxClients = maxClients
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#windows.size
  }

  /**
   * Counts a request of a client address. A promise, which never rejects, only where the shared counts are asked.
   */
  count(client: string): RateVerdict | Promise<RateVerdict> {
    const now = this.#clock.now()
    const window = this.#windows.get(client)
    const isOver = window === undefined || window.endsAtMs <= now
    if (!isOver && window.used > this.limit.requests) return this.#verdict(window, now)
    const shared = this.#shared?.count(client, this.limit.perMs)
    if (shared) return shared.then((answer) => (answer ? this.#learn(client, answer) : this.#own(client)))
    return this.#own(client)
  }

  #learn(client: string, { used, endsInMs }: RateWindow): RateVerdict {
    const now = this.#clock.now()
    return this.#verdict(this.#set(client, used, now + endsInMs, now), now)
  }

  #own(client: string): RateVerdict {
    const now = this.#clock.now()
    const window = this.#windows.get(client)
    if (window === undefined || window.endsAtMs <= now)
      return this.#verdict(this.#set(client, 1, now + this.limit.perMs, now), now)
    window.used += 1
    return this.#verdict(window, now)
  }

  #set(client: string, used: number, endsAtMs: number, now: number): Window {
    const known = this.#windows.get(client)
    if (known && known.endsAtMs > now) return Object.assign(known, { used, endsAtMs })
    const window = { used, endsAtMs }
    this.#windows.delete(client)
    this.#windows.set(client, window)
    this.#forgetOldest(now)
    return window
  }

  /** Two a new one, so that those that are over go sooner than others come. */
  #forgetOldest(now: number): void {
    let looked = 0
    for (const [client, { endsAtMs }] of this.#windows) {
      if (this.#windows.size <= this.#maxClients && (endsAtMs > now || looked === 2)) return
      this.#windows.delete(client)
      looked += 1
    }
  }

  #verdict({ used, endsAtMs }: Window, now: number): RateVerdict {
    const { requests } = this.limit
    return {
      isAllowed: used <= requests,
      remaining: Math.max(0, requests - used),
      resetMs: Math.max(0, endsAtMs - now),
    }
  }
}
