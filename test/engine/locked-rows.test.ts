// Rows that an application holds: the others are written at once, these when they are free. Nothing is given up for them.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { WriteFailure } from '#core/write-failure.ts'
import { World } from '../support/world.ts'

const minuteMs = 60_000
const words = (prefix: string, count: number, version: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}${i} ${version} x`)
const keys = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

const statementsOf = ({ table }: World) => table.attempts.length

test('100 of 600 rows are locked for 40 s: the others are fresh within a second, all the time', async () => {
  const world = new World({ workers: 2 })
  await world.publish(...words('held', 100, 1), ...words('free', 500, 1))
  const release = world.table.lock(keys('held', 100))
  for (let second = 2; second < 42; second++) {
    await world.publish(...words('held', 100, second), ...words('free', 500, second))
    await world.advance(1000)
    const free = world.table.contents.filter((text) => text.startsWith('free'))
    assert.deepEqual(new Set(free.map((text) => text.split(' ')[1])), new Set([String(second)]))
  }
  assert.equal(world.engine.lockedRecords, 100)
  assert.deepEqual(world.engine.pausedBecause, [])
  assert.match(
    world.engine.waitingBecause.join(),
    /^words: 100 rows are locked by other transactions, for up to \d+ s/,
  )
  assert.equal(world.engine.oldestUnexplainedSeconds, 0)
  assert.ok(world.table.maxInFlight <= 2)
  release()
  await world.advance(5000)
  assert.equal(world.table.rows.size, 600)
  assert.equal(world.engine.outstanding, 0)
  assert.deepEqual(world.engine.waitingBecause, [])
  assert.deepEqual(world.deadLetters.texts, [])
  assert.equal(world.source.nacked.length, 0)
  assert.deepEqual(world.tally.ended, { written: 600 * 41 - 100 * 39, coalesced: 100 * 39 })
  assert.equal(world.clock.timers, 0)
})

test('rows being inserted are invisible, but found: the others are written within seconds', async () => {
  const world = new World()
  const release = world.table.lock(keys('new', 20))
  await world.publish(...words('new', 20, 1), ...words('free', 200, 1))
  await world.advance(3000)
  assert.equal(world.table.rows.size, 200)
  assert.equal(world.engine.lockedRecords, 20)
  release()
  await world.advance(5000)
  assert.equal(world.table.rows.size, 220)
  assert.deepEqual(world.tally.ended, { written: 220 })
})

test('a row that is locked for an hour costs few statements, and is logged once a minute', async () => {
  const world = new World()
  await world.publish('a 1 x')
  const release = world.table.lock(['a'])
  await world.publish('a 2 y')
  await world.advance(60 * minuteMs)
  assert.ok(statementsOf(world) < 1000, `${statementsOf(world)} statements`)
  assert.ok(world.warnings.length >= 58 && world.warnings.length <= 61, `${world.warnings.length} warnings`)
  assert.deepEqual(world.warnings[0], { rows: 1 })
  release()
  await world.advance(5000)
  assert.deepEqual(world.table.contents, ['a 2 y'])
})

test('a lock of a few milliseconds is waited for, and not logged', async () => {
  const world = new World()
  await world.publish('a 1 x')
  const release = world.table.lock(['a'])
  await world.publish('a 2 y', 'b 1 x')
  await world.advance(200)
  release()
  await world.advance(100)
  assert.deepEqual(world.table.contents, ['a 2 y', 'b 1 x'])
  assert.deepEqual(world.tally.failures, [])
  assert.deepEqual(world.warnings, [])
})

test('newer arrivals for a locked key join the one that waits: one version at a time', async () => {
  const world = new World()
  await world.publish('a 1 x')
  const release = world.table.lock(['a'])
  for (const text of ['a 3 z', 'a 2 y', 'a 4 b', 'a 4 b']) {
    await world.publish(text)
    await world.advance(700)
  }
  assert.equal(world.engine.lockedRecords, 1)
  release()
  await world.advance(5000)
  assert.deepEqual(world.table.contents, ['a 4 b'])
  assert.deepEqual(world.tally.ended, { written: 2, coalesced: 3 })
})

test('locked and rejected rows in one batch: each is found, and none is dead-lettered for a lock', async () => {
  for (const isNew of [false, true]) {
    const world = new World()
    if (!isNew) await world.publish('held 1 x')
    const release = world.table.lock(['held'])
    world.table.refuse(['bad'], { ownFault: true })
    await world.publish('bad 2 x', ...words('free', 30, 1), 'held 2 x')
    await world.advance(10_000)
    assert.deepEqual(world.deadLetters.texts, ['bad 2 x'], `new: ${isNew}`)
    assert.equal(world.table.rows.size, isNew ? 30 : 31)
    release()
    await world.advance(5000)
    assert.equal(world.table.rows.get('held')?.version, 2n)
    assert.equal(world.engine.outstanding, 0)
  }
})

test('a graceful shutdown waits for locked rows', async () => {
  const world = new World()
  await world.publish('a 1 x')
  const release = world.table.lock(['a'])
  await world.publish('a 2 y')
  await world.advance(minuteMs)
  const stop = world.beginStop()
  await world.advance(20_000)
  assert.equal(stop.done, false)
  release()
  await world.advance(5000)
  assert.ok(stop.done)
  assert.deepEqual(world.tally.ended, { written: 2 })
  assert.equal(world.clock.timers, 0)
})

test('a forced shutdown nacks them, and leaves no timer', async () => {
  const world = new World()
  await world.publish('a 1 x')
  world.table.lock(['a'])
  await world.publish('a 2 y', 'b 1 x')
  await world.advance(3000)
  assert.equal(world.engine.abort(), 1)
  await world.advance(minuteMs)
  assert.deepEqual(world.tally.ended, { written: 2, nacked: 1 })
  assert.equal(world.clock.timers, 0)
})

test('an outage while rows are locked: nothing is lost, and it ends', async () => {
  const world = new World()
  await world.publish('a 1 x')
  const release = world.table.lock(['a'])
  await world.publish('a 2 y')
  await world.advance(2000)
  const fix = world.table.fail({ class: 'infrastructure' })
  await world.publish('b 1 x')
  await world.advance(minuteMs)
  assert.equal(world.engine.pausedBecause.length, 1)
  fix()
  await world.advance(10_000)
  assert.deepEqual(world.engine.pausedBecause, [])
  release()
  await world.advance(5000)
  assert.deepEqual(world.table.contents, ['a 2 y', 'b 1 x'])
})

test('locked rows are retried within the limits of a batch, all of them in each round', async () => {
  const world = new World({ maxBatchRecords: 10 })
  const release = world.table.lock(keys('held', 35))
  await world.publish(...words('held', 35, 1))
  await world.advance(5000)
  assert.equal(world.engine.lockedRecords, 35)
  release()
  await world.advance(6000)
  assert.equal(world.table.rows.size, 35)
  assert.ok(world.table.attempts.every(({ records }) => records.length <= 10))
})

test('a row that others lock one after the other is eventually waited for', async () => {
  const world = new World()
  await world.publish('a 1 x')
  world.table.locked = async (records) => records
  const release = world.table.lock(['a'])
  await world.publish('a 2 y')
  await world.advance(1000)
  release()
  await world.advance(40_000)
  assert.deepEqual(world.table.contents, ['a 2 y'])
})

test('a locked dead letter waits aside; the others are stored', async () => {
  const world = new World()
  const store = world.deadLetters.store.bind(world.deadLetters)
  let held = true
  world.deadLetters.store = async (deadLetters, wait) => {
    if (held && deadLetters.some(({ delivery }) => delivery.data.toString() === 'undecodable7')) {
      throw new WriteFailure('locked', `held, ${wait}`, '55P03')
    }
    await store(deadLetters)
  }
  await world.publish(...Array.from({ length: 20 }, (_, i) => `undecodable${i}`))
  await world.advance(2000)
  assert.equal(world.deadLetters.stored.length, 19)
  assert.match(world.engine.waitingBecause.join(), /^dead_letters: 1 row is locked/)
  assert.deepEqual(world.engine.pausedBecause, [])
  await world.publish('undecodable')
  assert.equal(world.deadLetters.stored.length, 20)
  held = false
  await world.advance(5000)
  assert.equal(world.deadLetters.stored.length, 21)
  assert.equal(world.engine.outstanding, 0)
  assert.equal(world.clock.timers, 0)
})
