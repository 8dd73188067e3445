import type { Delivery, Settlement } from '#core/delivery.ts'
import { noneSettled } from '#core/delivery.ts'
import { noCache } from '#core/cache.ts'
import type { Fields, Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import { Engine } from '#ingest/engine.ts'
import { AppliedUpkeep } from '#postgres/applied/applied-upkeep.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { EpochWatch } from '#postgres/epoch-watch.ts'
import { PubsubSource } from '#pubsub/source.ts'
import { RedisCache } from '#redis/cache.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Counts } from '../oracle/counts.ts'
import type { Point, Watched } from '../simulated/servers/host.ts'
import type { Plan } from './plan.ts'
import type { PostgresEndpoint } from '../simulated/servers/postgres-endpoint.ts'
import type { RedisEndpoint } from '../simulated/servers/redis-endpoint.ts'
import { SimulatedRedisConnection } from '../simulated/servers/redis-connection.ts'
import { SimulatedPostgresPool } from '../simulated/servers/postgres-pool.ts'
import type { SimulatedBroker } from '../simulated/servers/broker.ts'
import { SimulatedSubscriber } from '../simulated/servers/subscriber.ts'
import type { Story } from '../simulated/servers/story.ts'
import { windowMs } from './identities.ts'
import type { Referee } from './referee.ts'
import { workloads } from './workloads.ts'
import { TappedSource } from './tapped-source.ts'
import { TappedWriter } from './tapped-writer.ts'
import { writerOf } from './writer-of.ts'

export interface Environment {
  readonly plan: Plan
  readonly clock: Clock
  readonly story: Story
  readonly broker: SimulatedBroker
  readonly postgres: PostgresEndpoint
  readonly redis: RedisEndpoint
  readonly judge: Referee
  /** For how long it knows identities. */
  readonly horizonMs: number
}

const maxMessageBytes = 1000
const streams = 2
/** As `INGESTER_SHUTDOWN_TIMEOUT`, and what the nacks of a forced shutdown have. */
const shutdownMs = 25_000
const abortMs = 2000
/** Connections beside those of the workers, as `INGESTER_POSTGRES_POOL_SIZE` has them. */
const spareConnections = 2

/** One process, from its start to its end: the real parts, put together as the app does, on simulated wires. */
export class Replica implements Watched {
  readonly name: string
  readonly clock: Clock
  alive = true
  /** Its graceful shutdown has ended: everything was settled. */
  stopped = false
  /** It was told to stop. */
  stopping = false
  aborted = false
  readonly engine: Engine
  /** Timers that are set. */
  timers = 0
  readonly #environment: Environment
  readonly #settled: Record<Settlement, number> = noneSettled()
  #received = 0
  #ignoredRecords = 0
  #diesAt: Point | undefined
  #cancelLimit: () => void = () => {}
  readonly #ended: () => void
  readonly #subscriber: SimulatedSubscriber
  readonly #pool: SimulatedPostgresPool
  readonly #source: TappedSource
  readonly #watch: EpochWatch
  readonly #connection: SimulatedRedisConnection | undefined
  readonly #cache: RedisCache | undefined
  #upkeep: AppliedUpkeep | undefined

  /** @param ended called once, when the process is gone */
  constructor(name: string, environment: Environment, ended: () => void) {
    const { plan, story, postgres, redis, broker, judge, horizonMs } = environment
    const { pipeline }: { pipeline: Pipeline } = workloads[plan.workload]
    this.name = name
    this.#environment = environment
    this.#ended = ended
    this.clock = this.#ownClock(environment.clock)
    this.#subscriber = new SimulatedSubscriber(this, broker)
    this.#pool = new SimulatedPostgresPool(this, postgres, plan.workers + spareConnections)
    const common = { pipeline, observer: this.#observer(), logger: this.#logger(), clock: this.clock }
    this.#watch = new EpochWatch({
      ...common,
      pool: this.#pool as never,
      table: pipeline.sink,
      pipeline: pipeline.name,
    })
    if (plan.cache) {
      this.#connection = new SimulatedRedisConnection(this, redis)
      this.#cache = new RedisCache({
        ...common,
        connection: this.#connection,
        claims: plan.claims,
        ttlMs: plan.watermarkLifeMs,
        epoch: () => this.#watch.current,
        isStill: (epoch) => this.#watch.isStill(epoch),
      })
    }
    const source = new PubsubSource({
      ...common,
      clients: this.#subscriber.clients,
      subscription: 's',
      streams,
      ackDeadlineMs: plan.ackDeadlineMs,
      maxOutstandingMessages: plan.maxMessages,
      maxOutstandingBytes: plan.maxBytes,
      onFatal: (error) => story.breach('errors', `${name} cannot go on: ${error.message}`),
    })
    this.#source = new TappedSource(source, this, plan, story)
    this.engine = new Engine(
      { ...plan, limits: { maxMessageBytes, maxClockSkewMs: 0 } },
      {
        ...common,
        source: this.#source,
        rules: pipeline,
        sinkName: pipeline.sink.name,
        sink: new TappedWriter(writerOf(pipeline, this.#pool, horizonMs), this, plan, story, judge),
        cache: this.#cache ?? noCache,
        deadLetters: new DeadLetterTable(this.#pool as never, {
          pipeline: pipeline.name,
          subscription: 's',
          maxMessageBytes,
        }),
      },
    )
  }

  start(): void {
    this.#environment.story.tell(this.name, () => 'starts')
    this.keepIdentities()
    if (this.#cache) void this.#watch.read()
    this.engine.start()
  }

  /** As it does every ten minutes, of which none pass here. */
  keepIdentities(): void {
    const { plan, horizonMs } = this.#environment
    const { name: pipeline, sink }: Pipeline = workloads[plan.workload].pipeline
    if (!countsOnce(sink) || !this.alive || this.stopping) return
    this.#upkeep?.[Symbol.dispose]()
    const ports = { pool: this.#pool as never, logger: this.#logger(), clock: this.clock }
    this.#upkeep = new AppliedUpkeep({ ...ports, pipeline, horizonMs, windowMs })
  }

  /** What of it has not recovered; undefined where all is well, or it is on its way out. */
  get ailment(): string | undefined {
    if (!this.alive || this.stopping) return undefined
    // It may still hold, with its streams open: only a new message can show it that the table is there again.
    if (this.#subscriber.streams.size < streams) return `has ${this.#subscriber.streams.size} streams open`
    return this.#cache && this.#watch.current === undefined ? 'does not know the epoch' : undefined
  }

  /** What keeps it from stopping, for people. */
  get unfinished(): string {
    return `${this.engine.outstanding} deliveries in flight, ${this.#pool.lent} connections lent out`
  }

  get counts(): Counts {
    const { 'dead-lettered': deadLettered, ...settled } = this.#settled
    return { received: this.#received, ...settled, deadLettered, outstanding: this.engine.outstanding }
  }

  /** Whether it lives, has received this, and has not settled it. */
  holds(ackId: string): boolean {
    return this.alive && this.#source.holds(ackId)
  }

  at(point: Point): void {
    if (this.#diesAt === point) this.kill(`at "${point}"`)
  }

  /** Ends it at once, or the next time that it comes so far. */
  crash(point: Point | undefined): void {
    if (point === undefined) this.kill('now')
    else this.#diesAt = point
  }

  /** Nothing kills it from now on. */
  spare(): void {
    this.#diesAt = undefined
  }

  /** It vanishes: its connections break, and it does nothing more. */
  kill(when: string): void {
    if (!this.alive) return
    const { story, broker } = this.#environment
    story.tell(this.name, () => `dies ${when}, holding ${this.engine.outstanding}`)
    story.count(
      this.engine.outstanding > 0 ? 'crash with deliveries outstanding' : 'crash with nothing outstanding',
    )
    this.#end()
    this.#subscriber.cut(broker.wire.chance(0.3) ? broker.wire.below(5000) : 0)
  }

  /** As the first signal does. */
  drain(): void {
    if (!this.alive || this.stopped) return
    this.#environment.story.tell(this.name, () => 'shuts down gracefully')
    this.#environment.story.count('graceful shutdown')
    void this.#stop()
    this.#cancelLimit = this.clock.after(shutdownMs, () => this.forceStop())
  }

  /** As the second one does. */
  forceStop(): void {
    if (!this.alive || this.aborted) return
    const { story } = this.#environment
    this.aborted = true
    const { outstanding } = this.engine
    const nacked = this.engine.abort()
    story.tell(this.name, () => `is forced to shut down, nacking ${nacked}`)
    story.count('forced shutdown')
    if (nacked !== outstanding) {
      story.breach('settlements', `${this.name} held ${outstanding} and nacked ${nacked}`)
    }
    void this.#stop()
    this.#cancelLimit()
    this.#cancelLimit = this.clock.after(abortMs, () => this.#exit())
  }

  async #stop(): Promise<void> {
    if (this.stopping) return
    this.stopping = true
    await this.engine.stop()
    await this.#cache?.[Symbol.asyncDispose]()
    this.#upkeep?.[Symbol.dispose]()
    this.#watch[Symbol.dispose]()
    await this.#pool.end()
    this.#exit()
  }

  #exit(): void {
    if (!this.alive) return
    const { story } = this.#environment
    this.stopped = true
    this.#cancelLimit()
    story.tell(this.name, () => 'has stopped')
    if (this.engine.outstanding > 0)
      story.breach('stopping', `${this.name} has stopped with deliveries outstanding`)
    this.#end()
    this.#subscriber.cut()
  }

  #end(): void {
    const { broker, postgres, redis } = this.#environment
    this.alive = false
    this.#upkeep?.[Symbol.dispose]()
    this.#watch[Symbol.dispose]()
    broker.subscribers.delete(this.#subscriber)
    postgres.pools.delete(this.#pool)
    this.#pool.vanish()
    if (this.#connection) redis.connections.delete(this.#connection)
    this.#ended()
  }

  #ownClock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      unixMs: () => clock.unixMs(),
      after: (ms, fn) => {
        this.timers += 1
        let isSet = true
        const end = () => {
          if (isSet) this.timers -= 1
          isSet = false
        }
        const cancel = clock.after(ms, () => {
          end()
          if (this.alive) fn()
        })
        return () => {
          end()
          cancel()
        }
      },
    }
  }

  #logger(): Logger {
    const tell = (fields: Fields, message: string) =>
      this.#environment.story.tell(this.name, () => `says: ${message} ${JSON.stringify(fields)}`)
    return { debug: () => {}, info: () => {}, warn: tell, error: tell }
  }

  #observer(): Observer {
    const story = {
      count: (kind: string, times?: number) => this.alive && this.#environment.story.count(kind, times),
      tell: (name: string, what: () => string) => this.alive && this.#environment.story.tell(name, what),
    }
    return {
      received: (deliveries: readonly Delivery[]) => {
        this.#received += deliveries.length
        story.count('received', deliveries.length)
      },
      settled: (settlement, count) => {
        this.#settled[settlement] += count
        story.count(`settled: ${settlement}`, count)
        if (this.#settled.ignored > this.#ignoredRecords)
          this.#environment.story.breach('settlements', `${this.name} ignored what no rule was counted for`)
        story.tell(this.name, () => `settles ${count} as ${settlement}`)
      },
      ignored: (rule, count) => {
        this.#ignoredRecords += count
        story.count(`ignored: ${rule}`, count)
      },
      cacheVerdicts: (verdict, count) => story.count(`verdict: ${verdict}`, count),
      cacheBypassed: (cause, count) => story.count(`bypass: ${cause}`, count),
      writeFailed: (failureClass) => {
        story.count(`write failed: ${failureClass}`)
        story.tell(this.name, () => `fails to write: ${failureClass}`)
      },
      held: (reason) => {
        story.count(reason === undefined ? 'hold ended' : 'hold began')
        story.tell(this.name, () => (reason === undefined ? 'writes resumed' : `writes paused: ${reason}`))
      },
      leasesLost: (count) => story.count('leases lost', count),
    }
  }
}
