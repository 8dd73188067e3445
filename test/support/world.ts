import assert from 'node:assert/strict'
import type { Delivery } from '#core/delivery.ts'
import type { Fields } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import { isRejection } from '#core/pipeline.ts'
import type { EngineOptions } from '#ingest/engine.ts'
import { Engine } from '#ingest/engine.ts'
import { ackBreach } from '../oracle/acks.ts'
import type { Meaning } from '../oracle/facts.ts'
import { tableBreaches } from '../oracle/table.ts'
import { Journal } from './journal.ts'
import { SimulatedCache } from '../simulated/ports/cache.ts'
import { SimulatedDeadLetters } from '../simulated/ports/dead-letters.ts'
import { SimulatedSource, textOf } from '../simulated/ports/source.ts'
import { SimulatedTable } from '../simulated/ports/table.ts'
import { Tally } from './tally.ts'
import { VirtualClock } from './virtual-clock.ts'
import { decodeWords, wordPipeline } from './word-pipeline.ts'

/** A whole engine on simulated ports, in virtual time, started. */
export class World {
  readonly clock = new VirtualClock()
  readonly journal = new Journal()
  readonly source = new SimulatedSource(this.clock, this.journal)
  readonly table = new SimulatedTable(this.clock, this.journal)
  readonly cache = new SimulatedCache(this.journal)
  readonly deadLetters = new SimulatedDeadLetters(this.clock, this.journal)
  readonly tally = new Tally()
  readonly engine: Engine
  /** Fields of what was warned about. */
  readonly warnings: Fields[] = []
  /** What another replica put into the table. */
  readonly rivals: string[] = []

  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new Engine(
      {
        workers: 1,
        maxBatchRecords: 1000,
        maxBatchBytes: 2 ** 20,
        flushIntervalMs: 0,
        limits: { maxMessageBytes: 1000, maxClockSkewMs: 0 },
        ...options,
      },
      {
        pipeline: wordPipeline,
        source: this.source,
        writer: this.table,
        cache: this.cache,
        deadLetters: this.deadLetters,
        observer: this.tally,
        logger: { ...noLogger, warn: (fields) => this.warnings.push(fields) },
        clock: this.clock,
      },
    )
    this.source.justify = (delivery) => this.#isFact(delivery)
    this.engine.start()
  }

  /** The one rule: an ack stands for a row at least as new, or for a dead letter. */
  #isFact(delivery: Delivery): boolean {
    if (this.deadLetters.stored.some((deadLetter) => deadLetter.delivery === delivery)) return true
    const meaning = meaningOf(textOf(delivery))
    const row = 'row' in meaning ? this.table.rows.get(meaning.row.key) : undefined
    return ackBreach({ id: delivery.messageId, meaning }, { row, hasDeadLetter: false }) === undefined
  }

  /** How the table differs from everything that was delivered and not dead-lettered, or written by another replica. */
  get tableBreaches(): string[] {
    const deadLettered = new Set(this.deadLetters.stored.map(({ delivery }) => delivery))
    const texts = this.source.delivered.filter((delivery) => !deadLettered.has(delivery)).map(textOf)
    const accepted = [...texts, ...this.rivals].map((text) => ({ id: text, meaning: meaningOf(text) }))
    return tableBreaches(accepted, this.table.rows)
  }

  /** Publishes messages that arrive together, and lets happen what needs no time. */
  async publish(...texts: readonly string[]): Promise<void> {
    this.source.publish(...texts)
    await this.clock.settle()
    this.check()
  }

  /** Another replica writes this message's row. */
  rival(text: string): void {
    const record = decodeWords(text)
    if (isRejection(record)) throw new Error(record.detail)
    this.table.place(record)
    this.rivals.push(text)
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
    this.check()
  }

  /** A graceful shutdown that must end within `withinMs`. */
  async stop(withinMs = 0): Promise<void> {
    const stopped = this.beginStop()
    await this.clock.advance(withinMs)
    assert.ok(stopped.done, 'the graceful shutdown has not ended')
    this.check()
  }

  /** A graceful shutdown in the background. */
  beginStop(): { readonly done: boolean } {
    const state = { done: false }
    void this.engine.stop().then(() => (state.done = true))
    return state
  }

  /** What must hold at every moment. */
  check(): void {
    assert.deepEqual(this.journal.breaches, [])
    this.tally.assertBalanced(this.engine.outstanding)
  }
}

/** What a text says, read here and not by the pipeline. */
function meaningOf(text: string): Meaning {
  const [key, version, content, ...more] = text.split(' ')
  if (key === undefined || version === undefined || content === undefined || more.length > 0) {
    return { invalid: 'malformed' }
  }
  return { row: { key, version: BigInt(version), content } }
}
