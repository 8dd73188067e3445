import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { exponentialBackoff } from './backoff.ts'

const take = (backoff: { next(): number }, count: number) =>
  Array.from({ length: count }, () => backoff.next())

test('delays double up to the maximum, and half of each is jitter', () => {
  const options = fc.record({
    initialMs: fc.integer({ min: 2, max: 5000 }),
    factor: fc.integer({ min: 1, max: 1000 }),
  })
  always(
    fc.property(options, ({ initialMs, factor }) => {
      const maxMs = initialMs * factor
      for (const [i, delay] of take(exponentialBackoff({ initialMs, maxMs }), 40).entries()) {
        const whole = Math.min(initialMs * 2 ** i, maxMs)
        assert.ok(delay >= Math.floor(whole / 2) && delay <= whole, `delay ${i} is ${delay}, of ${whole}`)
      }
    }),
  )
})

test('the jitter works: a hundred delays do not end together', () => {
  const first = Array.from({ length: 100 }, () =>
    exponentialBackoff({ initialMs: 10_000, maxMs: 10_000 }).next(),
  )
  assert.ok(new Set(first).size > 50)
  assert.ok(Math.min(...first) < 7000 && Math.max(...first) > 8000, 'over the whole range')
})

test('a reset restarts with short delays', () => {
  const backoff = exponentialBackoff({ initialMs: 100, maxMs: 100_000 })
  assert.ok((take(backoff, 12).at(-1) ?? 0) >= 50_000)
  backoff.reset()
  const [first = 0, second = 0] = take(backoff, 2)
  assert.ok(first >= 50 && first <= 100, `${first}`)
  assert.ok(second >= 100 && second <= 200, `${second}`)
})

test('each series grows separately', () => {
  const [one, other] = [0, 1].map(() => exponentialBackoff({ initialMs: 100, maxMs: 100_000 }))
  if (one) take(one, 10)
  assert.ok((other?.next() ?? Infinity) <= 100)
})
