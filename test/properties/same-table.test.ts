// Messages in any order, any of them any number of times, in batches of any size: the same table.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { alwaysAsync } from '../support/seed.ts'
import { World } from '../support/world.ts'

const message = fc
  .tuple(
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom(0n, 1n, 2n, 10n, 9_007_199_254_740_992n, 9_007_199_254_740_993n),
    fc.constantFrom('x', 'y', '\u{FF5E}', '\u{1F600}'),
  )
  .map((parts) => parts.join(' '))

const options = fc.record({
  workers: fc.integer({ min: 1, max: 3 }),
  maxBatchRecords: fc.integer({ min: 1, max: 8 }),
  flushIntervalMs: fc.constantFrom(0, 10),
})

/** All of them at least once, some more often, in another order. */
const reordered = (texts: readonly string[]) =>
  fc
    .tuple(fc.array(fc.constantFrom(...texts), { maxLength: 20 }), fc.constant(texts))
    .chain(([more, all]) => {
      const every = [...all, ...more]
      return fc.shuffledSubarray(every, { minLength: every.length, maxLength: every.length })
    })

async function tableAfter(chosen: object, texts: readonly string[], group: number): Promise<string[]> {
  const world = new World(chosen)
  for (let at = 0; at < texts.length; at += group) await world.publish(...texts.slice(at, at + group))
  await world.advance(100)
  await world.stop(100)
  assert.equal(world.source.unacked.length, 0)
  return world.table.contents
}

test('any order and any repetition of messages ends in the same table', async () => {
  const cases = fc
    .array(message, { minLength: 1, maxLength: 25 })
    .chain((texts) => fc.tuple(fc.constant(texts), reordered(texts), reordered(texts)))
  await alwaysAsync(
    fc.asyncProperty(cases, options, options, fc.integer({ min: 1, max: 9 }), async (texts, a, b, group) => {
      const [plain, one, other] = texts
      const expected = await tableAfter(a, plain, plain.length)
      assert.deepEqual(await tableAfter(a, one, group), expected)
      assert.deepEqual(await tableAfter(b, other, 1), expected)
    }),
  )
})
