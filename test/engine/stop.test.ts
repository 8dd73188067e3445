// A graceful shutdown settles everything in flight; a forced one nacks exactly what remains.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { World } from '../support/world.ts'

const words = (count: number) => Array.from({ length: count }, (_, i) => `k${i} 1 x`)

test('a graceful shutdown accepts nothing new, and writes what is in flight without waiting for the interval', async () => {
  const world = new World({ workers: 3, flushIntervalMs: 60_000, maxBatchRecords: 10 })
  await world.publish(...words(100), 'nonsense')
  const stop = world.beginStop()
  world.source.publish('too-late 1 x')
  await world.advance(0)
  assert.ok(stop.done)
  assert.equal(world.clock.now(), 0)
  assert.deepEqual(world.tally.ended, { written: 100, 'dead-lettered': 1 })
  assert.deepEqual(world.source.unacked, ['too-late 1 x'])
  assert.deepEqual(world.journal.lines.at(-1), 'close', 'the source is closed after the last ack')
  assert.equal(world.clock.timers, 0)
})

test('a graceful shutdown with nothing in flight ends at once', async () => {
  const world = new World()
  await world.stop()
  assert.ok(world.source.closed)
})

test('a graceful shutdown waits for the batch that is being written', async () => {
  const world = new World()
  const release = world.table.block()
  await world.publish('a 1 x')
  await world.publish('a 2 x', 'b 1 x')
  const stop = world.beginStop()
  await world.advance(3_600_000)
  assert.ok(!stop.done && !world.source.closed)
  release()
  await world.advance(0)
  assert.ok(stop.done)
  assert.deepEqual(world.table.contents, ['a 2 x', 'b 1 x'])
})

test('messages that a source still delivers while it stops are written, too', async () => {
  const world = new World({ flushIntervalMs: 60_000 })
  const streams = Promise.withResolvers<void>()
  world.source.stop = () => streams.promise
  const stop = world.beginStop()
  await world.publish('a 1 x')
  assert.ok(!stop.done)
  streams.resolve()
  await world.advance(0)
  assert.ok(stop.done)
  assert.deepEqual(world.tally.ended, { written: 1 })
})

for (const store of ['table', 'letters'] as const) {
  test(`a graceful shutdown waits for the ${store} to come back`, async () => {
    const world = new World({ workers: 2, flushIntervalMs: 1000 })
    const fix =
      store === 'table'
        ? world.table.fail({ class: 'infrastructure' })
        : world.deadLetters.fail('infrastructure')
    await world.publish(...words(20), 'nonsense')
    const stop = world.beginStop()
    await world.advance(3_600_000)
    assert.ok(!stop.done)
    assert.ok(!('nacked' in world.tally.ended))
    fix()
    await world.advance(5000)
    assert.ok(stop.done)
    assert.deepEqual(world.tally.ended, { written: 20, 'dead-lettered': 1 })
  })
}

test('a graceful shutdown tries the losers of a dead-lettered winner', async () => {
  const world = new World({ flushIntervalMs: 60_000 })
  world.table.fail({ class: 'bad-row', when: (records) => records.some(({ content }) => content === 'bad') })
  await world.publish('a 1 x', 'a 2 bad', 'b 1 x')
  await world.stop()
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x'])
  assert.deepEqual(world.deadLetters.texts, ['a 2 bad'])
})

test('a forced shutdown nacks exactly what remains; a commit of the batch in flight has no effect on it', async () => {
  const world = new World({ maxBatchRecords: 2 })
  await world.publish('done 1 x')
  const release = world.table.block()
  const fix = world.deadLetters.fail('infrastructure')
  await world.publish('a 1 x', 'b 1 x', 'c 1 x', 'nonsense')
  const stop = world.beginStop()
  await world.advance(1000)
  assert.equal(world.engine.abort(), 4)
  await world.advance(0)
  assert.ok(stop.done)
  assert.deepEqual(world.tally.ended, { written: 1, nacked: 4 })

  release()
  fix()
  await world.advance(60_000)
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x', 'done 1 x'])
  assert.deepEqual(world.deadLetters.texts, [], 'what was nacked is not dead-lettered as well')
  assert.deepEqual(world.tally.ended, { written: 1, nacked: 4 })
  assert.equal(world.engine.abort(), 0)
})

test('a forced shutdown in an outage ends the waiting, and leaves no timer', async () => {
  const world = new World({ workers: 4, flushIntervalMs: 50 })
  world.table.fail({ class: 'infrastructure' })
  await world.publish(...words(40))
  await world.advance(60_000)
  const attempts = world.table.attempts.length
  const stop = world.beginStop()
  assert.equal(world.engine.abort(), 40)
  await world.advance(0)
  assert.ok(stop.done)
  assert.equal(world.clock.timers, 0)
  await world.advance(60_000)
  assert.equal(world.table.attempts.length, attempts)
})

test('a forced shutdown while a write fails leaves no timer', async () => {
  const world = new World()
  const release = world.table.block()
  world.table.fail({ class: 'infrastructure' })
  await world.publish('a 1 x')
  world.engine.abort()
  release()
  await world.advance(0)
  assert.equal(world.clock.timers, 0)
})

test('a forced shutdown ends a search for bad rows', async () => {
  const world = new World()
  const when = (records: readonly KeyedRecord[]) => {
    if (world.table.attempts.length === 4) world.engine.abort()
    return records.some(({ key }) => key === 'k3')
  }
  world.table.fail({ class: 'bad-row', when })
  await world.publish(...words(64))
  world.beginStop()
  await world.advance(60_000)
  assert.equal(world.table.attempts.length, 4)
  assert.deepEqual(world.deadLetters.stored, [])
})

test('what arrives after a forced shutdown is nacked; stop() then ends', async () => {
  const world = new World()
  world.engine.abort()
  const written = world.table.attempts.length
  // A nacked message comes again as long as the source delivers, so the stop is part of the same breath.
  world.source.publish('a 1 x', 'nonsense')
  const stop = world.beginStop()
  await world.advance(0)
  assert.ok(stop.done)
  assert.equal(world.tally.settledCount.nacked, 2)
  assert.equal(world.table.attempts.length, written)
  assert.deepEqual(world.source.unacked, ['a 1 x', 'nonsense'])
})
