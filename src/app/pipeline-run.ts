import { explain } from '#connect/explain.ts'
import { reachSubscription } from '#connect/pubsub.ts'
import { Startup } from '#connect/startup.ts'
import { decoderError, identityReused, refusedByDatabase, tooOld } from '#core/dead-letter.ts'
import { countsOnce, flushIntervalOf } from '#core/pipeline.ts'
import { ignoreRulesOf } from '#core/ignored.ts'
import type { Observer } from '#core/observer.ts'
import { observers } from '#core/observer.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { Engine } from '#ingest/engine.ts'
import { neededTables } from '#postgres/needed-tables.ts'
import { TableWatch } from '#postgres/table-watch.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import { sleep, systemClock } from '#runtime/clock.ts'
import type { PipelineReadiness } from '#telemetry/readiness.ts'
import type { OpenCache } from './cache.ts'
import { openCache } from './cache.ts'
import { CatalogWatch } from './catalog-watch.ts'
import { engineReasons } from './readiness.ts'
import type { Own, Running, Shared } from './running.ts'
import { assemble } from './running.ts'
import { upkeepOf } from './upkeep.ts'

/** For the gauges. */
interface Current {
  engine?: Engine
}

interface Opened {
  readonly observer: Observer
  readonly cache: OpenCache
  readonly subscription: string
  readonly current: Current
}

/** Before messages are returned because their table was altered: most are settled sooner. */
const settleWithinMs = 2000
const lookAgain = { initialMs: 1000, maxMs: 30_000 }

/**
 * One pipeline of a process, from its subscription to its table. What happens to it is its own affair: a store that is
 * away pauses it alone, and a subscription that is gone is looked for again while the others go on.
 */
export class PipelineRun implements AsyncDisposable {
  readonly name: string
  readonly table: string
  readonly #shared: Shared
  readonly #own: Own
  readonly #observer: Observer
  readonly #cache: OpenCache
  readonly #catalogWatch: CatalogWatch
  /** Of the tables beside its own; undefined where there are none. */
  readonly #upkeep: Disposable | undefined
  readonly #backoff = exponentialBackoff(lookAgain)
  readonly #stopping = new AbortController()
  readonly #current: Current
  #subscription: string
  /** For its table as it is. */
  #pipeline: Pipeline
  #tableWatch: TableWatch
  #running: Running
  #lost: string | undefined
  /** One engine takes the place of another in turn: never are there two. */
  #changes: Promise<void> = Promise.resolve()

  private constructor(shared: Shared, own: Own, { observer, cache, subscription, current }: Opened) {
    const { pipeline, connections, logger } = own
    this.name = pipeline.name
    this.table = pipeline.sink.name
    this.#shared = shared
    this.#own = own
    this.#observer = observer
    this.#cache = cache
    this.#subscription = subscription
    this.#current = current
    this.#pipeline = pipeline
    this.#running = this.#assemble()
    this.#tableWatch = this.#watchTables()
    this.#catalogWatch = new CatalogWatch({
      pool: connections,
      pipeline,
      logger,
      clock: systemClock,
      onAltered: (altered) => this.#rebind(altered),
    })
    this.#upkeep = upkeepOf(shared.config, own)
  }

  /**
   * Waits for its subscription and the first attempt at its cache. It consumes nothing before `start`.
   *
   * @throws ConfigurationError, UnreachableError
   */
  static async open(startup: Startup, shared: Shared, own: Own): Promise<PipelineRun> {
    const { pipeline, logger, connections } = own
    const { metrics, config, clients } = shared
    const current: Current = {}
    const counted = metrics.observe({
      name: pipeline.name,
      deadLetterReasons: reasonsOf(pipeline),
      ignoreRules: ignoreRulesOf(pipeline),
      outstanding: () => current.engine?.outstanding ?? 0,
      oldestOutstandingSeconds: () => current.engine?.oldestOutstandingSeconds ?? 0,
      lockedRecords: () => current.engine?.lockedRecords ?? 0,
      refusedRecords: () => current.engine?.refusedRecords ?? 0,
    })
    const observer = shared.observer ? observers(counted, shared.observer) : counted
    const subscription = await reachSubscription(startup, config, clients, pipeline, logger)
    const cache = await openCache(config.redis, shared.redis, pipeline, connections, observer, logger)
    return new PipelineRun(shared, own, { observer, cache, subscription, current })
  }

  /** Full name. */
  get subscription(): string {
    return this.#subscription
  }

  /** What the cache does, for the startup summary. */
  get cache(): string {
    return this.#cache.description
  }

  get flushIntervalMs(): number {
    return flushIntervalOf(this.#pipeline, this.#shared.config.engine.flushIntervalMs)
  }

  get engine(): Engine {
    return this.#running.engine
  }

  /** Deliveries received and not yet settled. */
  get outstanding(): number {
    return this.engine.outstanding
  }

  /** It has no source, and looks for it. */
  get isLost(): boolean {
    return this.#lost !== undefined
  }

  get readiness(): PipelineReadiness {
    const { engine, source } = this.#running
    return {
      name: this.name,
      notReadyBecause:
        this.#lost === undefined
          ? engineReasons(engine, source, this.#tableWatch, this.flushIntervalMs)
          : [this.#lost],
      degradedBecause: [...engine.waitingBecause, ...this.#cache.problems()],
    }
  }

  start(): void {
    this.engine.start()
  }

  /** Graceful: resolves when everything in flight is settled and its acks are sent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#changes
    await this.engine.stop()
  }

  /** Forced: nacks what remains; returns how many. */
  abort(): number {
    this.#stopping.abort()
    return this.engine.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#upkeep?.[Symbol.dispose]()
    this.#catalogWatch[Symbol.dispose]()
    this.#tableWatch[Symbol.dispose]()
    await this.#cache[Symbol.asyncDispose]()
  }

  #assemble(): Running {
    const running: Running = assemble(this.#shared, this.#own, {
      pipeline: this.#pipeline,
      subscription: this.#subscription,
      observer: this.#observer,
      cache: this.#cache.cache,
      // A source that was replaced may still fail while it closes.
      onFatal: (reason) => {
        if (this.#current.engine === running.engine) this.#sourceLost(reason)
      },
    })
    this.#current.engine = running.engine
    return running
  }

  #watchTables(): TableWatch {
    const { config, explain } = this.#shared
    const { connections: pool, logger } = this.#own
    const tables = neededTables(this.#pipeline.sink, config.redis.enabled)
    return new TableWatch({ pool, tables, logger, clock: systemClock, explain })
  }

  /** The table was altered: what is in flight was read for another one, and is read again. */
  async #rebind(altered: Pipeline): Promise<boolean> {
    // One that looks for its subscription has nothing to replace yet.
    if (this.#lost !== undefined || this.#stopping.signal.aborted) return false
    this.#own.logger.info({}, 'the table was altered: messages are read for its columns as they are now')
    await this.#inTurn(() => this.#replace(altered))
    return true
  }

  async #replace(altered: Pipeline): Promise<void> {
    const { signal } = this.#stopping
    const stopped = this.engine.stop()
    // What no longer fits the table is not settled by waiting.
    await Promise.race([stopped, sleep(systemClock, settleWithinMs, signal)])
    // A shutdown has a limit of its own.
    if (!signal.aborted) this.engine.abort()
    await stopped
    if (signal.aborted) return
    this.#tableWatch[Symbol.dispose]()
    this.#pipeline = altered
    this.#tableWatch = this.#watchTables()
    // Lost meanwhile: it is looked for next, and then there is an engine.
    if (this.#lost !== undefined) return
    this.#running = this.#assemble()
    this.start()
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    this.#changes = this.#changes.then(change)
    return this.#changes
  }

  #sourceLost(reason: string): void {
    if (this.#lost !== undefined) return
    this.#lost = reason
    this.#own.logger.error({}, reason)
    if (!this.#own.onLost(reason)) return
    void this.#inTurn(() => this.#recover())
  }

  /** Settles what is in flight, then looks for the subscription until it is there, or the process stops. */
  async #recover(): Promise<void> {
    const { signal } = this.#stopping
    const { config, clients } = this.#shared
    const { logger } = this.#own
    await this.engine.stop()
    while (!signal.aborted) {
      await sleep(systemClock, this.#backoff.next(), signal)
      if (signal.aborted) return
      try {
        const startup = new Startup(0, logger, signal)
        this.#subscription = await reachSubscription(startup, config, clients, this.#pipeline, logger)
        if (signal.aborted) return
      } catch (error) {
        logger.debug({ error: explain(error) }, 'the subscription is still away')
        continue
      }
      this.#running = this.#assemble()
      this.#lost = undefined
      logger.info({ subscription: this.#subscription }, 'the subscription is consumed again')
      this.start()
      return
    }
  }
}

/** All that its dead letters may have as their reason. */
function reasonsOf({ rejections, sink }: Pipeline): string[] {
  const ofEngine = [decoderError, refusedByDatabase, ...(countsOnce(sink) ? [tooOld, identityReused] : [])]
  return [...new Set([...rejections, ...ofEngine])]
}
