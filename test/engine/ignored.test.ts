// Records that a sink ignores, since they came too late for anyone to know whether they count: nothing was stored for them.
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

test('they are acked as ignored, are no fact for the cache, and those that they have replaced get their turn', async () => {
  const world = new World({}, { sinkOf: ignoringLate })
  const { justify } = world.source
  world.source.justify = (delivery) => delivery.data.toString().endsWith('late') || justify(delivery)
  await world.publish('a 1 x', 'a 2 late', 'b 1 x')
  assert.deepEqual(world.table.contents, ['a 1 x', 'b 1 x'])
  assert.deepEqual(world.tally.ended, { written: 2, ignored: 1 })
  const confirmed = world.cache.calls.filter(({ step }) => step === 'confirm').map(({ names }) => names)
  assert.deepEqual(confirmed, ['b 1 x', 'a 1 x'])
  assert.deepEqual([...world.cache.claims], [], 'the claim of what was ignored is released')
})
