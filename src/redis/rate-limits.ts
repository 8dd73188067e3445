import { readFileSync } from 'node:fs'
import type { Explain } from '#core/advice.ts'
import { withoutFixes } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { RateWindow, SharedRateLimits } from '#core/rate-limits.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import { Breaker } from '#runtime/breaker.ts'
import type { Clock } from '#runtime/clock.ts'
import type { RedisOptions } from './connection.ts'
import { RedisConnection } from './connection.ts'
import type { RedisFailure } from './failure.ts'
import { asRedisFailure } from './failure.ts'

const script = readFileSync(new URL('rate-limits.lua', import.meta.url), 'utf8')

/** Requests wait for it, and a count of one's own is nearly as good. */
const answerWithinMs = 200
/** One lost answer is enough: that nobody waits is worth more than exact counts. Half of the delay is random. */
const breakerDelay = { initialMs: 1000, maxMs: 5000 }
/** A script blocks Redis while it runs. */
const maxClientsPerCall = 500

export interface RedisRateLimitsOptions {
  readonly redis: RedisOptions
  readonly logger: Logger
  readonly clock: Clock
  readonly explain?: Explain
}

/** Requests of one client that are counted by the same call. */
interface Counted {
  readonly perMs: number
  readonly resolve: ((window: RateWindow | undefined) => void)[]
}

/**
 * Counts in Redis, which all replicas share. At most one call is under way; what comes meanwhile is counted by the next, so
 * a call counts what came in a round trip, and no request has a call of its own. While Redis is away nobody waits.
 */
export class RedisRateLimits implements SharedRateLimits, Disposable {
  readonly #connection: RedisConnection
  readonly #breaker: Breaker
  readonly #logger: Logger
  readonly #explain: Explain
  #next = new Map<string, Counted>()
  #isCalling = false
  #problem: RedisFailure | undefined

  constructor({ redis, logger, clock, explain = withoutFixes }: RedisRateLimitsOptions) {
    this.#connection = new RedisConnection({ answerWithinMs, ...redis, script })
    this.#logger = logger
    this.#explain = explain
    this.#breaker = new Breaker({ clock, failures: 1, backoff: exponentialBackoff(breakerDelay) })
  }

  /** Why each process counts for itself; undefined while counts are shared. */
  get problem(): string | undefined {
    return this.#problem && `Redis: ${this.#explain(this.#problem)}`
  }

  /** Resolves when the first attempt to connect has succeeded or failed; a failure is logged. */
  async firstAttempt(): Promise<void> {
    await this.#connection.firstAttempt()
    if (this.#connection.unavailableReason) this.#failed(this.#connection.unavailableReason)
  }

  count(client: string, perMs: number): Promise<RateWindow | undefined> | undefined {
    const { unavailableReason } = this.#connection
    if (unavailableReason) {
      this.#failed(unavailableReason)
      return undefined
    }
    if (!this.#isCalling) {
      if (!this.#breaker.allows()) return undefined
      this.#isCalling = true
      // What else arrives in this turn of the event loop comes along.
      setImmediate(() => void this.#callUntilEmpty())
    }
    const { promise, resolve } = Promise.withResolvers<RateWindow | undefined>()
    const key = `ingester:rate:${perMs}:${client}`
    const counted = this.#next.get(key)
    if (counted) counted.resolve.push(resolve)
    else this.#next.set(key, { perMs, resolve: [resolve] })
    return promise
  }

  [Symbol.dispose](): void {
    this.#connection.close()
  }

  async #callUntilEmpty(): Promise<void> {
    while (this.#next.size > 0) {
      const batch = [...this.#next]
      this.#next = new Map()
      for (let at = 0; at < batch.length; at += maxClientsPerCall)
        if (!(await this.#call(batch.slice(at, at + maxClientsPerCall)))) {
          giveUp(batch.slice(at))
          giveUp([...this.#next])
          this.#next = new Map()
          break
        }
    }
    this.#isCalling = false
  }

  /** Whether it was answered. */
  async #call(batch: readonly (readonly [string, Counted])[]): Promise<boolean> {
    const keys = batch.map(([key]) => key)
    const args = batch.flatMap(([, { perMs, resolve }]) => [resolve.length, perMs])
    try {
      const numbers = (await this.#connection.run(keys, args)) as readonly number[]
      batch.forEach(([, { resolve }], at) => {
        const [used = 0, endsInMs = 0] = numbers.slice(2 * at)
        resolve.forEach((one, i) => one({ used: used - resolve.length + 1 + i, endsInMs }))
      })
    } catch (error) {
      this.#breaker.failed()
      this.#failed(asRedisFailure(error))
      return false
    }
    this.#breaker.succeeded()
    if (this.#problem) this.#logger.info({}, 'rate limits shared again')
    this.#problem = undefined
    return true
  }

  #failed(failure: RedisFailure): void {
    if (this.#problem?.bypass !== failure.bypass) {
      const message = `rate limits not shared, each process counts for itself: Redis: ${this.#explain(failure)}`
      this.#logger.warn({ cause: failure.bypass }, message)
    }
    this.#problem = failure
  }
}

function giveUp(batch: readonly (readonly [string, Counted])[]): void {
  for (const [, { resolve }] of batch) for (const one of resolve) one(undefined)
}
