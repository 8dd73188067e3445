// What is ignored: messages and records, by rules of the pipeline's own, and what a sink finds to have come too late for
// anyone to know whether it counts. Nothing is stored for it, its message is acked, and each record is counted by its rule.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Sink } from '#core/sink.ts'
import type { SimulatedTable } from '../simulated/ports/table.ts'
import { World } from '../support/world.ts'

const ignoringLate = (table: SimulatedTable): Sink => ({
  write: async (records) => {
    const isLate = ({ content }: { readonly content: string }) => content === 'late'
    const others = records.filter((record) => !isLate(record))
    const { written } = others.length > 0 ? await table.write(others) : { written: 0 }
    return { written, ignored: records.flatMap((record, at) => (isLate(record) ? [at] : [])) }
  },
})

test('records that came too late are acked as ignored, are no fact for the cache, and those that they have replaced get their turn', async () => {
  const world = new World({}, { sinkOf: ignoringLate })
  const { justify } = world.source
  world.source.justify = (delivery) => delivery.data.toString().endsWith('late') || justify(delivery)
  await world.publish('a 1 x', 'a 2 late', 'b 1 x')
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x'])
  assert.deepEqual(world.tally.ended, { written: 2, ignored: 1 })
  assert.deepEqual(world.tally.ignoredByRule, { expired: 1 })
  const confirmed = world.cache.calls.filter(({ step }) => step === 'confirm').map(({ names }) => names)
  assert.deepEqual(confirmed, ['b 1 x', 'a 1 x'])
  assert.deepEqual([...world.cache.claims], [], 'the claim of what was ignored is released')
})

test('what came too late and was nacked at a forced shutdown before the sink said so counts under no rule', async () => {
  const world = new World({}, { sinkOf: ignoringLate })
  world.table.block()
  await world.publish('a 1 x', 'b 1 late')
  assert.equal(world.engine.abort(), 2)
  world.table.unblock()
  await world.advance(1000)
  assert.deepEqual(world.tally.ended, { nacked: 2 })
  assert.deepEqual(world.tally.ignoredByRule, {})
})

test('a message that a rule ignores is acked without a row and counted by its rule, once a receive call', async () => {
  const told: [rule: string, count: number][] = []
  const world = new World({}, { observer: { ignored: (rule, count) => told.push([rule, count]) } })
  await world.publish('skip', 'a 1 x', 'skip', ';', 'skip so')
  assert.deepEqual(world.table.contents, ['a 1 x'])
  assert.deepEqual(world.tally.ended, { written: 1, ignored: 4 })
  assert.deepEqual(told, [
    ['skip', 2],
    ['empty', 1],
    ['undeclared', 1],
  ])
  assert.deepEqual(world.deadLetters.stored, [])
  assert.equal(world.journal.lines.filter((line) => line.startsWith('ack skip')).length, 1, 'in one ack')
})

test('beside records of one message each is counted; the message ends as the others do', async () => {
  const world = new World()
  const unlock = world.table.lock(['a'])
  await world.publish('skip;a 1 x;skip;', 'skip;nonsense;', 'skip;skip so;')
  assert.deepEqual(world.tally.ended, { 'dead-lettered': 1, ignored: 1 }, 'a is not written')
  assert.deepEqual(
    world.deadLetters.stored.map(({ detail }) => detail),
    ['record 2 of 2: not three words'],
  )
  unlock()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { 'dead-lettered': 1, ignored: 1, written: 1 })
  assert.deepEqual(world.tally.ignoredByRule, { skip: 4, undeclared: 1 })
})
