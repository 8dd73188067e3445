import assert from 'node:assert/strict'
import { test } from 'vitest'
import { arrivalOf, textsOf } from '../../test/support/arrivals.ts'
import { wordPipeline } from '../../test/support/word-pipeline.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { Batch, BatchResult } from './batch.ts'
import type { Entry } from './entry.ts'
import type { LaneOptions } from './lane.ts'
import { Lane } from './lane.ts'

interface Write {
  readonly atMs: number
  readonly entries: readonly Entry[]
  readonly wereLocked: boolean
  /** Ends it, with what comes back to the lane. */
  readonly done: (result?: Partial<BatchResult>) => Promise<void>
}

const allDone: BatchResult = { refused: [], parked: [], parkedAtMs: Infinity, locked: [], readmitted: [] }

function newLane(options: Partial<LaneOptions> = {}) {
  const clock = new VirtualClock()
  const writes: Write[] = []
  const write = ({ entries, wereLocked }: Batch) => {
    const { promise, resolve } = Promise.withResolvers<BatchResult>()
    const done = (result: Partial<BatchResult> = {}) => {
      resolve({ ...allDone, ...result })
      return clock.settle()
    }
    writes.push({ atMs: clock.now(), entries, wereLocked, done })
    return promise
  }
  const bounds = { maxBatchRecords: 100, maxBatchBytes: 10_000, flushIntervalMs: 0 }
  const lane = new Lane({ ...bounds, clock, merge: wordPipeline.merge, write, ...options })
  const add = (...texts: readonly string[]) => {
    for (const text of texts) lane.add(arrivalOf(text))
    lane.poke()
  }
  const last = () => writes.at(-1) as Write
  return { lane, clock, writes, add, last }
}

const keysOf = ({ entries }: Write) => entries.map(({ winner }) => winner.record.key)

test('interval 0: writes at once, then whatever arrived meanwhile as soon as the writer is free', async () => {
  const { writes, add, last } = newLane()
  add('a 1 x', 'b 1 x')
  assert.deepEqual(writes.map(keysOf), [['a', 'b']])
  add('c 1 x')
  add('d 1 x')
  assert.equal(writes.length, 1)
  await last().done()
  assert.deepEqual(writes.map(keysOf), [
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('waiting records are coalesced, records being written are not', async () => {
  const { add, last } = newLane()
  add('a 1 x')
  add('a 3 z')
  add('a 2 y', 'b 1 x')
  const [first] = last().entries
  assert.deepEqual(first && textsOf(first), ['a 1 x'])
  await last().done()
  assert.deepEqual(last().entries.map(textsOf), [['a 3 z', 'a 2 y'], ['b 1 x']])
})

test('the interval runs from the oldest arrival, to the millisecond', async () => {
  const { clock, writes, add } = newLane({ flushIntervalMs: 50 })
  add('a 1 x')
  await clock.advance(30)
  add('b 1 x')
  await clock.advance(19)
  assert.equal(writes.length, 0)
  await clock.advance(1)
  assert.deepEqual(writes.map(keysOf), [['a', 'b']])
})

test('the number of records can seal a batch early', () => {
  const { writes, add } = newLane({ flushIntervalMs: 50, maxBatchRecords: 3 })
  add('a 1 x', 'b 1 x')
  add('a 2 x')
  assert.equal(writes.length, 0, 'keys count, not arrivals')
  add('c 1 x')
  assert.deepEqual(writes.map(keysOf), [['a', 'b', 'c']])
})

test('bytes can seal a batch early; losers count, since they are outstanding, too', () => {
  const { writes, add } = newLane({ flushIntervalMs: 50, maxBatchBytes: 15 })
  add('a 1 x')
  add('a 2 x')
  assert.equal(writes.length, 0)
  add('a 3 x')
  assert.equal(writes.length, 1)
})

test('a batch stays within its limits, the rest follows in order of arrival', async () => {
  const { writes, add, last } = newLane({ maxBatchRecords: 2 })
  add('a 1 x', 'b 1 x', 'c 1 x', 'd 1 x', 'e 1 x')
  await last().done()
  await last().done()
  assert.deepEqual(writes.map(keysOf), [['a', 'b'], ['c', 'd'], ['e']])
})

test('bytes limit a batch, too, but a larger record goes alone', async () => {
  const { writes, add, last } = newLane({ maxBatchBytes: 10 })
  add('a 1 x', 'b 1 x', 'c 1 xxxxxxxxxxxxxxx', 'd 1 x')
  for (let i = 0; i < 3; i++) await last().done()
  assert.deepEqual(writes.map(keysOf), [['a', 'b'], ['c'], ['d']])
})

test('the rest of a full batch keeps its arrival time', async () => {
  const { clock, writes, add, last } = newLane({ flushIntervalMs: 50, maxBatchRecords: 2 })
  add('a 1 x')
  await clock.advance(20)
  add('b 1 x', 'c 1 x')
  await last().done()
  await clock.advance(49)
  assert.equal(writes.length, 1)
  await clock.advance(1)
  assert.deepEqual(writes.map(keysOf), [['a', 'b'], ['c']])
  assert.equal(last().atMs, 70)
})

test('draining makes everything due at once and leaves no timer', async () => {
  const { lane, clock, writes, add, last } = newLane({ flushIntervalMs: 50 })
  add('a 1 x')
  lane.drain()
  assert.equal(writes.length, 1)
  add('b 1 x')
  await last().done()
  assert.deepEqual(writes.map(keysOf), [['a'], ['b']])
  await last().done()
  assert.equal(clock.timers, 0)
})

test('rejected entries join the next batch, or are retried alone after a second', async () => {
  const { clock, writes, add, last } = newLane()
  add('a 1 x')
  await last().done({ refused: last().entries })
  await clock.advance(999)
  assert.equal(writes.length, 1)
  await clock.advance(1)
  assert.deepEqual(keysOf(last()), ['a'])
  await last().done({ refused: last().entries })
  add('b 1 x')
  assert.deepEqual(keysOf(last()), ['a', 'b'])
  assert.equal(last().atMs, 1000)
})

test('the timer of rejected entries does not delay an arrival that is due earlier', async () => {
  const { clock, add, last } = newLane({ flushIntervalMs: 50 })
  add('a 1 x')
  await clock.advance(50)
  await last().done({ refused: last().entries })
  add('b 1 x')
  await clock.advance(50)
  assert.deepEqual(keysOf(last()), ['a', 'b'])
  assert.equal(last().atMs, 100)
})

test('draining retries rejected entries no more often', async () => {
  const { lane, clock, writes, add, last } = newLane()
  add('a 1 x')
  lane.drain()
  await last().done({ refused: last().entries })
  await clock.advance(999)
  assert.equal(writes.length, 1)
})

test('a new arrival for the key of a rejected entry joins it', async () => {
  const { add, last } = newLane()
  add('a 2 y')
  await last().done({ refused: last().entries })
  add('a 3 z', 'a 1 x', 'b 1 x')
  const byKey = new Map(last().entries.map((entry) => [entry.winner.record.key, textsOf(entry)]))
  assert.equal(byKey.size, last().entries.length)
  assert.deepEqual(byKey.get('a')?.toSorted(), ['a 1 x', 'a 2 y', 'a 3 z'])
  assert.equal(byKey.get('a')?.[0], 'a 3 z')
})

test('an older arrival of its key removes no strike from a rejected entry', async () => {
  const { add, last } = newLane()
  add('a 2 y')
  const refused = last().entries
  for (const entry of refused) entry.strikes = 2
  await last().done({ refused })
  add('a 1 x')
  assert.deepEqual(
    last().entries.map(({ strikes }) => strikes),
    [2],
  )
})

test('as many rejected entries as a batch holds leave room for new ones', async () => {
  const { writes, add, last } = newLane({ maxBatchRecords: 2, maxBatchBytes: 10 })
  add('a 1 x', 'b 1 x')
  await last().done({ refused: last().entries })
  add('c 1 x', 'd 1 x', 'e 1 x')
  assert.deepEqual(writes.map(keysOf), [
    ['a', 'b'],
    ['a', 'b', 'c', 'd'],
  ])
})

test('the result of a batch returns what it could not finish: parked, locked, readmitted', async () => {
  const { clock, add, last, writes } = newLane()
  add('busy 1 x', 'locked 1 x', 'good 2 y', 'good 1 x')
  const [busy, locked, good] = last().entries
  assert.ok(busy && locked && good)
  add('locked 2 y')
  locked.lockedSinceMs = clock.now()
  // Parked for 50 ms; the first pause of a locked row is 50 to 100 ms.
  const parkedAtMs = clock.now() - 10
  await last().done({ parked: [busy], parkedAtMs, locked: [locked], readmitted: good.losers })
  assert.deepEqual(last().entries.map(textsOf), [['good 1 x']], 'at once')
  await last().done()
  await clock.advance(40)
  assert.deepEqual(last().entries.map(textsOf), [['busy 1 x']], 'after the pause')
  await last().done()
  await clock.advance(60)
  assert.deepEqual(last().entries.map(textsOf), [['locked 2 y', 'locked 1 x']], 'with what came meanwhile')
  assert.deepEqual(
    writes.map(({ wereLocked }) => wereLocked),
    [false, false, false, true],
  )
})
