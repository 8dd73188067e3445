import fc from 'fast-check'
import type { CheckedRow } from '#pipeline/checked-rows.ts'
import { IdentifiedWriter } from '#postgres/applied/identified-writer.ts'
import { GuardedTableWriter } from '#postgres/guarded-table-writer.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { SimulatedTable } from '../simulated/ports/table.ts'
import { deliveryOf } from '../support/arrivals.ts'
import type { Increment } from '../support/counted-once.ts'
import { Log, Sums, byIdentity } from '../support/counted-once.ts'
import { createLog, createSums, incrementLog, incrementSums } from '../support/increment-pipelines.ts'
import { anyItem, expectedItems, storedItems } from '../support/item-oracle.ts'
import type { Item } from '../support/item-pipeline.ts'
import { createItems, itemPipeline, itemRecord } from '../support/item-pipeline.ts'
import { Journal } from '../support/journal.ts'
import { freshDatabase, startTestServer } from '../support/postgres.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import type { Word } from '../support/word-pipeline.ts'
import { wordPipeline } from '../support/word-pipeline.ts'
import { newestOf } from '../oracle/order.ts'
import { mergeConformance } from './merge.ts'

const server = await startTestServer()

const word: fc.Arbitrary<Word> = fc.record({
  key: fc.constantFrom('a', 'b', 'a b', '"'),
  version: fc.constantFrom(0n, 1n, 9n, 10n, 2n ** 63n - 1n),
  content: fc.constantFrom('x', 'y', 'B', '\u{FF5E}', '\u{1F600}', ''),
})

const words = (messages: readonly (readonly Word[])[]) =>
  [...newestOf(messages.flat()).values()].map(described).sort()

const described = ({ key, version, content }: Word) => JSON.stringify([key, String(version), content])

mergeConformance(
  'newest, a table of PostgreSQL',
  {
    merge: wordPipeline.merge,
    rows: fc.array(word, { maxLength: 4 }),
    open: async () => {
      const database = await freshDatabase(server)
      await database.query(
        'CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL, content text NOT NULL)',
      )
      return {
        sink: new TableWriter(database.pool({}), wordPipeline.sink),
        state: async () => {
          const rows = await database.query<Word>('SELECT * FROM words')
          return rows.map(described).sort()
        },
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      }
    },
    expected: words,
  },
  15,
)

const noLimits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }
const applied = (pipeline: string) => ({ pipeline, horizonMs: 8 * 86_400_000 })

const itemOf = new WeakMap<CheckedRow, Item>()

mergeConformance(
  'newest, with deletions and ties, a table of PostgreSQL',
  {
    merge: itemPipeline.merge,
    rows: fc.array(anyItem, { maxLength: 4 }).map((items) =>
      items.map((one) => {
        const { row } = itemRecord(one)
        itemOf.set(row, one)
        return row
      }),
    ),
    open: async () => {
      const database = await freshDatabase(server)
      await database.query(createItems)
      return {
        sink: new GuardedTableWriter(database.pool({}), itemPipeline.sink, {
          pipeline: 'items',
          // The messages are from 1970.
          horizonMs: 100 * 365 * 86_400_000,
        }),
        state: () => storedItems(database),
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      }
    },
    expected: (messages) =>
      expectedItems(
        server,
        messages.flat().map((row) => itemOf.get(row) as Item),
      ),
  },
  15,
)

mergeConformance('newest, the simulated table', {
  merge: wordPipeline.merge,
  rows: fc.array(word, { maxLength: 4 }),
  open: async () => {
    const table = new SimulatedTable(new VirtualClock(), new Journal())
    return {
      sink: table,
      state: async () => [...table.rows.values()].map(described).sort(),
      [Symbol.asyncDispose]: async () => {},
    }
  },
  expected: words,
})

const increment: fc.Arbitrary<Increment> = fc.record({
  key: fc.constantFrom('a', 'b'),
  by: fc.bigInt({ min: -5n, max: 5n }),
})

mergeConformance('sum, in memory', {
  merge: byIdentity<Increment>(),
  rows: fc.array(increment, { maxLength: 4 }),
  open: async () => {
    const sink = new Sums()
    return { sink, state: async () => sums(sink.values), [Symbol.asyncDispose]: async () => {} }
  },
  expected: (messages) => {
    const values = new Map<string, bigint>()
    for (const { key, by } of messages.flat()) values.set(key, (values.get(key) ?? 0n) + by)
    return sums(values)
  },
})

const sums = (values: ReadonlyMap<string, bigint>) =>
  [...values].map(([key, value]) => `${key} ${value}`).sort()

mergeConformance('append, in memory', {
  merge: byIdentity<string>(),
  rows: fc.array(fc.constantFrom('x', 'y'), { maxLength: 4 }),
  open: async () => {
    const sink = new Log<string>()
    return {
      sink,
      state: async () => [...sink.rows.values()].sort(),
      [Symbol.asyncDispose]: async () => {},
    }
  },
  expected: (messages) => messages.flat().sort(),
})

/** As the pipelines read them, with what they were made of. */
const incrementOf = new WeakMap<object, Increment>()
const checked = (pipeline: typeof incrementSums) =>
  fc.array(increment, { maxLength: 4 }).map((some) =>
    some.map((one) => {
      const [row] = pipeline.decode(deliveryOf(`${one.key} ${one.by}`), noLimits) as [CheckedRow]
      incrementOf.set(row, one)
      return row
    }),
  )

mergeConformance(
  'sum, a table of PostgreSQL',
  {
    merge: incrementSums.merge,
    rows: checked(incrementSums),
    open: async () => {
      const database = await freshDatabase(server)
      await database.query(createSums)
      return {
        sink: new IdentifiedWriter(database.pool({}), incrementSums.sink, applied('sums')),
        state: async () => {
          const rows = await database.query<{ key: string; value: string }>('SELECT * FROM sums')
          return rows.map(({ key, value }) => `${key} ${value}`).sort()
        },
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      }
    },
    expected: (messages) => {
      const values = new Map<string, bigint>()
      for (const row of messages.flat()) {
        const { key, by } = incrementOf.get(row) as Increment
        values.set(key, (values.get(key) ?? 0n) + by)
      }
      return sums(values)
    },
  },
  15,
)

mergeConformance(
  'append, a table of PostgreSQL',
  {
    merge: incrementLog.merge,
    rows: checked(incrementLog),
    open: async () => {
      const database = await freshDatabase(server)
      await database.query(createLog)
      return {
        sink: new IdentifiedWriter(database.pool({}), incrementLog.sink, applied('log')),
        state: async () => {
          const rows = await database.query<{ key: string; amount: string }>('SELECT * FROM log')
          return rows.map(({ key, amount }) => `${key} ${amount}`).sort()
        },
        [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
      }
    },
    expected: (messages) =>
      messages
        .flat()
        .map((row) => incrementOf.get(row) as Increment)
        .map(({ key, by }) => `${key} ${by}`)
        .sort(),
  },
  15,
)
