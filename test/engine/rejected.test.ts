// Only what cannot be a row is dead-lettered: a row is the cause if it fails alone where another one succeeds.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { World } from '../support/world.ts'

const good = (count: number) => Array.from({ length: count }, (_, i) => `good${i} 1 x`)
const bad = (count: number) => Array.from({ length: count }, (_, i) => `bad${i} 1 x`)
const isBad = ({ key }: { readonly key: string }) => key.startsWith('bad')

test('a message that cannot be decoded is stored as a dead letter, then acked', async () => {
  const world = new World()
  await world.publish('nonsense', 'a 1 x', '')
  assert.deepEqual(world.table.contents, ['a 1 x'])
  assert.deepEqual(world.deadLetters.texts, ['nonsense', ''])
  assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 2 })
  assert.deepEqual(world.tally.deadLetterReasons, { malformed: 2 })
  const lines = world.journal.lines.filter((line) => line.includes('nonsense'))
  assert.deepEqual(lines, ['dead-letter nonsense, ', 'ack nonsense, '])
})

test('more dead letters than one statement takes: only those that are stored are acked', async () => {
  const world = new World()
  const texts = Array.from({ length: 700 }, (_, i) => `undecodable${i}`)
  const store = world.deadLetters.store.bind(world.deadLetters)
  let fix: (() => void) | undefined
  world.deadLetters.store = async (deadLetters) => {
    await store(deadLetters)
    fix ??= world.deadLetters.fail('infrastructure')
  }
  await world.publish(...texts)
  assert.equal(world.deadLetters.stored.length, 500)
  assert.deepEqual(world.tally.ended, { 'dead-lettered': 500 })
  fix?.()
  await world.advance(60_000)
  assert.deepEqual(world.deadLetters.texts, texts)
  assert.deepEqual(world.tally.ended, { 'dead-lettered': 700 })
})

test('a flood of dead letters is logged once in ten seconds, with its reasons counted', async () => {
  const world = new World()
  const undecodable = Array.from({ length: 300 }, (_, i) => `undecodable${i}`)
  for (const text of undecodable) await world.publish(text)
  assert.equal(world.warnings.length, 1)
  await world.advance(10_000)
  await world.publish('one more')
  const reasons = world.warnings.map((fields) => Object.values(fields['reasons'] as object))
  assert.deepEqual(reasons, [[1], [300]])
})

test('a row that fails alone is dead-lettered while its neighbours are written', async () => {
  const world = new World()
  world.table.refuse(['bad0'])
  await world.publish(...good(50), ...bad(1), 'z 1 x')
  assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'])
  assert.equal(world.deadLetters.stored[0]?.reason, 'refused-by-database')
  assert.deepEqual(world.tally.ended, { written: 51, 'dead-lettered': 1 })
  const lines = world.journal.lines.filter((line) => /^(dead-letter|ack).*bad0/.test(line))
  assert.deepEqual(lines, ['dead-letter bad0 1 x', 'ack bad0 1 x'])
  assert.deepEqual(world.tally.reasons, [], 'one bad row delays no other')
})

test('a table that is fixed during a search: no row is dead-lettered for its earlier state', async () => {
  for (let times = 1; times < 12; times++) {
    const world = new World()
    world.table.fail({ class: 'bad-row', code: '23502', times })
    await world.publish(...good(8))
    await world.advance(60_000)
    assert.deepEqual(world.tally.ended, { written: 8 }, `${times} refusals`)
  }
})

test('a table that breaks during a search: no row is dead-lettered for its later state', async () => {
  for (let before = 1; before < 9; before++) {
    const world = new World()
    world.table.refuse(['bad0'])
    const { attempts } = world.table
    const fix = world.table.fail({ class: 'bad-row', code: '23502', when: () => attempts.length > before })
    await world.publish(...good(8), ...bad(1))
    await world.advance(60_000)
    const innocent = world.deadLetters.texts.filter((text) => text.startsWith('good'))
    assert.deepEqual(innocent, [], `after ${before} statements`)
    fix()
    await world.publish('neighbour 1 x')
    await world.advance(60_000)
    assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'], `after ${before} statements`)
    assert.deepEqual(world.tally.ended, { written: 9, 'dead-lettered': 1 })
  }
})

test('the losers of a dead-lettered winner are tried, the newest of them first', async () => {
  const world = new World()
  world.table.fail({ class: 'bad-row', when: (records) => records.some(({ content }) => content === 'bad') })
  await world.publish('a 1 x', 'a 3 bad', 'a 2 y', 'b 1 x')
  assert.deepEqual(world.deadLetters.texts, ['a 3 bad'])
  assert.deepEqual(world.table.contents, ['a 2 y', 'b 1 x'])
  assert.deepEqual(world.tally.ended, { written: 2, coalesced: 1, 'dead-lettered': 1 })
})

test('a duplicate of a dead-lettered record is the same record, and dead-lettered with it', async () => {
  const world = new World()
  world.table.refuse(['bad0'])
  await world.publish('bad0 1 x', 'bad0 1 x', 'a 1 x')
  assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 2 })
  await world.stop()
})

test('a bad row without a neighbour waits, unacked, and is dead-lettered once a neighbour is written', async () => {
  const world = new World()
  world.table.refuse(['bad0'])
  await world.publish(...bad(1))
  await world.advance(600_000)
  assert.deepEqual(world.tally.ended, {})
  assert.deepEqual(world.deadLetters.texts, [])
  assert.ok(world.table.attempts.length < 1300, `${world.table.attempts.length} statements in ten minutes`)
  await world.publish('a 1 x')
  assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'])
  assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 1 })
})

test('bad rows are not neighbours of each other', async () => {
  const world = new World()
  world.table.refuse(['bad0', 'bad1', 'bad2'])
  await world.publish(...bad(3))
  await world.advance(60_000)
  assert.deepEqual(world.tally.ended, {})
  await world.publish('a 1 x')
  assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 3 })
})

test('as many bad rows as a batch holds do not keep neighbours out', async () => {
  const world = new World({ maxBatchRecords: 4 })
  world.table.refuse(['bad0', 'bad1', 'bad2', 'bad3'])
  await world.publish(...bad(4))
  await world.publish(...good(6))
  assert.deepEqual(world.tally.ended, { written: 6, 'dead-lettered': 4 })
})

test('a newer valid version replaces a bad row that waits', async () => {
  const world = new World()
  world.table.fail({ class: 'bad-row', when: (records) => records.some(({ content }) => content === 'bad') })
  await world.publish('a 1 bad')
  await world.publish('a 2 good')
  assert.deepEqual(world.table.contents, ['a 2 good'])
  assert.deepEqual(world.tally.ended, { written: 1, coalesced: 1 })
})

test('twenty rejected in a row are schema drift: none is dead-lettered, and all are written after the fix', async () => {
  const world = new World()
  const fix = world.table.refuse(bad(30).map((_, i) => `bad${i}`))
  await world.publish(...bad(30))
  await world.advance(3_600_000)
  assert.deepEqual(world.tally.ended, {})
  assert.match(world.engine.pausedBecause.join(), /20 rows in a row were rejected/)
  assert.ok(world.source.held)
  fix()
  await world.advance(10_000)
  assert.equal(world.table.rows.size, 30)
  assert.deepEqual(world.tally.ended, { written: 30 })
  assert.deepEqual(world.deadLetters.texts, [])
  assert.deepEqual(world.engine.pausedBecause, [])
})

test('drift that arrives a few rows at a time is drift as well', async () => {
  const world = new World({ maxBatchRecords: 8 })
  const fix = world.table.fail({ class: 'bad-row', code: '23502' })
  for (const text of good(24)) await world.publish(text)
  await world.advance(60_000)
  assert.match(world.engine.pausedBecause.join(), /20 rows in a row/)
  fix()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { written: 24 })
})

test('rejections neither end a pause for drift nor make it loop', async () => {
  const world = new World({ workers: 4 })
  world.table.fail({ class: 'bad-row', code: '23502' })
  await world.publish(...good(200))
  await world.advance(60_000)
  const before = world.table.attempts.length
  const reasons = new Set(world.tally.reasons)
  await world.advance(600_000)
  // A probe every 2.5 to 5 s, and each finds 20 refused rows again at most every other time.
  const rate = (world.table.attempts.length - before) / 600
  assert.ok(rate < 10, `${rate} statements a second`)
  assert.equal(world.source.holds, 1)
  assert.ok(!reasons.has(undefined), 'the hold was lifted')
  assert.deepEqual(world.tally.ended, {})
})

test('an unknown error dead-letters a row only the third time it fails alone while others commit', async () => {
  const world = new World()
  world.table.refuse(['bad0'], { class: 'unknown', code: 'XX000' })
  for (const turn of [1, 2, 3]) {
    assert.deepEqual(world.deadLetters.texts, [], `before turn ${turn}`)
    await world.publish(...(turn === 1 ? bad(1) : []), `good${turn} 1 x`)
    // Time for the one pause after the failure of the whole.
    await world.advance(900)
    assert.equal(world.tally.settledCount.written, turn)
  }
  assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'])
  assert.deepEqual(world.tally.ended, { written: 3, 'dead-lettered': 1 })
})

test('an unknown error that affects every row is an outage: nothing is dead-lettered', async () => {
  const world = new World()
  const fix = world.table.fail({ class: 'unknown', code: 'XX000' })
  await world.publish(...good(5))
  await world.advance(3_600_000)
  assert.ok(world.source.held)
  assert.deepEqual(world.tally.ended, {})
  assert.ok(world.table.attempts.length < 15_000, `${world.table.attempts.length} statements in an hour`)
  fix()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { written: 5 })
  assert.ok(!world.source.held)
})

test('bad rows among conflicts are still distinguished from valid ones', async () => {
  const world = new World()
  world.table.fail({ class: 'bad-row', when: (records) => records.some(isBad) })
  world.table.fail({ class: 'conflict', when: (records) => records.length === 1, times: 2 })
  await world.publish(...good(7), ...bad(1))
  await world.advance(1000)
  await world.publish('z 1 x')
  assert.deepEqual(world.tally.ended, { written: 8, 'dead-lettered': 1 })
})
