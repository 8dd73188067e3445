import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '#config/config.ts'
import { noCache } from '#core/cache.ts'
import { messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import { observers } from '#core/observer.ts'
import { Engine } from '#ingest/engine.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { createPool } from '#postgres/pool.ts'
import { isRefusedForGood } from '#postgres/sqlstate.ts'
import { checkTables } from '#postgres/start-check.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { ensureSubscription } from '#pubsub/admin.ts'
import { connectPubsub, isPermanent } from '#pubsub/client.ts'
import { PubsubSource } from '#pubsub/source.ts'
import { systemClock } from '#runtime/clock.ts'
import { startAdminServer } from '#telemetry/admin-server.ts'
import { createMetrics } from '#telemetry/metrics.ts'
import { pipelineNamed } from './pipelines.ts'
import { Startup } from './startup.ts'
import { version } from './version.ts'

/** A running ingester. Disposing it stops it softly. */
export interface Ingester extends AsyncDisposable {
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly adminUrl: string
  /** Full name. */
  readonly subscription: string
  /** Resolves, with the reason, when it cannot go on. It does not stop by itself. */
  readonly failed: Promise<Error>
  readonly outstanding: number
  /** Takes no more, settles what is in hand, sends the acks, closes everything. Idempotent. */
  stop(): Promise<void>
  /** Nacks what is in hand, with little patience for the network. Returns how many that were. */
  abort(): Promise<number>
}

/** Four streams keep the official emulator's 2,000 messages a second and stream from being the limit too soon. */
const streams = 4
/** So long `/readyz` says that it is over before the process ends, for whoever watches it. */
const lastWordsMs = 2000
/** After a hard stop the nacks and the goodbyes have so long. */
const abortLimitMs = 2000

/**
 * Starts the service: waits for PostgreSQL and Pub/Sub, checks the tables, and begins to consume.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function startIngester(
  config: Config,
  logger: Logger,
  options: { readonly observer?: Observer; readonly signal?: AbortSignal } = {},
): Promise<Ingester> {
  const pipeline = pipelineNamed(config.pipeline)
  const startup = new Startup(config.startupTimeoutMs, logger, options.signal)
  await using starting = new AsyncDisposableStack()

  const pool = createPool(config.postgres, logger)
  starting.defer(() => pool.end())
  const { host, port, database } = config.postgres
  await startup.reach(
    `PostgreSQL at ${host}:${port}/${database}`,
    'check INGESTER_POSTGRES_HOST, _PORT, _USER, _PASSWORD, _DB and _SSL_MODE',
    () => checkTables(pool, pipeline.sink),
    isRefusedForGood,
  )

  const clients = await connectPubsub(config.pubsub)
  starting.defer(() => clients.close())
  const topicId = config.pubsub.topicId ?? pipeline.source.topicId
  const subscriptionId = config.pubsub.subscriptionId ?? pipeline.source.subscriptionId
  const ackDeadlineSeconds = Math.round(config.pubsub.ackDeadlineMs / 1000)
  const subscription = await startup.reach(
    config.pubsub.emulatorHost ? `the Pub/Sub emulator at ${config.pubsub.emulatorHost}` : 'Pub/Sub',
    'check INGESTER_PROJECTID, PUBSUB_EMULATOR_HOST and the credentials (GOOGLE_APPLICATION_CREDENTIALS)',
    () => ensureSubscription(clients, { topicId, subscriptionId }, ackDeadlineSeconds),
    isPermanent,
  )

  const failed = Promise.withResolvers<Error>()
  let ending: string | undefined
  const metrics = createMetrics({
    pipeline: pipeline.name,
    version,
    outstanding: () => engine.outstanding,
    oldestOutstandingSeconds: () => engine.oldestOutstandingSeconds,
  })
  const observer = options.observer ? observers(metrics.observer, options.observer) : metrics.observer
  const clock = systemClock
  const source = new PubsubSource({
    ...config.pubsub,
    clients,
    subscription,
    streams,
    clock,
    logger,
    observer,
    onFatal: (error) => {
      ending = `Pub/Sub: ${messageOf(error)}; check that ${subscription} exists and may be consumed`
      logger.error({ error: messageOf(error) }, ending)
      void wait(lastWordsMs).then(() => failed.resolve(new Error(ending)))
    },
  })
  const engine = new Engine(
    { ...config.engine, limits: config.limits },
    {
      pipeline,
      source,
      observer,
      logger,
      clock,
      cache: noCache,
      writer: new TableWriter(pool, pipeline.sink),
      deadLetters: new DeadLetterTable(pool, {
        pipeline: pipeline.name,
        subscription,
        maxMessageBytes: config.limits.maxMessageBytes,
      }),
    },
  )
  const notReadyBecause = () => {
    if (ending !== undefined) return [ending]
    const streamless = source.wantsMore && source.streamsOpen === 0
    return [...engine.heldBecause, ...(streamless ? ['Pub/Sub: no stream is open yet'] : [])]
  }
  const admin = await startup.reach(
    `the address ${config.http.host}:${config.http.port} of the admin server`,
    'choose another with INGESTER_HTTP_HOST and INGESTER_HTTP_PORT (0: any free port)',
    () => startAdminServer({ ...config.http, metrics, notReadyBecause, logger }),
    () => true,
  )
  starting.use(admin)

  engine.start()
  const resources = starting.move()
  let stopping: Promise<void> | undefined
  const stop = () =>
    (stopping ??= (async () => {
      ending ??= 'stopping'
      await engine.stop()
      await resources.disposeAsync()
    })())
  return {
    adminUrl: admin.url,
    subscription,
    failed: failed.promise,
    get outstanding() {
      return engine.outstanding
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
