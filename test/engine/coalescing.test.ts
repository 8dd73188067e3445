// Whatever the order of arrival, the newest record of a key stays, and the others share its fate.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { claimLeaseMs } from '#core/cache.ts'
import { nameOf } from '../simulated/ports/source.ts'
import { World } from '../support/world.ts'

/** Both in one batch, and one after the other. */
const waysToArrive: [string, (world: World, first: string, second: string) => Promise<void>][] = [
  ['together', (world, first, second) => world.publish(first, second)],
  [
    'one after the other',
    async (world, first, second) => {
      await world.publish(first)
      await world.publish(second)
    },
  ],
  [
    'while one is being written',
    async (world, first, second) => {
      const release = world.table.block()
      await world.publish(first)
      await world.publish(second)
      release()
      await world.advance(0)
    },
  ],
]

const pairs: [string, string, string][] = [
  ['an older and a newer one', 'a 1 z', 'a 2 b'],
  ['versions that differ beyond what a double holds', 'a 9007199254740992 z', 'a 9007199254740993 b'],
  ['versions of unequal length', 'a 9 z', 'a 10 b'],
  ['equal versions with different content', 'a 1 x', 'a 1 y'],
  ['content where UTF-16 and UTF-8 disagree', 'a 1 \u{FF5E}', 'a 1 \u{1F600}'],
]

for (const [how, arrive] of waysToArrive) {
  for (const [what, loser, winner] of pairs) {
    test(`${what}, ${how}: either order ends in the same row`, async () => {
      for (const [first, second] of [
        [loser, winner],
        [winner, loser],
      ] as const) {
        const world = new World()
        await arrive(world, first, second)
        assert.deepEqual(world.table.contents, [winner])
        assert.deepEqual(world.source.unacked, [])
      }
    })
  }
}

test('a batch has each key once; older deliveries of the key are coalesced', async () => {
  const world = new World()
  await world.publish('a 1 x', 'b 1 x', 'a 3 z', 'a 2 y', 'a 3 z')
  assert.equal(world.table.attempts.length, 1)
  assert.equal(world.table.attempts[0]?.records.length, 2)
  assert.deepEqual(world.table.contents, ['a 3 z', 'b 1 x'])
  assert.deepEqual(world.tally.ended, { written: 2, coalesced: 3 })
})

test('older deliveries are not acked before the newer one is committed', async () => {
  const world = new World()
  const fix = world.table.fail({ class: 'infrastructure' })
  await world.publish('a 1 x', 'a 2 y')
  await world.advance(60_000)
  assert.deepEqual(world.tally.ended, {})
  fix()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { written: 1, coalesced: 1 })
})

test('rows that the guard rejects are stale, their losers coalesced', async () => {
  const world = new World()
  await world.publish('a 5 x')
  await world.publish('a 3 x', 'a 4 x', 'b 1 x', 'a 5 x')
  await world.publish('a 4 x')
  assert.deepEqual(world.tally.ended, { written: 2, stale: 2, coalesced: 2 })
  assert.deepEqual(world.table.contents, ['a 5 x', 'b 1 x'])
})

test('the same message twice at once: one row, two acks', async () => {
  const world = new World({ flushIntervalMs: 50 })
  await world.publish('a 1 x')
  world.source.redeliver('1')
  await world.advance(50)
  assert.deepEqual(world.tally.ended, { written: 1, coalesced: 1 })
  assert.deepEqual(world.source.acked.map(nameOf), ['1/1', '1/2'])
})

test('a record that the cache calls stale is acked unwritten: the winner as stale, its losers as coalesced', async () => {
  const world = new World()
  world.rival('a 2 y')
  world.cache.verdict = ({ key }) => (key === 'a' ? 'stale' : 'fresh')
  await world.publish('a 2 y', 'a 1 x', 'b 1 x')
  assert.deepEqual(
    world.table.attempts.map(({ records }) => records.map(({ key }) => key)),
    [['b']],
  )
  assert.deepEqual(world.tally.ended, { stale: 1, coalesced: 1, written: 1 })
})

test('a batch of only stale records is not written at all', async () => {
  const world = new World()
  for (const text of ['a 2 x', 'b 2 x']) world.rival(text)
  world.cache.verdict = () => 'stale'
  await world.publish('a 1 x', 'b 1 x')
  assert.equal(world.table.attempts.length, 0)
  assert.deepEqual(world.tally.ended, { stale: 2 })
  assert.deepEqual(world.tally.steps, ['begin'])
})

test('busy never justifies an ack: after a lease the record is written anyway, and the guard decides', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x', 'b 1 x')
  await world.advance(claimLeaseMs - 1)
  assert.deepEqual(world.tally.ended, {})
  assert.equal(world.table.attempts.length, 0)
  const fix = world.table.fail({ class: 'infrastructure' })
  await world.advance(60_000)
  assert.deepEqual(world.tally.ended, {})
  assert.ok(world.table.attempts.length > 1)
  world.rival('b 2 y')
  fix()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { written: 1, stale: 1 })
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 2 y'])
})

test('stale records are settled even if the others cannot be written, and are not retried with them', async () => {
  const world = new World()
  world.rival('a 1 x')
  world.table.fail({ class: 'infrastructure' })
  world.cache.verdict = ({ key }) => (key === 'a' ? 'stale' : 'fresh')
  await world.publish('a 1 x', 'b 1 x')
  world.cache.verdict = () => 'fresh'
  await world.advance(60_000)
  assert.deepEqual(world.tally.ended, { stale: 1 })
  assert.deepEqual(world.source.unacked, ['b 1 x'])
  assert.ok(world.table.attempts.every(({ records }) => records.length === 1))
})
