import assert from 'node:assert/strict'
import { test } from 'vitest'
import { arrivalOf, entryOf, textsOf } from '../../test/support/arrivals.ts'
import { wordPipeline } from '../../test/support/word-pipeline.ts'
import { arrivalsOf, fold, join, newEntry } from './entry.ts'

const { merge } = wordPipeline

test('a newer arrival wins over an older one', () => {
  assert.deepEqual(textsOf(entryOf('a 1 x', 'a 2 y')), ['a 2 y', 'a 1 x'])
})

test('an older arrival loses to a newer one', () => {
  assert.deepEqual(textsOf(entryOf('a 2 y', 'a 1 x')), ['a 2 y', 'a 1 x'])
})

test('of two with the same version the greater content wins, in either order', () => {
  assert.equal(entryOf('a 1 x', 'a 1 y').winner.record.content, 'y')
  assert.equal(entryOf('a 1 y', 'a 1 x').winner.record.content, 'y')
})

test('content is compared by UTF-8 bytes, not by UTF-16 units', () => {
  assert.equal(entryOf('a 1 \u{1F600}', 'a 1 \u{FF5E}').winner.record.content, '\u{1F600}')
  assert.equal(entryOf('a 1 \u{FF5E}', 'a 1 \u{1F600}').winner.record.content, '\u{1F600}')
})

test('of two equal ones the earlier stays', () => {
  const first = arrivalOf('a 1 x')
  const entry = newEntry(first, 0, 0)
  fold(entry, arrivalOf('a 1 x'), merge)
  assert.equal(entry.winner, first)
  assert.equal(arrivalsOf(entry).length, 2)
})

test('a new winner has no strikes, a new loser leaves the winner its own', () => {
  const entry = entryOf('a 2 y')
  entry.strikes = 2
  fold(entry, arrivalOf('a 1 x'), merge)
  assert.equal(entry.strikes, 2)
  fold(entry, arrivalOf('a 3 z'), merge)
  assert.equal(entry.strikes, 0)
})

test('joined with another, a winner keeps its own strikes, and gets none of an older one', () => {
  const struck = (strikes: number, text: string) => Object.assign(entryOf(text), { strikes })
  const after = (entry: ReturnType<typeof struck>, other: ReturnType<typeof struck>) => {
    join(entry, other, merge)
    return entry.strikes
  }
  assert.equal(after(struck(2, 'a 1 x'), struck(0, 'a 2 y')), 0)
  assert.equal(after(struck(0, 'a 2 y'), struck(2, 'a 1 x')), 0)
  assert.equal(after(struck(1, 'a 2 y'), struck(2, 'a 1 x')), 1)
  assert.equal(after(struck(1, 'a 1 x'), struck(2, 'a 1 x')), 2, 'the same record')
})

test('every arrival is kept, with its delivery', () => {
  const entry = entryOf('a 2 b', 'a 1 a', 'a 3 c', 'a 2 b')
  assert.deepEqual(
    arrivalsOf(entry).map(({ delivery }) => delivery.messageId),
    textsOf(entry),
  )
  assert.deepEqual(textsOf(entry).toSorted(), ['a 1 a', 'a 2 b', 'a 2 b', 'a 3 c'])
})
