// Whatever is coalesced, batched and tried again: no delivery is lost on the way, and none is there twice.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { Merge } from '#core/merge.ts'
import type { Batch, BatchResult } from '#ingest/batch.ts'
import type { Arrival, Entry } from '#ingest/entry.ts'
import { arrivalsOf, fold, join, newEntry } from '#ingest/entry.ts'
import { Lane } from '#ingest/lane.ts'
import { arrivalOf } from '../support/arrivals.ts'
import { tiedWordPipeline, wordPipeline } from '../support/word-pipeline.ts'
import { alwaysAsync, always } from '../support/seed.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Of tied words the engine cannot tell which of one version is newer. */
const merges = fc.constantFrom(wordPipeline.merge, tiedWordPipeline.merge)

/** Often of one version, and of contents that UTF-8 and UTF-16 order differently. */
const words = (key: fc.Arbitrary<string>) =>
  fc
    .tuple(key, fc.constantFrom(1, 2, 3), fc.constantFrom('x', 'y', '\u{FF5E}', '\u{1F600}'))
    .map((parts) => parts.join(' '))

const sorted = (arrivals: Iterable<Arrival>) =>
  [...arrivals].map(({ delivery }) => delivery.messageId).toSorted()

/** Messages with one number each, so that equal ones can be told apart. */
const numbered = (texts: readonly string[], first = 0): Arrival[] =>
  texts.map((text, i) => {
    const { record, delivery } = arrivalOf(text)
    return { record, delivery: { ...delivery, messageId: String(first + i) } }
  })

function assertNewestWins(entry: Entry, merge: Merge): void {
  for (const { record } of entry.losers) assert.ok((merge.compare(record, entry.winner.record) ?? 1) <= 0)
  for (const { record } of entry.tied) assert.equal(merge.compare(record, entry.winner.record), undefined)
}

test('folded and joined in any groups, every arrival of a key is in its entry once, and the newest wins', () => {
  const groups = fc.array(fc.array(words(fc.constant('a')), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 6,
  })
  always(
    fc.property(merges, groups, (merge, texts) => {
      const arrivals = texts.map((group, i) => numbered(group, i * 100))
      const entries = arrivals.map(([first, ...others]) => {
        const entry = newEntry(first as Arrival, 0, 0)
        for (const arrival of others) fold(entry, arrival, merge)
        return entry
      })
      const [whole, ...rest] = entries as [Entry, ...Entry[]]
      for (const entry of rest) join(whole, entry, merge)
      assert.deepEqual(sorted(arrivalsOf(whole)), sorted(arrivals.flat()))
      assertNewestWins(whole, merge)
    }),
    500,
  )
})

const lanes = fc.record({
  maxBatchRecords: fc.integer({ min: 1, max: 5 }),
  maxBatchBytes: fc.constantFrom(1, 12, 1000),
  flushIntervalMs: fc.constantFrom(0, 10),
})

const step = fc.oneof(
  fc.record({ add: fc.array(words(fc.constantFrom('a', 'b', 'c', 'd')), { minLength: 1, maxLength: 8 }) }),
  fc.record({ advanceMs: fc.constantFrom(0, 5, 10, 1000) }),
  /** The writer is done with its batch, and these of it, by index, come back so. */
  fc.record({
    back: fc.constantFrom('refused', 'locked', 'parked', 'readmitted'),
    indexes: fc.uniqueArray(fc.nat(9), { maxLength: 4 }),
  }),
)

const allDone: BatchResult = { refused: [], parked: [], parkedAtMs: 0, locked: [], readmitted: [] }

test('a lane passes each arrival to the writer once, unless the writer returns it', async () => {
  await alwaysAsync(
    fc.asyncProperty(lanes, merges, fc.array(step, { maxLength: 40 }), async (bounds, merge, steps) => {
      const clock = new VirtualClock()
      const settled: Arrival[] = []
      let writing: { batch: Batch; done: (result: BatchResult) => void } | undefined
      const finish = (back: keyof typeof allDone, indexes: readonly number[]) => {
        const { batch, done } = writing ?? { batch: undefined, done: () => {} }
        const entries = batch?.entries ?? []
        writing = undefined
        const isLeft = (entry: Entry, i: number) =>
          indexes.includes(i) && (back !== 'parked' || batch?.mayPark(entry, i))
        settled.push(...entries.filter((entry, i) => !isLeft(entry, i)).flatMap(arrivalsOf))
        const left = entries.filter(isLeft)
        // Of what was refused for good all but the winners come back.
        if (back === 'readmitted') settled.push(...left.map(({ winner }) => winner))
        const result = back === 'readmitted' ? left.flatMap(({ losers, tied }) => [...losers, ...tied]) : left
        done({ ...allDone, parkedAtMs: clock.now(), [back]: result })
        return clock.settle()
      }
      const write = (batch: Batch) => {
        const { entries } = batch
        assert.equal(writing, undefined, 'a lane writes one batch at a time')
        const keys = entries.map(({ winner }) => winner.record.key)
        assert.equal(new Set(keys).size, keys.length, 'a batch has a key once')
        for (const entry of entries) assertNewestWins(entry, merge)
        const { promise, resolve } = Promise.withResolvers<BatchResult>()
        writing = { batch, done: resolve }
        return promise
      }
      const lane = new Lane({ ...bounds, clock, merge, write })
      const added: Arrival[] = []
      for (const one of steps) {
        if ('add' in one) {
          const arrivals = numbered(one.add, added.length)
          added.push(...arrivals)
          for (const arrival of arrivals) lane.add(arrival)
          lane.poke()
        } else if ('back' in one) await finish(one.back, one.indexes)
        else await clock.advance(one.advanceMs)
      }
      lane.drain()
      for (let left = steps.length + added.length; left > 0; left--) {
        await finish('refused', [])
        await clock.advance(1000)
      }
      assert.deepEqual(sorted(settled), sorted(added))
    }),
    300,
  )
})
