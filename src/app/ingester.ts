import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '#config/config.ts'
import { problemText } from '#connect/explain.ts'
import { reachClients } from '#connect/pubsub.ts'
import { Startup } from '#connect/startup.ts'
import { addressOf } from '#core/address.ts'
import type { Explain } from '#core/advice.ts'
import { advice } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import { withFields } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { LoadedPipeline, Pipeline } from '#core/pipeline.ts'
import { version } from '#runtime/version.ts'
import type { AdminServer } from '#telemetry/admin-server.ts'
import { startAdminServer } from '#telemetry/admin-server.ts'
import type { Metrics } from '#telemetry/metrics.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import type { Readiness } from '#telemetry/readiness.ts'
import { openRedis } from './cache.ts'
import { openDatabase } from './database.ts'
import { PipelineRun } from './pipeline-run.ts'
import { Termination } from './termination.ts'

/** A running ingester. Disposing it shuts it down gracefully. */
export interface Ingester extends AsyncDisposable {
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly adminUrl: string
  readonly pipelines: readonly RunningPipeline[]
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

/** One of its pipelines, for the startup summary. */
export interface RunningPipeline {
  readonly name: string
  /** Full name. */
  readonly subscription: string
  /** The table that it keeps. */
  readonly table: string
  /** What the cache does. */
  readonly cache: string
  /** How long a record waits for its batch to fill. */
  readonly flushIntervalMs: number
}

/** Time for nacks and for closing connections at a forced shutdown. */
const abortLimitMs = 2000

/**
 * Starts the service: waits for PostgreSQL and Pub/Sub, looks at the tables, and begins to consume. All pipelines start,
 * or none: what is wrong with one is wrong with the configuration. Later each is by itself.
 *
 * @param loaded at least one
 * @throws ConfigurationError, UnreachableError
 */
export async function startIngester(
  config: Config,
  loaded: readonly LoadedPipeline[],
  logger: Logger,
  options: {
    readonly observer?: Observer
    readonly signal?: AbortSignal
    /** For the metric. */
    readonly logLinesDropped?: () => number
    /** For the log and `/readyz`. */
    readonly explain?: Explain
  } = {},
): Promise<Ingester> {
  const startup = new Startup(config.startupTimeoutMs, logger, options.signal)
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics({ version, logLinesDropped: options.logLinesDropped ?? (() => 0) })
  const database = await openDatabase(startup, config, loaded, metrics, logger)
  const pool = starting.adopt(database.pool, (opened) => opened.end())
  const { pipelines } = database
  const clients = starting.adopt(await reachClients(startup, config.pubsub), (opened) => opened.close())
  const redis = starting.adopt(openRedis(config.redis), (opened) => opened?.close())
  const { observer, explain = problemText } = options
  const shared = { config, metrics, clients, redis, observer, explain }
  const termination = new Termination(logger)
  const runs: PipelineRun[] = []
  const shares = pipelines.map((pipeline) => ({ pipeline, connections: pool.share() }))
  for (const share of shares) {
    const own = {
      ...share,
      logger: isNamed(config, pipelines) ? withFields(logger, { pipeline: share.pipeline.name }) : logger,
      bounds: boundsOf(config, pipelines.length),
      // Where others go on it is looked for again; an orchestrator that sees the process end does as much for the last.
      onLost: (reason: string) => {
        if (!runs.every((run) => run.isLost)) return true
        termination.fail(reason)
        return false
      },
    }
    runs.push(starting.use(await PipelineRun.open(startup, shared, own)))
  }
  const readiness: Readiness = {
    notReadyBecause: () => termination.reasons,
    pipelines: () => runs.map((run) => run.readiness),
  }
  const admin = starting.use(await reachAdminAddress(startup, config, metrics, readiness, logger))

  for (const run of runs) run.start()
  const resources = starting.move()
  const stop = () =>
    termination.once(async () => {
      await Promise.all(runs.map((run) => run.stop()))
      await resources.disposeAsync()
    })
  return {
    adminUrl: admin.url,
    pipelines: runs,
    failed: termination.failed,
    get outstanding() {
      return runs.reduce((sum, run) => sum + run.outstanding, 0)
    },
    get problems() {
      const ofRuns = runs.flatMap(({ readiness: { name, notReadyBecause, degradedBecause } }) =>
        [...notReadyBecause, ...degradedBecause].map((reason) =>
          runs.length > 1 ? `${name}: ${reason}` : reason,
        ),
      )
      return [...termination.reasons, ...ofRuns]
    },
    stop,
    abort: async () => {
      const nacked = runs.reduce((sum, run) => sum + run.abort(), 0)
      await Promise.race([stop(), wait(abortLimitMs, undefined, { ref: false })])
      return nacked
    },
    [Symbol.asyncDispose]: stop,
  }
}

/** For machines always; a person who runs one pipeline knows which it is. */
function isNamed({ log }: Config, pipelines: readonly Pipeline[]): boolean {
  return log.output !== 'console' || pipelines.length > 1
}

/** Each pipeline's part of what the process may hold: one that is stuck fills its own, and takes nothing from the others. */
function boundsOf({ consumer, limits }: Config, pipelines: number) {
  const { maxOutstandingMessages, maxOutstandingBytes } = consumer
  return {
    maxOutstandingMessages: Math.max(1, Math.floor(maxOutstandingMessages / pipelines)),
    maxOutstandingBytes: Math.max(limits.maxMessageBytes, Math.floor(maxOutstandingBytes / pipelines)),
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
