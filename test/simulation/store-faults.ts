import type { Clock } from '#runtime/clock.ts'
import type { StoreEvent } from './plan.ts'
import type { PostgresEndpoint } from '../simulated/servers/postgres-endpoint.ts'
import type { RedisEndpoint } from '../simulated/servers/redis-endpoint.ts'

const copyEveryMs = 500

/** What a plan lets happen to PostgreSQL and Redis. */
export class StoreFaults {
  /** No more faults from now on: those that began have ended. */
  over = false
  readonly #clock: Clock
  readonly #postgres: PostgresEndpoint
  readonly #redis: RedisEndpoint
  readonly #nameOf: (key: number) => string
  readonly #copies: { readonly atMs: number; readonly restore: () => void }[] = []

  /** @param nameOf the key of a row in the table */
  constructor(
    clock: Clock,
    postgres: PostgresEndpoint,
    redis: RedisEndpoint,
    nameOf: (key: number) => string,
  ) {
    this.#nameOf = nameOf
    this.#clock = clock
    this.#postgres = postgres
    this.#redis = redis
  }

  /** From now on there is a server that lags behind, to fail over to. */
  copyRedis(): void {
    if (this.over) return
    this.#copies.push({ atMs: this.#clock.now(), restore: this.#redis.server.copy() })
    this.#clock.after(copyEveryMs, () => this.copyRedis())
  }

  happen(event: StoreEvent): void {
    const [postgres, redis] = [this.#postgres, this.#redis]
    switch (event.do) {
      case 'postgres away':
        return this.during(
          event.forMs,
          () => postgres.leave(),
          () => postgres.comeBack(),
        )
      case 'postgres frozen':
        return this.during(
          event.forMs,
          () => postgres.freeze(),
          () => postgres.thaw(),
        )
      case 'postgres disorder':
        return this.during(
          event.forMs,
          () => (postgres.server.disorder = event.disorder),
          () => (postgres.server.disorder = undefined),
        )
      case 'postgres rows locked':
        return this.during(
          event.forMs,
          () => event.keys.forEach((key) => postgres.server.locks.holdForApplication(this.#nameOf(key))),
          () => postgres.server.locks.releaseForApplication(event.keys.map((key) => this.#nameOf(key))),
        )
      case 'postgres loses parents':
        return this.during(
          event.forMs,
          () => (postgres.server.parentsLost = true),
          () => (postgres.server.parentsLost = false),
        )
      case 'postgres cuts connections':
        return postgres.cutAll()
      case 'redis away':
        return this.during(
          event.forMs,
          () => redis.leave(),
          () => redis.comeBack(),
        )
      case 'redis frozen':
        return this.during(
          event.forMs,
          () => redis.freeze(),
          () => redis.thaw(),
        )
      case 'redis refuses':
        return this.during(
          event.forMs,
          () => (redis.refusal = event.refusal),
          () => (redis.refusal = undefined),
        )
      case 'redis flushed':
        return redis.server.flush()
      case 'redis fails over':
        return this.#failOver(event.staleMs)
      case 'redis garbage':
        return this.#someKeys((key) => redis.server.set(key, 'foreign data'))
      case 'redis evicts':
        return this.#someKeys((key) => redis.server.delete(key))
    }
  }

  during(forMs: number, begin: () => void, end: () => void): void {
    begin()
    this.#clock.after(forMs, () => {
      if (!this.over) end()
    })
  }

  #someKeys(change: (key: string) => void): void {
    for (const key of this.#redis.server.keys) if (this.#redis.wire.chance(0.5)) change(key)
  }

  #failOver(staleMs: number): void {
    const now = this.#clock.now()
    const copy = this.#copies.findLast(({ atMs }) => atMs <= now - staleMs) ?? this.#copies[0]
    this.#redis.leave()
    copy?.restore()
    this.#redis.comeBack()
  }
}
