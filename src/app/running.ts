import type { Config } from '#config/config.ts'
import { explain } from '#connect/explain.ts'
import type { Explain } from '#core/advice.ts'
import type { Cache } from '#core/cache.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { countsOnce, flushIntervalOf } from '#core/pipeline.ts'
import type { Sink } from '#core/sink.ts'
import { Engine } from '#ingest/engine.ts'
import type { Connections } from '#postgres/connection-pool.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { IdentifiedWriter } from '#postgres/applied/identified-writer.ts'
import { GuardedTableWriter } from '#postgres/guarded-table-writer.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { PubsubSource } from '#pubsub/source.ts'
import type { ScriptRunner } from '#redis/script-runner.ts'
import { systemClock } from '#runtime/clock.ts'
import type { Metrics } from '#telemetry/metrics.ts'

/** What the pipelines of a process have in common. */
export interface Shared {
  readonly config: Config
  readonly metrics: Metrics
  readonly clients: PubsubClients
  /** Undefined where there is no cache. */
  readonly redis: ScriptRunner | undefined
  /** Listens to what each pipeline tells, beside the metrics. */
  readonly observer: Observer | undefined
  readonly explain: Explain
}

/** What is the pipeline's own. */
export interface Own {
  readonly pipeline: Pipeline
  readonly logger: Logger
  /** Its part of the pool. */
  readonly connections: Connections
  /** Of {@link Config}'s bounds for the process. */
  readonly bounds: { readonly maxOutstandingMessages: number; readonly maxOutstandingBytes: number }
  /** Called when it has lost its source; returns whether to look for it again. */
  readonly onLost: (reason: string) => boolean
}

/** A source and the engine behind it, of which a pipeline has one at a time. */
export interface Running {
  readonly source: PubsubSource
  readonly engine: Engine
}

/** The official emulator sends about 2,000 messages a second on each stream. */
const streams = 4

export interface Parts {
  readonly pipeline: Pipeline
  /** Full name. */
  readonly subscription: string
  readonly observer: Observer
  readonly cache: Cache
  /** Called when the source is lost. */
  readonly onFatal: (reason: string) => void
}

/** A source and the engine behind it, which consume nothing before the engine is started. */
export function assemble(
  { config, clients, explain: explainProblem }: Shared,
  { logger, bounds, connections }: Own,
  { pipeline, subscription, observer, cache, onFatal }: Parts,
): Running {
  const { maxMessageBytes } = config.limits
  const common = { observer, logger, clock: systemClock }
  const source = new PubsubSource({
    ...common,
    ...config.consumer,
    ...bounds,
    clients,
    subscription,
    streams,
    onFatal: (error) =>
      onFatal(`Pub/Sub: ${explain(error)}; check that ${subscription} exists and may be consumed`),
  })
  const engine = new Engine(
    {
      ...config.engine,
      flushIntervalMs: flushIntervalOf(pipeline, config.engine.flushIntervalMs),
      limits: config.limits,
      maxGrownBytes: bounds.maxOutstandingBytes,
    },
    {
      ...common,
      rules: pipeline,
      source,
      explain: explainProblem,
      cache,
      sink: sinkOf(config, pipeline, connections),
      sinkName: pipeline.sink.name,
      deadLetters: new DeadLetterTable(connections, {
        pipeline: pipeline.name,
        subscription,
        maxMessageBytes,
      }),
    },
  )
  return { source, engine }
}

function sinkOf({ engine }: Config, { name, sink: table }: Pipeline, connections: Connections): Sink {
  if (countsOnce(table))
    return new IdentifiedWriter(connections, table, { pipeline: name, horizonMs: engine.identityHorizonMs })
  return table.deletes
    ? new GuardedTableWriter(connections, table, { pipeline: name, horizonMs: engine.deleteHorizonMs })
    : new TableWriter(connections, table)
}
