import assert from 'node:assert/strict'
import type { Delivery } from '#core/delivery.ts'
import type { Fields } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import { observers } from '#core/observer.ts'
import type { Rules } from '#core/pipeline.ts'
import type { Sink } from '#core/sink.ts'
import type { DueDeadLetter } from '#ingest/dead-letter-queue.ts'
import type { EngineOptions } from '#ingest/engine.ts'
import { Engine } from '#ingest/engine.ts'
import type { Arrival } from '#ingest/entry.ts'
import { ackBreach } from '../oracle/acks.ts'
import type { AcceptedMessage, Meaning, RowVersion } from '../oracle/facts.ts'
import { describeRow } from '../oracle/facts.ts'
import { tableBreaches } from '../oracle/table.ts'
import { Journal } from './journal.ts'
import { SimulatedCache } from '../simulated/ports/cache.ts'
import { SimulatedDeadLetters } from '../simulated/ports/dead-letters.ts'
import { SimulatedSource, textOf } from '../simulated/ports/source.ts'
import { SimulatedTable } from '../simulated/ports/table.ts'
import { Tally } from './tally.ts'
import { VirtualClock } from './virtual-clock.ts'
import { recordOfWords, wordPipeline } from './word-pipeline.ts'

/** What engines of one process have in common. */
export interface Surroundings {
  readonly clock: VirtualClock
  /** What the engine writes to, in front of the table. */
  readonly sinkOf: (table: SimulatedTable) => Sink
  /** Listens beside the tally. */
  readonly observer: Observer
  readonly rules: Rules
}

/** A whole engine on simulated ports, in virtual time, started. */
export class World {
  readonly clock: VirtualClock
  readonly journal = new Journal()
  readonly source: SimulatedSource
  readonly table: SimulatedTable
  readonly cache = new SimulatedCache(this.journal)
  readonly deadLetters: SimulatedDeadLetters
  readonly tally = new Tally()
  readonly engine: Engine
  /** Fields of what was warned about. */
  readonly warnings: Fields[] = []
  /** What another replica put into the table. */
  readonly rivals: string[] = []

  constructor(
    options: Partial<EngineOptions> = {},
    {
      clock = new VirtualClock(),
      sinkOf = (table) => table,
      observer = {},
      rules = wordPipeline,
    }: Partial<Surroundings> = {},
  ) {
    this.clock = clock
    this.source = new SimulatedSource(clock, this.journal)
    this.table = new SimulatedTable(clock, this.journal)
    this.deadLetters = new SimulatedDeadLetters(clock, this.journal)
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
        rules,
        source: this.source,
        sink: sinkOf(this.table),
        sinkName: wordPipeline.sink.name,
        cache: this.cache,
        deadLetters: this.deadLetters,
        observer: observers(this.tally, observer),
        logger: { ...noLogger, warn: (fields) => this.warnings.push(fields) },
        clock: this.clock,
      },
    )
    this.source.justify = (delivery) => this.#isFact(delivery)
    this.engine.start()
  }

  /** The one rule: an ack stands for a row at least as new, or for a dead letter. */
  #isFact(delivery: Delivery): boolean {
    const rowOf = (key: string) => this.table.rows.get(key)
    const hasDeadLetter = this.#deadLettersOf(delivery).length > 0
    return ackBreach(this.#accepted(delivery), { rowOf, hasDeadLetter }) === undefined
  }

  #deadLettersOf(delivery: Delivery): DueDeadLetter[] {
    return this.deadLetters.stored.filter((deadLetter) => deadLetter.delivery === delivery)
  }

  /** What it says; of a dead-lettered one, which of its records were refused. */
  #accepted(delivery: Delivery): AcceptedMessage {
    const meanings = recordsIn(textOf(delivery)).map(meaningOf)
    const refused = this.#deadLettersOf(delivery).flatMap(({ settles }) => (settles as Arrival)?.record ?? [])
    const isRefused = (row: RowVersion) => refused.some((record) => describeRow(record) === describeRow(row))
    return {
      id: delivery.messageId,
      meanings: meanings.map((one) => ('row' in one ? { ...one, refused: isRefused(one.row) } : one)),
    }
  }

  /** How the table differs from everything that was delivered and not refused, or written by another replica. */
  get tableBreaches(): string[] {
    const delivered = this.source.delivered.map((delivery) => this.#accepted(delivery))
    const rivals = this.rivals.map((text) => ({ id: text, meanings: [meaningOf(text)] }))
    return tableBreaches([...delivered, ...rivals], this.table.rows)
  }

  /** Publishes messages that arrive together, and lets happen what needs no time. */
  async publish(...texts: readonly string[]): Promise<void> {
    this.source.publish(...texts)
    await this.clock.settle()
    this.check()
  }

  /** Another replica writes this message's row. */
  rival(text: string): void {
    this.table.place(recordOfWords(text))
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
    // What arrives after a forced shutdown is nacked unread.
    if (this.source.nacked.length === 0)
      assert.deepEqual(this.tally.ignoredOnArrival, this.#toBeIgnored(), 'ignored, by rule')
  }

  /** By what was delivered: each record once a delivery. */
  #toBeIgnored(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const delivery of this.source.delivered) {
      const records = textOf(delivery).split(';')
      const rules = textOf(delivery) === ';' ? ['empty'] : records.filter(isSkipped)
      for (const rule of rules) {
        const counted = rule === 'skip so' ? 'undeclared' : rule
        counts[counted] = (counts[counted] ?? 0) + 1
      }
    }
    return counts
  }
}

const isSkipped = (record: string) => record.startsWith('skip')

/** Those of a message that are to be stored, as the pipeline of words has them. */
function recordsIn(text: string): string[] {
  if (text === ';') return []
  const records = text.endsWith(';') ? text.slice(0, -1).split(';') : [text]
  return records.filter((record) => !isSkipped(record))
}

/** What a text says, read here and not by the pipeline. */
function meaningOf(text: string): Meaning {
  const [key, version, content, ...more] = text.split(' ')
  if (key === undefined || version === undefined || content === undefined || more.length > 0) {
    return { invalid: 'malformed' }
  }
  return { row: { key, version: BigInt(version), content } }
}
