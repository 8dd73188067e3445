import type pg from 'pg'
import { noCache } from '#core/cache.ts'
import type { Logger } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { EngineOptions } from '#ingest/engine.ts'
import { Engine } from '#ingest/engine.ts'
import { DeadLetterTable } from '#postgres/dead-letter-table.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import type { Clock } from '#runtime/clock.ts'
import { systemClock } from '#runtime/clock.ts'
import type { Broker } from '../simulated/ports/broker.ts'
import { Inbox } from '../simulated/ports/broker.ts'
import type { TestDatabase } from './postgres.ts'
import { Tally } from './tally.ts'

/** Time that passes this many times as fast: what an engine does after seconds is seen in a moment. */
export function fasterClock(factor: number): Clock {
  return {
    now: () => systemClock.now() * factor,
    unixMs: () => systemClock.unixMs(),
    after: (ms, fn) => systemClock.after(ms / factor, fn),
  }
}

export interface TableReplicaOptions extends Partial<EngineOptions> {
  readonly clock?: Clock
  readonly logger?: Logger
  readonly statementTimeoutMs?: number
}

/** The real engine on a real PostgreSQL, without a cache; its source is in memory. */
export class TableReplica implements AsyncDisposable {
  readonly tally = new Tally()
  readonly engine: Engine
  readonly inbox: Inbox
  readonly #pool: pg.Pool

  constructor(pipeline: Pipeline, broker: Broker, database: TestDatabase, options: TableReplicaOptions = {}) {
    const { clock = systemClock, logger = noLogger, workers = 2, statementTimeoutMs = 20_000 } = options
    this.#pool = database.pool({ poolSize: workers + 2, statementTimeoutMs })
    this.inbox = new Inbox(broker)
    const limits = { maxMessageBytes: 1000, maxClockSkewMs: 0 }
    const common = { pipeline: pipeline.name, subscription: pipeline.name }
    this.engine = new Engine(
      { workers, maxBatchRecords: 1000, maxBatchBytes: 2 ** 20, flushIntervalMs: 5, limits, ...options },
      {
        rules: pipeline,
        clock,
        logger,
        source: this.inbox,
        cache: noCache,
        observer: this.tally,
        sink: new TableWriter(this.#pool, pipeline.sink),
        sinkName: pipeline.sink.name,
        deadLetters: new DeadLetterTable(this.#pool, { ...common, maxMessageBytes: 1000 }),
      },
    )
    broker.join(this.inbox)
    this.engine.start()
  }

  /** Ends its lanes and timers; what it still held no longer matters. The pool ends with its database. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.inbox.gone = true
    this.engine.abort()
    await this.engine.stop()
  }
}
