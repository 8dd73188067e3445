// A refused row that no neighbour comes for: a row that exists in the table may show that the table is well.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { World } from '../support/world.ts'

const minuteMs = 60_000
const bad = (count: number) => Array.from({ length: count }, (_, i) => `bad${i} 1 x`)
const own = { ownFault: true } as const

/** A world whose table has one row, written long ago. */
async function settledWorld(workers = 1): Promise<World> {
  const world = new World({ workers })
  await world.publish('standing 1 x')
  await world.advance(minuteMs)
  return world
}

/** What was written, rewritten and dead-lettered from now on. */
const linesOf = (world: World) => world.journal.take().filter((line) => !/^(begin|release)/.test(line))

test('a lone row at fault is dead-lettered within a minute, between two rewrites of an existing row', async () => {
  const world = await settledWorld()
  world.table.refuse(['bad0'], own)
  await world.publish(...bad(1))
  world.journal.take()
  await world.advance(minuteMs)
  const lines = linesOf(world)
  const at = lines.indexOf('rewrite standing 1 x')
  assert.deepEqual(lines.slice(at - 1), [
    'write bad0 1 x',
    'rewrite standing 1 x',
    'write bad0 1 x',
    'rewrite standing 1 x',
    'dead-letter bad0 1 x',
    'ack bad0 1 x',
  ])
  assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 1 })
  assert.deepEqual(world.engine.waitingBecause, [])
  assert.equal(world.clock.timers, 0)
})

test('it waits a little for a neighbour first, which is the better proof', async () => {
  const world = await settledWorld()
  world.table.refuse(['bad0'], own)
  await world.publish(...bad(1))
  await world.advance(3000)
  assert.deepEqual(world.deadLetters.texts, [])
  await world.publish('good 1 x')
  assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'])
  assert.ok(!world.journal.lines.some((line) => line.startsWith('rewrite')))
})

test('the first rejection is logged with its cause and what it waits for; the same cause once a minute', async () => {
  const world = await settledWorld()
  world.table.refuse(['bad0'], { code: '23503' })
  await world.publish(...bad(1))
  assert.deepEqual(world.warnings, [{ class: 'bad-row', code: '23503' }])
  const [reason, ...more] = world.engine.waitingBecause
  assert.match(
    reason ?? '',
    /^words: 1 row was rejected, waiting until another new row is written, .*bad-row$/,
  )
  assert.deepEqual(more, [])
  await world.advance(minuteMs - 2000)
  assert.equal(world.warnings.length, 1)
  await world.advance(10 * minuteMs)
  assert.ok(world.warnings.length >= 10 && world.warnings.length <= 12, `${world.warnings.length}`)
})

test('rejections that others may have caused wait for a new row to be written', async () => {
  const world = await settledWorld()
  world.table.refuse(['bad0'], { code: '23503' })
  await world.publish(...bad(1))
  await world.advance(10 * minuteMs)
  assert.deepEqual(world.deadLetters.texts, [])
  assert.ok(!world.journal.lines.some((line) => line.startsWith('rewrite')))
  await world.publish('good 1 x')
  assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'])
})

test('a neighbour that is already stored proves nothing, however often it arrives', async () => {
  const world = await settledWorld()
  const fix = world.table.refuse(['bad0'], { code: '23503' })
  await world.publish(...bad(1))
  for (let times = 0; times < 10; times++) {
    await world.publish('standing 1 x')
    await world.advance(5000)
  }
  assert.deepEqual(world.deadLetters.texts, [])
  fix()
  await world.advance(5000)
  assert.deepEqual(world.table.contents, ['bad0 1 x', 'standing 1 x'])
})

test('an empty table proves nothing: the row waits, and says so, until the first row exists', async () => {
  const world = new World()
  world.table.refuse(['bad0'], own)
  await world.publish(...bad(1))
  await world.advance(10 * minuteMs)
  assert.deepEqual(world.deadLetters.texts, [])
  assert.match(world.engine.waitingBecause.join(), /waiting until the table accepts a row: it is empty/)
  world.rival('other 1 x')
  await world.advance(5000)
  assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'])
})

for (const [when, rewritesBefore] of [
  ['before', 0],
  ['after', 1],
] as const) {
  test(`a table that does not accept its own rows (${when} the row is rejected again) proves nothing`, async () => {
    const world = await settledWorld()
    let rewrites = 0
    const fix = world.table.fail({
      class: 'bad-row',
      code: '23514',
      ownFault: true,
      when: ([record]) =>
        record?.key === 'bad0' || (record?.key === 'standing' && ++rewrites > rewritesBefore),
    })
    await world.publish(...bad(1))
    await world.advance(10 * minuteMs)
    assert.ok(rewrites > 10)
    assert.deepEqual(world.deadLetters.texts, [])
    assert.ok(world.table.attempts.length < 2500, `${world.table.attempts.length} statements in ten minutes`)
    fix()
    await world.advance(5000)
    assert.deepEqual(world.tally.ended, { written: 2 })
  })
}

test('its losers are tried', async () => {
  const world = await settledWorld()
  world.table.fail({
    class: 'bad-row',
    code: '23514',
    ownFault: true,
    when: (records) => records.some(({ content }) => content === 'bad'),
  })
  await world.publish('a 1 x', 'a 3 bad', 'a 2 y')
  await world.advance(minuteMs)
  assert.deepEqual(world.deadLetters.texts, ['a 3 bad'])
  assert.deepEqual(world.table.contents, ['a 2 y', 'standing 1 x'])
  assert.deepEqual(world.tally.ended, { written: 2, coalesced: 1, 'dead-lettered': 1 })
})

test('a newer version that replaces it waits anew', async () => {
  const world = await settledWorld()
  world.table.refuse(['a'], own)
  await world.publish('a 1 x')
  await world.advance(4000)
  await world.publish('a 2 y')
  await world.advance(4000)
  assert.deepEqual(world.deadLetters.texts, [])
  await world.advance(4000)
  assert.deepEqual(world.deadLetters.texts, ['a 2 y'])
})

test('while the table is in doubt, a row that it rejects proves nothing', async () => {
  const world = await settledWorld()
  const rewritten: (string | undefined)[] = []
  const rewriteExistingRow = world.table.rewriteExistingRow.bind(world.table)
  world.table.rewriteExistingRow = () => {
    rewritten.push(world.engine.pausedBecause[0])
    return rewriteExistingRow()
  }
  world.table.fail({ class: 'infrastructure', times: 5, when: ([record]) => record?.key === 'bad0' })
  world.table.refuse(['bad0'], own)
  await world.publish(...bad(1))
  await world.advance(2 * minuteMs)
  assert.ok(world.tally.reasons.length > 0, 'it was held')
  assert.deepEqual(rewritten, [undefined, undefined])
  assert.deepEqual(world.deadLetters.texts, ['bad0 1 x'])
})

test('twenty rows in any lanes that wait for one cause may be the fault of the table: none is dead-lettered', async () => {
  const world = await settledWorld(4)
  const keys = bad(24).map((_, i) => `bad${i}`)
  const fix = world.table.refuse(keys, own)
  await world.publish(...bad(24))
  await world.advance(minuteMs)
  assert.deepEqual(world.deadLetters.texts, [])
  fix()
  await world.advance(minuteMs)
  assert.equal(world.table.rows.size, 25)
})

test('a row that waits for a proof is an explained delay', async () => {
  const world = await settledWorld()
  world.table.refuse(['bad0'], { code: '23503' })
  await world.publish(...bad(1), 'bad0 1 x')
  await world.advance(minuteMs)
  assert.equal(world.engine.oldestOutstandingSeconds, 60)
  assert.equal(world.engine.oldestUnexplainedSeconds, 0)
  world.table.block()
  await world.publish('a 1 x')
  await world.advance(3000)
  assert.equal(world.engine.oldestUnexplainedSeconds, 3)
})

test('a forced shutdown during the search dead-letters nothing', async () => {
  const world = await settledWorld()
  world.table.refuse(['bad0'], own)
  await world.publish(...bad(1))
  await world.advance(4000)
  world.table.block()
  await world.advance(2000)
  world.engine.abort()
  world.table.unblock()
  await world.advance(minuteMs)
  assert.deepEqual(world.deadLetters.texts, [])
  assert.deepEqual(world.tally.ended, { written: 1, nacked: 1 })
  assert.equal(world.clock.timers, 0)
})
