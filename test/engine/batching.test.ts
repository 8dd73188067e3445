// When a batch is sealed, and that lanes never meet.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { World } from '../support/world.ts'

const words = (count: number, version = 1) => Array.from({ length: count }, (_, i) => `k${i} ${version} x`)

/** Sizes of the statements, with when each began. */
const statements = ({ table }: World) => table.attempts.map(({ atMs, records }) => [atMs, records.length])

test('interval 0: at once, with simultaneous arrivals in one batch', async () => {
  const world = new World()
  await world.publish(...words(10))
  assert.deepEqual(statements(world), [[0, 10]])
})

test('interval 0: the longer the table takes, the larger the next batch', async () => {
  const world = new World()
  const release = world.table.block()
  for (const text of words(50)) await world.publish(text)
  await world.advance(70)
  release()
  await world.advance(0)
  assert.deepEqual(statements(world), [
    [0, 1],
    [70, 49],
  ])
})

test('an interval: exactly then, not before', async () => {
  const world = new World({ flushIntervalMs: 200 })
  await world.publish('a 1 x')
  await world.advance(150)
  await world.publish('b 1 x')
  await world.advance(49)
  assert.deepEqual(statements(world), [])
  await world.advance(1000)
  assert.deepEqual(statements(world), [[200, 2]])
})

test('the number of records can seal a batch before the interval ends', async () => {
  const world = new World({ flushIntervalMs: 200, maxBatchRecords: 5 })
  await world.publish(...words(12))
  await world.advance(1000)
  assert.deepEqual(statements(world), [
    [0, 5],
    [0, 5],
    [200, 2],
  ])
})

test('bytes can seal a batch before the interval ends', async () => {
  const world = new World({ flushIntervalMs: 200, maxBatchBytes: 30 })
  await world.publish(...words(7))
  await world.advance(1000)
  assert.deepEqual(statements(world), [
    [0, 5],
    [200, 2],
  ])
})

test('each lane writes one batch at a time; lanes write in parallel', async () => {
  for (const workers of [1, 3]) {
    const world = new World({ workers, maxBatchRecords: 10 })
    const release = world.table.block()
    for (let i = 0; i < 5; i++) await world.publish(...words(100, i))
    assert.equal(world.table.attempts.length, workers)
    release()
    await world.advance(0)
    assert.equal(world.table.maxInFlight, workers)
    world.check()
  }
})

test('a key always goes to the same lane', async () => {
  const world = new World({ workers: 4 })
  // Which keys share a statement, when everyone writes at once, tells the lanes.
  await world.publish(...words(64))
  const laneOf = new Map<string, number>()
  world.table.attempts.forEach(({ records }, lane) => {
    for (const { key } of records) laneOf.set(key, lane)
  })
  assert.equal(world.table.attempts.length, 4)
  for (let version = 2; version < 6; version++) {
    const before: number = world.table.attempts.length
    await world.publish(...words(64, version).toReversed())
    for (const { records } of world.table.attempts.slice(before)) {
      assert.equal(new Set(records.map(({ key }) => laneOf.get(key))).size, 1)
    }
  }
})

test('keys are distributed over the lanes', async () => {
  const world = new World({ workers: 8, maxBatchRecords: 8000 })
  await world.publish(...words(8000))
  const sizes = world.table.attempts.map(({ records }) => records.length)
  assert.equal(sizes.length, 8)
  assert.ok(Math.min(...sizes) > 800 && Math.max(...sizes) < 1200, sizes.join())
})

test('an arrival that is due earlier is not delayed by a timer that is set for later', async () => {
  const world = new World({ flushIntervalMs: 100 })
  world.table.refuse(['bad'])
  await world.publish('bad 1 x')
  await world.advance(100)
  // The refused row is due a second later; what comes now is due in 100 ms, and brings it a neighbour.
  await world.advance(300)
  await world.publish('a 1 x')
  await world.advance(100)
  assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 1 })
  assert.equal(world.clock.now(), 500)
})
