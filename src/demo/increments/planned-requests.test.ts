import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { isRejection } from '#core/rejection.ts'
import { Random } from '#demo/random.ts'
import { always, withSeed } from '../../../test/support/seed.ts'
import { readIncrement } from '#systems/increments/message.ts'
import { digitsPerKey, PlannedRequests, timesCounted, valueOf } from './planned-requests.ts'

const read = (body: string) => readIncrement(Buffer.from(body), 0, Buffer.byteLength(body), 'the body')

test('a sum tells how often each request of its key is in it', () => {
  const times = fc.array(fc.integer({ min: 0, max: 15 }), {
    minLength: digitsPerKey,
    maxLength: digitsPerKey,
  })
  always(
    fc.property(times, fc.integer({ min: 0, max: 7 }), (counts, others) => {
      const sum = counts.reduce((total, count, digit) => total + BigInt(count) * valueOf(digit), 0n)
      assert.deepEqual(timesCounted(sum + BigInt(others) * valueOf(digitsPerKey)), [...counts, others])
    }),
    1000,
  )
  assert.ok(timesCounted(2n ** 63n - 1n).length === digitsPerKey + 1, 'no sum of a bigint has more')
})

test('requests are increments of what their digits are worth; those that are malformed are none', () => {
  withSeed((seed) => {
    const random = new Random(seed)
    const requests = new PlannedRequests(() => random.next(), { keyed: 50, malformed: 20 })
    const all = Array.from({ length: 5000 }, () => requests.next())
    const places = new Set(all.map(({ key, digit }) => `${key} ${digit}`))
    assert.equal(places.size, all.length, 'each has a digit of its own')
    const keys = all.flatMap(({ idempotencyKey }) => idempotencyKey ?? [])
    assert.equal(new Set(keys).size, keys.length)
    assert.ok(keys.length > 2000 && keys.length < 3000, `${keys.length} with a key`)
    for (const { key, digit, body, isMalformed, idempotencyKey } of all) {
      if (isMalformed) assert.ok(isRejection(read(body)), body)
      else assert.deepEqual(read(body), { key, value: valueOf(digit) })
      assert.match(idempotencyKey ?? 'none', /^[\x21-\x7e]{1,255}$/)
      assert.ok(digit < digitsPerKey)
    }
    const malformed = all.filter(({ isMalformed }) => isMalformed)
    assert.ok(malformed.length > 700 && malformed.length < 1300, `${malformed.length} malformed`)
  })
})

test('sums go beyond what a double can hold', () => {
  assert.ok(valueOf(digitsPerKey - 1) > 2n ** 53n)
})
