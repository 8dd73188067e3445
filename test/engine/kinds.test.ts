// Each kind of pipeline that the engine's ports are made for, on parts in memory: a sum, a log, one that asks an outside
// service, one whose source is polled, one whose sink answers for each record.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { noCache } from '#core/cache.ts'
import type { Delivery } from '#core/delivery.ts'
import type { Enriched, Enricher, Question } from '#core/enricher.ts'
import { noLogger } from '#core/logger.ts'
import type { Rules } from '#core/pipeline.ts'
import { Rejection } from '#core/rejection.ts'
import type { Sink } from '#core/sink.ts'
import type { Source } from '#core/source.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { Engine } from '#ingest/engine.ts'
import { SimulatedDeadLetters } from '../simulated/ports/dead-letters.ts'
import { SimulatedSource, textOf } from '../simulated/ports/source.ts'
import type { Increment } from '../support/counted-once.ts'
import { Log, Sums, byIdentity, decodeIncrements } from '../support/counted-once.ts'
import { Journal } from '../support/journal.ts'
import { Tally } from '../support/tally.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { recordOfWords, wordPipeline } from '../support/word-pipeline.ts'
import { SimulatedTable } from '../simulated/ports/table.ts'

/** An engine with the rules and parts of some kind of pipeline, started. */
class KindWorld {
  readonly clock = new VirtualClock()
  readonly journal = new Journal()
  readonly source = new SimulatedSource(this.clock, this.journal)
  readonly deadLetters = new SimulatedDeadLetters(this.clock, this.journal)
  readonly tally = new Tally()
  readonly engine: Engine

  constructor(rules: Rules, sink: Sink | ((world: KindWorld) => Sink), source?: Source) {
    this.engine = new Engine(
      {
        workers: 2,
        maxBatchRecords: 100,
        maxBatchBytes: 2 ** 20,
        flushIntervalMs: 0,
        limits: { maxMessageBytes: 1000, maxClockSkewMs: 0 },
      },
      {
        rules,
        source: source ?? this.source,
        sink: typeof sink === 'function' ? sink(this) : sink,
        sinkName: 'things',
        cache: noCache,
        deadLetters: this.deadLetters,
        observer: this.tally,
        logger: noLogger,
        clock: this.clock,
      },
    )
    this.engine.start()
  }

  async publish(...texts: readonly string[]): Promise<void> {
    this.source.publish(...texts)
    await this.clock.settle()
    this.tally.assertBalanced(this.engine.outstanding)
  }
}

const increments = { decode: decodeIncrements, merge: byIdentity<Increment>() }

test('sum: each record counts once, whatever is delivered again', async () => {
  const sums = new Sums()
  const world = new KindWorld(increments, sums)
  await world.publish('a 1', 'a 2;b 5;a 3')
  assert.deepEqual(Object.fromEntries(sums.values), { a: 6n, b: 5n })
  world.source.loseAcks()
  await world.clock.settle()
  assert.deepEqual(Object.fromEntries(sums.values), { a: 6n, b: 5n })
  assert.deepEqual(world.tally.ended, { written: 2, duplicate: 2 })
  assert.deepEqual(world.deadLetters.stored, [])
})

test('sum: the record that makes it overflow is found, and is a dead letter; the others count', async () => {
  const sums = new Sums(100n)
  const world = new KindWorld(increments, sums)
  await world.publish('a 1', 'a 99', 'a 2', 'b 7')
  await world.clock.advance(30_000)
  assert.deepEqual(Object.fromEntries(sums.values), { a: 3n, b: 7n })
  assert.deepEqual(world.tally.ended, { written: 3, 'dead-lettered': 1 })
})

test('append: every record is one row, in a log that takes each identity once', async () => {
  const log = new Log<string>()
  const rules = { decode: ({ data }: Delivery) => data.toString().split(' '), merge: byIdentity<string>() }
  const world = new KindWorld(rules, log)
  await world.publish('x x y', 'x')
  assert.deepEqual([...log.rows.values()].sort(), ['x', 'x', 'x', 'y'], 'equal rows are not one row')
  world.source.loseAcks()
  await world.clock.settle()
  assert.equal(log.rows.size, 4)
  assert.deepEqual(world.tally.ended, { written: 2, duplicate: 2 })
})

/** Knows whether an object is online, when a test says so. */
class Service implements Enricher<string, string> {
  readonly #asked = new Map<string, (enriched: Enriched<string>) => void>()

  enrich(questions: readonly Question<string>[], answer: (at: number, enriched: Enriched<string>) => void) {
    questions.forEach(({ row }, at) => this.#asked.set(row, (enriched) => answer(at, enriched)))
  }

  answer(row: string, enriched: Enriched<string>): void {
    this.#asked.get(row)?.(enriched)
  }
}

function enriching(service: Service): Rules {
  const decode = ({ data }: Delivery) => data.toString().split(';')
  const recordOf = (text: string) => ({ ...recordOfWords(text), row: text })
  return { decode, enricher: service, ignoreRules: ['offline'], merge: { ...wordPipeline.merge, recordOf } }
}

test('enrichment: what has its answer is written; the others wait for theirs, and the message with them', async () => {
  const service = new Service()
  const table = { rows: new Map<string, string>() }
  const sink: Sink<string> = {
    write: async (records) => {
      for (const { key, row } of records) table.rows.set(key, row)
      return { written: records.length }
    },
  }
  const world = new KindWorld(enriching(service), sink)
  await world.publish('a', 'b;c', 'd', 'e')
  assert.deepEqual(world.tally.ended, {})
  service.answer('b', { row: 'b 1 online' })
  service.answer('d', { ignore: 'offline' })
  service.answer('d', { ignore: 'offline' })
  service.answer('e', { reject: new Rejection('unknown-object', 'there is no e') })
  await world.clock.settle()
  assert.deepEqual([...table.rows.values()], ['b 1 online'])
  assert.deepEqual(world.tally.ended, { ignored: 1, 'dead-lettered': 1 })
  assert.deepEqual(world.tally.ignoredByRule, { offline: 1 }, 'a second answer is none')
  assert.deepEqual(world.tally.deadLetterReasons, { 'unknown-object': 1 })
  service.answer('c', { row: 'no word' })
  service.answer('a', { row: 'a 1 online' })
  await world.clock.settle()
  assert.deepEqual([...table.rows.values()].sort(), ['a 1 online', 'b 1 online'])
  assert.deepEqual(world.tally.ended, { written: 1, ignored: 1, 'dead-lettered': 2 })
  assert.deepEqual(world.tally.deadLetterReasons, { 'unknown-object': 1, 'decoder-error': 1 })
  await world.engine.stop()
})

test('enrichment: an answer after a forced shutdown writes nothing', async () => {
  const service = new Service()
  const written: unknown[] = []
  const sink: Sink = {
    write: async (records) => {
      written.push(...records)
      return { written: records.length }
    },
  }
  const world = new KindWorld(enriching(service), sink)
  await world.publish('a', 'b;c')
  assert.equal(world.engine.abort(), 2)
  for (const row of ['a', 'b', 'c']) service.answer(row, { row: `${row} 1 online` })
  await world.clock.settle()
  assert.deepEqual(written, [])
  assert.deepEqual(world.tally.ended, { nacked: 2 })
})

/** A list that is read from a cursor; that moves when everything before it is settled. */
class Polled implements Source {
  readonly items: readonly string[]
  cursor = 0
  readonly #settled = new Set<string>()

  constructor(items: readonly string[]) {
    this.items = items
  }

  start(receive: (deliveries: readonly Delivery[]) => void): void {
    receive(this.items.map((text, at) => deliveryOfItem(text, at)))
  }

  ack(deliveries: readonly Delivery[]): void {
    for (const { messageId } of deliveries) this.#settled.add(messageId)
    while (this.#settled.has(String(this.cursor))) this.cursor += 1
  }

  nack(): void {}
  hold(): void {}
  resume(): void {}
  async stop(): Promise<void> {}
  async close(): Promise<void> {}
}

function deliveryOfItem(text: string, at: number): Delivery {
  return {
    messageId: String(at),
    publishTimeMs: 0,
    orderingKey: '',
    attributes: {},
    data: Buffer.from(text),
    deliveryAttempt: 0,
    bytes: text.length,
    receivedAtMs: 0,
  }
}

test('polled source: the cursor stops before what is not settled', async () => {
  const source = new Polled(['a 1 x', 'b 1 x', 'c 1 x'])
  let table: SimulatedTable | undefined
  const world = new KindWorld(
    wordPipeline,
    ({ clock, journal }) => {
      table = new SimulatedTable(clock, journal)
      table.lock(['b'])
      return table
    },
    source,
  )
  await world.clock.advance(1000)
  assert.deepEqual(table?.contents, ['a 1 x', 'c 1 x'])
  assert.equal(source.cursor, 1)
})

/** An HTTP API takes items one by one, and may refuse one of them. */
test('a sink that answers for each record: the refused one is a dead letter, and is not sent again', async () => {
  const sent: string[] = []
  const storage: Sink = {
    write: async (records) => {
      sent.push(...records.map(({ key, version }) => `${key} ${version}`))
      const refused = records.flatMap(({ content }, at) =>
        content === 'bad' ? [{ at, failure: new WriteFailure('bad-row', 'the API says 422') }] : [],
      )
      return { written: records.length - refused.length, refused }
    },
  }
  const world = new KindWorld(wordPipeline, storage)
  await world.publish('a 1 x', 'b 2 bad', 'b 1 x', 'c 1 x')
  await world.clock.advance(1000)
  assert.deepEqual(sent.toSorted(), ['a 1', 'b 1', 'b 2', 'c 1'], 'the older record of its key has its turn')
  assert.deepEqual(world.tally.ended, { written: 3, 'dead-lettered': 1 })
  assert.deepEqual(
    world.deadLetters.stored.map(({ delivery, reason, detail }) => [textOf(delivery), reason, detail]),
    [['b 2 bad', 'refused-by-sink', 'the API says 422']],
  )
})

test('a decoder that throws, or gives what its columns do not promise: a dead letter, and the next one is stored', async () => {
  const rules: Rules = {
    ...wordPipeline,
    decode: (delivery, limits) => {
      const text = textOf(delivery)
      if (text === 'throws') throw new TypeError('Cannot read properties of undefined')
      if (text === 'throws nothing') throw Object.create(null)
      if (text === 'no version') return { key: 'a', version: undefined, content: 'x' }
      if (text === 'several') return [{ key: 'b', version: 1n, content: 'x' }, { key: 'b' }]
      return wordPipeline.decode(delivery, limits)
    },
  }
  let table: SimulatedTable | undefined
  const world = new KindWorld(rules, ({ clock, journal }) => (table = new SimulatedTable(clock, journal)))
  await world.publish('throws', 'throws nothing', 'no version', 'several', 'c 1 x')
  assert.deepEqual(table?.contents, ['c 1 x'], 'of several rows none is stored: it failed before')
  assert.deepEqual(
    world.deadLetters.stored.map(({ reason, detail }) => `${reason}: ${detail}`),
    [
      'decoder-error: Cannot read properties of undefined',
      'decoder-error: something that has no text was thrown',
      'decoder-error: version is undefined, and part of the version',
      'decoder-error: version is undefined, and part of the version',
    ],
  )
  assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 4 })
})
