// Messages that are larger once they are decoded: of these no more are decoded than there is room for.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { wordPipeline } from '../support/word-pipeline.ts'
import { World } from '../support/world.ts'

/** Of so many records; each counts 400 bytes and its own. */
const message = (name: string, records: number) =>
  Array.from({ length: records }, (_, at) => `${name}${at} 1 x;`).join('')
const all = (...names: readonly string[]) =>
  names.flatMap((name) => Array.from({ length: 10 }, (_, at) => `${name}${at} 1 x`)).sort()

test('what there is no room for waits undecoded, in its order, until others are settled', async () => {
  const decoded: string[] = []
  const decode: typeof wordPipeline.decode = (delivery, limits) => {
    decoded.push(delivery.data.toString().slice(0, 1))
    return wordPipeline.decode(delivery, limits)
  }
  const world = new World({ maxGrownBytes: 3000 }, { rules: { ...wordPipeline, decode } })
  world.table.fail({ class: 'infrastructure' })
  await world.publish(message('a', 10), message('b', 10), message('c', 10), 'd 1 x')
  assert.deepEqual(decoded, ['a'], 'one passes alone, however large it is')
  await world.publish('e 1 x')
  assert.deepEqual(decoded, ['a'])
  assert.equal(world.engine.outstanding, 4, 'those that came before the outage, with their leases')
  world.table.fixAll()
  await world.advance(10_000)
  assert.deepEqual(decoded, ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(world.table.contents, [...all('a', 'b', 'c'), 'd 1 x', 'e 1 x'])
  assert.deepEqual(world.tally.ended, { written: 5 })
})

test('a forced shutdown returns those that wait; a soft one settles them', async () => {
  for (const isForced of [true, false]) {
    const world = new World({ maxGrownBytes: 3000 })
    world.table.fail({ class: 'infrastructure' })
    await world.publish(message('a', 10), message('b', 10))
    if (isForced) {
      assert.equal(world.engine.abort(), 2)
      world.table.fixAll()
      await world.advance(10_000)
      assert.deepEqual(world.tally.ended, { nacked: 2 })
      continue
    }
    const stopped = world.engine.stop()
    world.table.fixAll()
    await world.advance(10_000)
    await stopped
    assert.deepEqual(world.tally.ended, { written: 2 })
  }
})
