// Equal versions with other content, where only the table knows which stays: one statement after the other, whatever fails.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { tiedWordPipeline } from '../support/word-pipeline.ts'
import { World } from '../support/world.ts'

const tiedWorld = () => new World({ flushIntervalMs: 1000 }, { rules: tiedWordPipeline })
const statements = ({ table }: World) =>
  table.attempts.map(({ records }) => records.map(({ key, content }) => `${key} ${content}`).join(', '))

test('they go into statements of their own, at once, and each is acked for what the table says of it', async () => {
  const world = tiedWorld()
  await world.publish('a 1 y', 'a 1 x', 'a 1 z', 'a 1 x', 'b 1 x')
  await world.advance(1000)
  assert.deepEqual(statements(world), ['a y, b x', 'a x', 'a z'])
  assert.deepEqual(world.table.contents, ['a 1 z', 'b 1 x'])
  assert.deepEqual(world.tally.ended, { written: 3, stale: 1, coalesced: 1 })
})

test('a newer version makes all of them losers', async () => {
  const world = tiedWorld()
  await world.publish('a 1 y', 'a 1 x', 'a 2 x')
  await world.advance(1000)
  assert.deepEqual(statements(world), ['a x'])
  assert.deepEqual(world.tally.ended, { written: 1, coalesced: 2 })
})

test('what the cache says of one of them says nothing of the others', async () => {
  const world = tiedWorld()
  await world.publish('a 1 x')
  await world.advance(1000)
  world.cache.verdict = ({ content }) => (content === 'x' ? 'stale' : 'fresh')
  await world.publish('a 1 x', 'a 1 y')
  await world.advance(1000)
  assert.deepEqual(world.table.contents, ['a 1 y'])
  assert.deepEqual(world.tally.ended, { written: 2, stale: 1 })
})

test('one that is refused for good leaves the others their turn', async () => {
  const world = tiedWorld()
  const fix = world.table.fail({
    class: 'bad-row',
    code: '23514',
    when: (records) => records.some(({ content }) => content === 'bad'),
  })
  await world.publish('a 1 bad', 'a 1 x', 'b 1 x')
  await world.advance(5000)
  fix()
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x'])
  assert.equal(world.deadLetters.stored.length, 1)
})

test('while the table is away they wait together, and none is lost at a graceful shutdown', async () => {
  const world = tiedWorld()
  const fix = world.table.fail({ class: 'infrastructure' })
  await world.publish('a 1 y', 'a 1 z')
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, {})
  const stop = world.beginStop()
  fix()
  await world.advance(60_000)
  assert.ok(stop.done)
  assert.deepEqual(world.table.contents, ['a 1 z'])
})
