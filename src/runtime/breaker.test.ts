import assert from 'node:assert/strict'
import { test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { Breaker } from './breaker.ts'

/** Opens after three failures in a row; delays of 1, 2, 3 … seconds. */
function newBreaker() {
  const clock = new VirtualClock()
  let seconds = 0
  const backoff = { next: () => (seconds += 1) * 1000, reset: () => void (seconds = 0) }
  const breaker = new Breaker({ clock, failures: 3, backoff })
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) breaker.failed()
  }
  /** How long it allows no call, in ms; ends with a trial. */
  const closedFor = async () => {
    for (let ms = 0; ms <= 60_000; ms++) {
      if (breaker.allows()) return ms
      await clock.advance(1)
    }
    return Infinity
  }
  return { breaker, clock, fail, closedFor }
}

test('while closed it allows all', () => {
  const { breaker, fail } = newBreaker()
  assert.deepEqual([breaker.allows(), breaker.allows(), breaker.allows()], [true, true, true])
  fail(2)
  assert.deepEqual([breaker.allows(), breaker.allows()], [true, true])
})

test('consecutive failures open it, to the millisecond of its delay', async () => {
  const { breaker, clock, fail } = newBreaker()
  await clock.advance(777)
  fail(3)
  assert.equal(breaker.allows(), false)
  await clock.advance(999)
  assert.equal(breaker.allows(), false)
  await clock.advance(1)
  assert.equal(breaker.allows(), true)
})

test('a success in between restarts the count', () => {
  const { breaker, fail } = newBreaker()
  fail(2)
  breaker.succeeded()
  fail(2)
  assert.equal(breaker.allows(), true)
  fail(1)
  assert.equal(breaker.allows(), false)
})

test('after the delay it allows one, and no other, however long that takes', async () => {
  const { breaker, clock, fail } = newBreaker()
  fail(3)
  await clock.advance(1000)
  assert.deepEqual([breaker.allows(), breaker.allows()], [true, false])
  await clock.advance(3_600_000)
  assert.equal(breaker.allows(), false)
})

test('each failed trial opens it for longer; one failure suffices', async () => {
  const { breaker, fail, closedFor } = newBreaker()
  fail(3)
  const delays: number[] = []
  for (let i = 0; i < 4; i++) {
    delays.push(await closedFor())
    breaker.failed()
    assert.equal(breaker.allows(), false)
  }
  assert.deepEqual(delays, [1000, 2000, 3000, 4000])
})

test('a successful trial closes it: all are allowed, the count and the delays restart', async () => {
  const { breaker, fail, closedFor } = newBreaker()
  fail(3)
  await closedFor()
  fail(1)
  assert.equal(await closedFor(), 2000)
  breaker.succeeded()
  assert.deepEqual([breaker.allows(), breaker.allows()], [true, true])
  fail(2)
  assert.equal(breaker.allows(), true)
  fail(1)
  assert.equal(await closedFor(), 1000)
})

test('late failures of calls from before it opened neither prolong it nor lengthen the next delay', async () => {
  const { breaker, clock, fail, closedFor } = newBreaker()
  fail(3)
  await clock.advance(900)
  fail(50)
  assert.equal(await closedFor(), 100)
  breaker.failed()
  assert.equal(await closedFor(), 2000)
})

test('late failures do not count as the trial, even after its delay', async () => {
  const { breaker, clock, fail } = newBreaker()
  fail(3)
  await clock.advance(1000)
  fail(50)
  assert.equal(breaker.allows(), true)
})

test('a late success closes it early', async () => {
  const { breaker, clock, fail, closedFor } = newBreaker()
  fail(3)
  await clock.advance(10)
  breaker.succeeded()
  assert.deepEqual([breaker.allows(), breaker.allows()], [true, true])
  fail(3)
  assert.equal(await closedFor(), 1000)
})

test('a success during the trial ends it, whichever call it was', async () => {
  const { breaker, fail, closedFor } = newBreaker()
  fail(3)
  await closedFor()
  breaker.succeeded()
  fail(1)
  assert.deepEqual([breaker.allows(), breaker.allows()], [true, true], 'the trial is no longer under way')
})

test('it sets no timer', () => {
  const { clock, fail } = newBreaker()
  fail(10)
  assert.equal(clock.timers, 0)
})
