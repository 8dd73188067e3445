import type { Config } from '#config/config.ts'
import { addressOf } from '#core/address.ts'
import { problemText } from '#connect/explain.ts'
import type { Cache } from '#core/cache.ts'
import { noCache } from '#core/cache.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { countsOnce } from '#core/pipeline.ts'
import type { EpochWatchOptions } from '#postgres/epoch-watch.ts'
import { EpochWatch } from '#postgres/epoch-watch.ts'
import { RedisCache } from '#redis/cache.ts'
import { RedisConnection } from '#redis/connection.ts'
import type { ScriptRunner } from '#redis/script-runner.ts'
import { borrowed } from '#redis/script-runner.ts'
import { systemClock } from '#runtime/clock.ts'

/** The cache of a running pipeline. */
export interface OpenCache extends AsyncDisposable {
  readonly cache: Cache
  /** For the startup summary. */
  readonly description: string
  /** Why it is bypassed; empty while it is in use, or disabled. */
  readonly problems: () => readonly string[]
}

/** The connection that the caches of all pipelines share; undefined where there is to be no cache. */
export function openRedis(config: Config['redis']): RedisConnection | undefined {
  return config.enabled ? new RedisConnection(config) : undefined
}

/**
 * Redis as configured, together with the watch on the table that its watermarks are about. A missing Redis does not
 * prevent a start: it is retried, and until it is available PostgreSQL does all the work.
 */
export async function openCache(
  config: Config['redis'],
  shared: ScriptRunner | undefined,
  pipeline: Pipeline,
  pool: EpochWatchOptions['pool'],
  observer: Observer,
  logger: Logger,
): Promise<OpenCache> {
  if (countsOnce(pipeline.sink)) return none('none: each record counts, and none is stale')
  if (!shared) return none('none (INGESTER_REDIS_ENABLED=false)')
  const clock = systemClock
  const watch = new EpochWatch({ pool, table: pipeline.sink, pipeline: pipeline.name, logger, clock })
  const epoch = () => watch.current
  const isStill = (one: string) => watch.isStill(one)
  const connection = borrowed(shared)
  const redis = new RedisCache({
    ...config,
    connection,
    pipeline,
    epoch,
    isStill,
    observer,
    logger,
    clock,
    explain: problemText,
  })
  await Promise.all([watch.read(), redis.firstAttempt()])
  return {
    cache: redis,
    description: describe(config),
    problems: () => [redis.problem, watch.problem].filter((reason) => reason !== undefined),
    [Symbol.asyncDispose]: async () => {
      await redis[Symbol.asyncDispose]()
      watch[Symbol.dispose]()
    },
  }
}

function none(description: string): OpenCache {
  return { cache: noCache, description, problems: () => [], [Symbol.asyncDispose]: async () => {} }
}

function describe({ host, port, db, tls, claims }: Config['redis']): string {
  const address = addressOf(host, port)
  const what = claims ? 'watermarks and claims' : 'watermarks, no claims'
  return `${tls ? 'rediss' : 'redis'}://${address}/${db}, ${what}`
}
