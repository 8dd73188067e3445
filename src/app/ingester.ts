import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '#config/config.ts'
import { pipelineNamed } from '#connect/pipelines.ts'
import { reachClients, reachSubscription } from '#connect/pubsub.ts'
import { Startup } from '#connect/startup.ts'
import { addressOf } from '#core/address.ts'
import { refusedByDatabase } from '#core/dead-letter.ts'
import { advice } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import { observers } from '#core/observer.ts'
import { Engine } from '#ingest/engine.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { neededTables } from '#postgres/needed-tables.ts'
import { TableWatch } from '#postgres/table-watch.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { PubsubSource } from '#pubsub/source.ts'
import { systemClock } from '#runtime/clock.ts'
import { version } from '#runtime/version.ts'
import type { AdminServer, Readiness } from '#telemetry/admin-server.ts'
import { startAdminServer } from '#telemetry/admin-server.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import { openCache } from './cache.ts'
import { openDatabase } from './database.ts'
import { readinessOf } from './readiness.ts'
import { Termination } from './termination.ts'
import { explain, problemText } from '#connect/explain.ts'

/** A running ingester. Disposing it shuts it down gracefully. */
export interface Ingester extends AsyncDisposable {
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly adminUrl: string
  /** Full name. */
  readonly subscription: string
  /** The table that it keeps. */
  readonly table: string
  /** What the cache does, for the startup summary. */
  readonly cache: string
  /** Resolves, with the reason, after a fatal error. It does not stop on its own. */
  readonly failed: Promise<Error>
  /** Deliveries received and not yet settled. */
  readonly outstanding: number
  /** Why it does not consume, or bypasses its cache; empty without problems. */
  readonly problems: readonly string[]
  /** Takes no more messages, settles those in flight, sends the acks, closes everything. Repeatable. */
  stop(): Promise<void>
  /** Nacks the unsettled deliveries, with a short timeout, and returns their number. */
  abort(): Promise<number>
}

/** The official emulator sends about 2,000 messages a second on each stream. */
const streams = 4
/** Time for nacks and for closing connections at a forced shutdown. */
const abortLimitMs = 2000

/**
 * Starts the service: waits for PostgreSQL and Pub/Sub, looks at the tables, and begins to consume.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function startIngester(
  config: Config,
  logger: Logger,
  options: {
    readonly observer?: Observer
    readonly signal?: AbortSignal
    /** For the metric. */
    readonly logLinesDropped?: () => number
  } = {},
): Promise<Ingester> {
  const pipeline = pipelineNamed(config.pipeline)
  const startup = new Startup(config.startupTimeoutMs, logger, options.signal)
  await using starting = new AsyncDisposableStack()

  const metrics: Metrics = createMetrics({
    pipeline: pipeline.name,
    version,
    deadLetterReasons: [...pipeline.rejections, refusedByDatabase],
    outstanding: () => engine.outstanding,
    oldestOutstandingSeconds: () => engine.oldestOutstandingSeconds,
    logLinesDropped: options.logLinesDropped ?? (() => 0),
    lockedRecords: () => engine.lockedRecords,
    refusedRecords: () => engine.refusedRecords,
  })
  const observer = options.observer ? observers(metrics.observer, options.observer) : metrics.observer
  const pool = starting.adopt(await openDatabase(startup, config, pipeline, observer, logger), (opened) =>
    opened.end(),
  )
  const clients = starting.adopt(await reachClients(startup, config.pubsub), (opened) => opened.close())
  const subscription = await reachSubscription(startup, config, clients, pipeline, logger)
  const cache = starting.use(await openCache(config.redis, pipeline, pool, observer, logger))
  const termination = new Termination(logger)
  const clock = systemClock
  const source = new PubsubSource({
    ...config.consumer,
    clients,
    subscription,
    streams,
    clock,
    logger,
    observer,
    onFatal: (error) =>
      termination.fail(`Pub/Sub: ${explain(error)}; check that ${subscription} exists and may be consumed`),
  })
  const { maxMessageBytes } = config.limits
  const engine = new Engine(
    { ...config.engine, limits: config.limits },
    {
      rules: pipeline,
      source,
      observer,
      logger,
      clock,
      explain: problemText,
      cache: cache.cache,
      sink: new TableWriter(pool, pipeline.sink),
      sinkName: pipeline.sink.name,
      deadLetters: new DeadLetterTable(pool, { pipeline: pipeline.name, subscription, maxMessageBytes }),
    },
  )
  const tables = neededTables(pipeline.sink, config.redis.enabled)
  const tableWatch = starting.use(new TableWatch({ pool, tables, logger, clock, explain: problemText }))
  const parts = { termination, engine, tableWatch, source, cache }
  const readiness = readinessOf(parts, config.engine.flushIntervalMs)
  const admin = starting.use(await reachAdminAddress(startup, config, metrics, readiness, logger))

  engine.start()
  const resources = starting.move()
  const stop = () =>
    termination.once(async () => {
      await engine.stop()
      await resources.disposeAsync()
    })
  return {
    adminUrl: admin.url,
    subscription,
    table: pipeline.sink.name,
    cache: cache.description,
    failed: termination.failed,
    get outstanding() {
      return engine.outstanding
    },
    get problems() {
      return [...readiness.notReadyBecause(), ...readiness.degradedBecause()]
    },
    stop,
    abort: async () => {
      const nacked = engine.abort()
      await Promise.race([stop(), wait(abortLimitMs, undefined, { ref: false })])
      return nacked
    },
    [Symbol.asyncDispose]: stop,
  }
}

function reachAdminAddress(
  startup: Startup,
  { http }: Config,
  metrics: Metrics,
  readiness: Readiness,
  logger: Logger,
): Promise<AdminServer> {
  return startup.reach(
    `the admin server's address ${addressOf(http.host, http.port)}`,
    advice`choose another with INGESTER_HTTP_HOST and INGESTER_HTTP_PORT (0: any free port)`,
    () => startAdminServer({ ...http, ...readiness, metrics, logger }),
    () => true,
  )
}
