// A message of several records is acked once, when the last of them is settled; of none, at once.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { World } from '../support/world.ts'

test('each record is stored by itself; the message is acked when the last is committed', async () => {
  const world = new World({ workers: 2 })
  const unlock = world.table.lock(['c'])
  await world.publish('a 1 x;b 1 x;c 1 x;', 'd 1 x')
  await world.advance(1000)
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x', 'd 1 x'])
  assert.deepEqual(world.tally.ended, { written: 1 })
  assert.equal(world.engine.outstanding, 1, 'c is not committed')
  unlock()
  await world.advance(10_000)
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x', 'c 1 x', 'd 1 x'])
  assert.deepEqual(world.tally.ended, { written: 2 })
  assert.equal(world.source.acked.length, 2)
})

test('good and bad records: the good ones are stored, the bad ones are one dead letter, and there is one ack', async () => {
  const world = new World()
  await world.publish('a 1 x;nonsense;b 1 x;more nonsense;')
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x'])
  assert.deepEqual(
    world.deadLetters.stored.map(({ reason, detail }) => [reason, detail]),
    [['malformed', 'record 2 of 4: not three words (and 1 more)']],
  )
  assert.deepEqual(world.tally.ended, { 'dead-lettered': 1 })
  assert.equal(world.source.acked.length, 1)
})

test('the message is not acked while its dead letter is not stored, or its good record not written', async () => {
  for (const fail of ['dead letters', 'table'] as const) {
    const world = new World()
    if (fail === 'table') world.table.fail({ class: 'infrastructure' })
    else world.deadLetters.fail('infrastructure')
    await world.publish('a 1 x;nonsense;')
    await world.advance(1000)
    assert.deepEqual(world.source.acked, [], fail)
    world.table.fixAll()
    world.deadLetters.fix()
    await world.advance(10_000)
    assert.deepEqual(world.tally.ended, { 'dead-lettered': 1 })
    assert.deepEqual(world.table.contents, ['a 1 x'])
  }
})

test('a record that the database refuses becomes a dead letter beside its stored siblings', async () => {
  const world = new World()
  world.table.refuse(['b'])
  await world.publish('a 1 x;b 1 x;c 1 x;')
  await world.advance(10_000)
  assert.deepEqual(world.table.contents, ['a 1 x', 'c 1 x'])
  assert.deepEqual(world.tally.deadLetterReasons, { 'refused-by-database': 1 })
  assert.deepEqual(world.tally.ended, { 'dead-lettered': 1 })
})

test('one key twice in one message: the newest is the row', async () => {
  const world = new World()
  await world.publish('a 2 x;a 1 y;')
  assert.deepEqual(world.table.contents, ['a 2 x'])
  assert.deepEqual(world.tally.ended, { written: 1 })
})

test('no record: nothing to store, ignored, acked', async () => {
  const world = new World()
  await world.publish(';')
  assert.deepEqual(world.tally.ended, { ignored: 1 })
  assert.equal(world.source.acked.length, 1)
})

test('a forced shutdown nacks it as a whole, once', async () => {
  const world = new World()
  world.table.lock(['b'])
  await world.publish('a 1 x;b 1 x;')
  await world.advance(1000)
  assert.equal(world.engine.abort(), 1)
  await world.advance(60_000)
  assert.deepEqual(world.tally.ended, { nacked: 1 })
  assert.equal(world.source.nacked.length, 1)
})
