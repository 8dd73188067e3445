// Only a committed fact may justify an ack, and the cache neither hurries nor hinders it.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { startUnixMs } from '../support/virtual-clock.ts'
import { World } from '../support/world.ts'

test('begin, write, commit, confirm, settle, in this order', async () => {
  const world = new World()
  await world.publish('a 1 x', 'b 1 y')
  assert.deepEqual(world.journal.lines, [
    'begin a 1 x, b 1 y',
    'write a 1 x, b 1 y',
    'commit a 1 x, b 1 y',
    'confirm a 1 x, b 1 y',
    'ack a 1 x, b 1 y',
  ])
  assert.deepEqual(world.tally.steps, ['begin', 'write', 'confirm', 'settle'])
  assert.deepEqual(world.tally.ended, { written: 2 })
})

test('nothing is acked or confirmed before the commit, however long the commit takes', async () => {
  const world = new World()
  const release = world.table.block()
  await world.publish('a 1 x')
  await world.advance(3_600_000)
  assert.deepEqual(world.journal.take(), ['begin a 1 x', 'write a 1 x'])
  assert.equal(world.engine.outstanding, 1)
  assert.equal(world.engine.oldestOutstandingSeconds, 3600)
  release()
  await world.advance(0)
  assert.deepEqual(world.journal.lines, ['commit a 1 x', 'confirm a 1 x', 'ack a 1 x'])
  assert.deepEqual(world.tally.commitAges, [3600])
})

test('a failed write acks nothing and releases the claims, with one token for all retries', async () => {
  const world = new World()
  world.table.fail({ class: 'infrastructure', times: 3 })
  await world.publish('a 1 x', 'b 1 y')
  await world.advance(60_000)
  const attempt = ['begin a 1 x, b 1 y', 'write a 1 x, b 1 y']
  assert.deepEqual(world.journal.lines, [
    ...Array.from({ length: 3 }, () => [...attempt, 'release a 1 x, b 1 y']).flat(),
    ...attempt,
    'commit a 1 x, b 1 y',
    'confirm a 1 x, b 1 y',
    'ack a 1 x, b 1 y',
  ])
  assert.equal(new Set(world.cache.calls.map(({ token }) => token)).size, 1)
})

test('the next batch has another token', async () => {
  const world = new World()
  await world.publish('a 1 x')
  await world.publish('a 2 x')
  assert.equal(new Set(world.cache.calls.map(({ token }) => token)).size, 2)
})

test('a lost reply to COMMIT is a failure: the batch is written again, and acked only then', async () => {
  const world = new World()
  world.table.fail({ class: 'infrastructure', times: 1, commits: true })
  await world.publish('a 1 x')
  assert.deepEqual(world.table.contents, ['a 1 x'])
  assert.equal(world.engine.outstanding, 1)
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { stale: 1 }, 'its own first commit refuses the second')
  assert.equal(world.table.attempts.length, 2)
})

test('a confirm that never returns delays neither its own batch nor the next one', async () => {
  const world = new World()
  world.cache.confirmReturns = false
  await world.publish('a 1 x')
  assert.deepEqual(world.tally.ended, { written: 1 })
  await world.publish('a 2 x', 'b 1 x')
  assert.deepEqual(world.tally.ended, { written: 3 })
  await world.stop()
})

test('the age at commit is that of the oldest message, from its publish time', async () => {
  const world = new World({ flushIntervalMs: 500 })
  await world.publish('a 1 x')
  await world.advance(400)
  await world.publish('b 1 x')
  await world.advance(100)
  assert.deepEqual(world.tally.commitAges, [0.5])
  assert.equal(world.source.acked[0]?.publishTimeMs, startUnixMs)
})
