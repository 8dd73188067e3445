import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { arrivalOf } from '../../test/support/arrivals.ts'
import { always } from '../../test/support/seed.ts'
import type { Entry } from './entry.ts'
import { newEntry } from './entry.ts'
import { Line, hashOfKey } from './line.ts'

const keyOf = (entry: Entry) => entry.winner.record.key

test('whatever hashes keys have, it holds what a map of keys would', () => {
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  const step = fc.record({ key: fc.constantFrom(...keys), isRemoval: fc.boolean() })
  const hashes = fc.array(fc.integer({ min: -1, max: 1 }), { minLength: 6, maxLength: 6 })
  let collisions = 0
  always(
    fc.property(hashes, fc.array(step, { maxLength: 40 }), (hashOf, steps) => {
      const line = new Line()
      const model = new Map<string, Entry>()
      for (const [at, { key, isRemoval }] of steps.entries()) {
        const hash = hashOf[keys.indexOf(key)] as number
        const entry = model.get(key)
        assert.equal(line.get(key, hash), entry)
        if (entry && isRemoval) {
          line.remove(entry)
          model.delete(key)
        } else if (!entry) {
          const added = newEntry(arrivalOf(`${key} 1 x`), hash, at)
          if ([...model.values()].some((one) => one.hash === hash)) collisions += 1
          line.add(added)
          model.set(key, added)
        }
        assert.equal(line.size, model.size)
        assert.equal(line.oldest, Array.from(model.values()).at(0))
        assert.deepEqual(new Set(line.entries()), new Set(model.values()))
      }
    }),
    1000,
  )
  assert.ok(collisions > 1000, `${collisions} collisions`)
})

test('entries of different hashes go in order, and those that share one go first', () => {
  const line = new Line()
  const add = (key: string, hash: number, at: number) => line.add(newEntry(arrivalOf(`${key} 1 x`), hash, at))
  for (const [at, key] of ['a', 'b', 'c'].entries()) add(key, at, at)
  assert.deepEqual(Array.from(line.entries(), keyOf), ['a', 'b', 'c'])
  add('d', 1, 3)
  assert.deepEqual(Array.from(line.entries(), keyOf), ['d', 'a', 'b', 'c'])
})

test('entries may be removed while they are gone through', () => {
  const line = new Line()
  for (const [at, key] of ['a', 'b', 'c'].entries()) line.add(newEntry(arrivalOf(`${key} 1 x`), at % 2, at))
  for (const entry of line.entries()) line.remove(entry)
  assert.equal(line.size, 0)
})

test('a hash has 32 bits with a sign, and differs with every part of a key', () => {
  const keys = [
    '',
    'a',
    'b',
    'aa',
    '1.1.1.1 80 HTTP',
    '1.1.1.1 81 HTTP',
    '1.1.1.2 80 HTTP',
    '1.1.1.1 80 HTTPS',
    '\u{1F600}',
  ]
  const hashes = keys.map(hashOfKey)
  assert.equal(new Set(hashes).size, keys.length)
  for (const hash of hashes) assert.equal(hash, hash | 0)
})
