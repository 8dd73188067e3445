import assert from 'node:assert/strict'
import { test } from 'vitest'
import { medianOf, quantileOf, slopeOf, spreadOf } from './statistics.ts'

test('the median of an odd number of values is the middle one, of an even number the mean of two', () => {
  assert.equal(medianOf([3, 1, 2]), 2)
  assert.equal(medianOf([10, 4, 1, 2]), 3)
  assert.equal(medianOf([7]), 7)
  assert.ok(Number.isNaN(medianOf([])))
})

test('a spread compares numbers, not text, and has no side effects', () => {
  const values = [9, 100, 20]
  assert.deepEqual(spreadOf(values), { median: 20, least: 9, greatest: 100 })
  assert.deepEqual(values, [9, 100, 20])
  assert.throws(() => spreadOf([]), /no value/)
})

test('a quantile is an observed value, and that share of the values is not above it', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, i) => i + 1)
  assert.deepEqual(
    [0, 0.5, 0.99, 0.999, 1].map((share) => quantileOf(hundred, share)),
    [1, 50, 99, 100, 100],
  )
  assert.equal(quantileOf(Float64Array.of(5), 0.5), 5)
  assert.ok(Number.isNaN(quantileOf(new Float64Array(), 0.5)))
})

test('a slope is the increase of y per unit of x', () => {
  const noise = [0.1, -0.2, 0.1]
  const points = noise.map((off, i) => ({ x: i * 10, y: 5 - 3 * i * 10 + off }))
  assert.ok(Math.abs(slopeOf(points) + 3) < 0.02)
  assert.equal(slopeOf([{ x: 1, y: 1 }]), 0)
})
