import type pg from 'pg'
import { problemText } from '#connect/explain.ts'
import type { BypassCause, Verdict } from '#core/cache.ts'
import { noLogger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { EngineOptions } from '#ingest/engine.ts'
import { Engine } from '#ingest/engine.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { EpochWatch } from '#postgres/epoch-watch.ts'
import { createPool } from '#postgres/pool.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { RedisCache } from '#redis/cache.ts'
import { RedisConnection } from '#redis/connection.ts'
import { systemClock } from '#runtime/clock.ts'
import type { RedisServer } from '#stack/redis.ts'
import type { Broker } from '../simulated/ports/broker.ts'
import { Inbox } from '../simulated/ports/broker.ts'
import type { TestDatabase } from './postgres.ts'
import { Tally } from './tally.ts'
import { TappedCache, TappedWriter } from './taps.ts'

const maxMessageBytes = 1000

/** Counts also what the cache said, and why it was gone past. */
class ReplicaTally extends Tally {
  readonly judgedCount: Record<Verdict, number> = { fresh: 0, stale: 0, busy: 0 }
  readonly bypassedCount: Partial<Record<BypassCause, number>> = {}

  cacheVerdicts(verdict: Verdict, count: number): void {
    this.judgedCount[verdict] += count
  }

  cacheBypassed(cause: BypassCause, count: number): void {
    this.bypassedCount[cause] = (this.bypassedCount[cause] ?? 0) + count
  }

  /** Records that were offered to PostgreSQL. */
  get offered(): number {
    return this.batches.reduce((sum, records) => sum + records, 0)
  }
}

/** What replicas share. */
export interface SharedServices {
  readonly pipeline: Pipeline
  readonly broker: Broker
  readonly database: TestDatabase
  readonly server: RedisServer
}

export interface ReplicaOptions {
  readonly engine?: Partial<EngineOptions>
  readonly claims?: boolean
  /** Where it looks for Redis: a proxy's port. */
  readonly redisPort?: number
}

/** The real engine on the real stores, in real time; only its source is in memory. */
export class Replica {
  readonly tally = new ReplicaTally()
  readonly writer: TappedWriter
  readonly cache: TappedCache
  readonly redis: RedisCache
  readonly watch: EpochWatch
  readonly engine: Engine
  readonly inbox: Inbox
  alive = true
  readonly #broker: Broker
  readonly #pool: pg.Pool
  readonly #backends = new Set<number>()

  constructor(
    shared: SharedServices,
    { engine, claims = true, redisPort = shared.server.port }: ReplicaOptions,
  ) {
    const { pipeline, broker, database } = shared
    const common = {
      explain: problemText,
      pipeline,
      observer: this.tally,
      logger: noLogger,
      clock: systemClock,
    }
    const workers = engine?.workers ?? 2
    this.#broker = broker
    this.#pool = createPool({ ...database.options, poolSize: workers + 2 }, noLogger)
    this.#pool.on('connect', (client) => this.#noteBackend(client, 'add'))
    this.#pool.on('remove', (client) => this.#noteBackend(client, 'delete'))
    this.watch = new EpochWatch({
      ...common,
      pool: this.#pool,
      table: pipeline.sink,
      pipeline: pipeline.name,
    })
    this.redis = new RedisCache({
      ...common,
      connection: new RedisConnection({ host: shared.server.host, port: redisPort, db: 0, tls: false }),
      claims,
      ttlMs: 3_600_000,
      epoch: () => this.watch.current,
      isStill: (epoch) => this.watch.isStill(epoch),
    })
    this.writer = new TappedWriter(new TableWriter(this.#pool, pipeline.sink))
    this.cache = new TappedCache(this.redis)
    this.inbox = new Inbox(broker)
    this.engine = new Engine(
      {
        workers,
        maxBatchRecords: 200,
        maxBatchBytes: 2 ** 20,
        flushIntervalMs: 5,
        limits: { maxMessageBytes, maxClockSkewMs: 0 },
        ...engine,
      },
      {
        ...common,
        source: this.inbox,
        rules: pipeline,
        sink: this.writer,
        sinkName: pipeline.sink.name,
        cache: this.cache,
        deadLetters: new DeadLetterTable(this.#pool, {
          pipeline: pipeline.name,
          subscription: pipeline.name,
          maxMessageBytes,
        }),
      },
    )
    this.terminate = async () => {
      await database.query('SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) AS pid', [
        [...this.#backends],
      ])
    }
  }

  /** Ends all of its connections to PostgreSQL, from there. */
  readonly terminate: () => Promise<void>

  async start(): Promise<void> {
    await Promise.all([this.watch.read(), this.redis.firstAttempt()])
    this.#broker.join(this.inbox)
    this.engine.start()
  }

  /** It vanishes as a process does: what it held goes to others, its claims stay, and it does nothing more. */
  kill(): void {
    this.alive = false
    this.writer.vanished = true
    this.cache.vanished = true
    this.#broker.leave(this.inbox)
    this.#silence()
  }

  /** Closes everything. What it still held is no longer of interest. */
  async close(): Promise<void> {
    this.alive = false
    this.inbox.gone = true
    this.#silence()
    await this.redis[Symbol.asyncDispose]()
    await this.#pool.end()
  }

  /** Its lanes and timers come to an end. */
  #silence(): void {
    this.engine.abort()
    this.watch[Symbol.dispose]()
  }

  #noteBackend(client: pg.PoolClient, change: 'add' | 'delete'): void {
    const { processID } = client as pg.PoolClient & { readonly processID: number | null }
    if (processID !== null) this.#backends[change](processID)
  }
}
