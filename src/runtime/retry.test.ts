import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { RetryOptions } from './retry.ts'
import { retry } from './retry.ts'

/** An attempt that fails this many times, and its outcome; delays are 100, 200, 300, … ms. */
function trying(failures: number, options: Partial<RetryOptions> = {}) {
  const clock = new VirtualClock()
  let attempts = 0
  let delayMs = 0
  const retried: [string, number][] = []
  const attempt = async () => {
    attempts += 1
    if (attempts <= failures) throw new Error(`failure ${attempts}`)
    return `attempt ${attempts}`
  }
  const outcome = retry(attempt, {
    clock,
    backoff: { next: () => (delayMs += 100), reset: () => {} },
    withinMs: 10_000,
    retryable: () => true,
    onRetry: (error, delay) => retried.push([error instanceof Error ? error.message : '', delay]),
    ...options,
  })
  // Looked at later, when time has passed.
  outcome.catch(() => {})
  return { clock, outcome, retried, attempts: () => attempts }
}

describe('retry', () => {
  test('returns what the first successful attempt returns', async () => {
    const { outcome, retried, clock } = trying(0)
    assert.equal(await outcome, 'attempt 1')
    assert.deepEqual([retried, clock.timers], [[], 0])
  })

  test('waits as the backoff says, and reports each retry before its delay', async () => {
    const { clock, outcome, retried, attempts } = trying(2)
    await clock.advance(99)
    assert.equal(attempts(), 1)
    assert.deepEqual(retried, [['failure 1', 100]])
    await clock.advance(1)
    assert.equal(attempts(), 2)
    await clock.advance(200)
    assert.equal(await outcome, 'attempt 3')
    assert.deepEqual(retried, [
      ['failure 1', 100],
      ['failure 2', 200],
    ])
  })

  test('gives up with the last error when the next attempt would be after the timeout', async () => {
    const { clock, outcome, attempts } = trying(Infinity, { withinMs: 599 })
    await clock.advance(300)
    await assert.rejects(outcome, { message: 'failure 3' })
    assert.deepEqual([attempts(), clock.now(), clock.timers], [3, 300, 0], 'and does not wait for nothing')
  })

  test('makes an attempt that is exactly in time', async () => {
    const { clock, outcome } = trying(3, { withinMs: 600 })
    await clock.advance(600)
    assert.equal(await outcome, 'attempt 4')
  })

  test('makes one attempt with a timeout of zero', async () => {
    await assert.rejects(trying(Infinity, { withinMs: 0 }).outcome, { message: 'failure 1' })
    assert.equal(await trying(0, { withinMs: 0 }).outcome, 'attempt 1')
  })

  test('gives up at once on errors that waiting cannot fix', async () => {
    const retryable = (error: unknown) => error instanceof Error && error.message !== 'failure 2'
    const { clock, outcome, retried, attempts } = trying(Infinity, { retryable })
    await clock.advance(100)
    await assert.rejects(outcome, { message: 'failure 2' })
    assert.deepEqual([attempts(), retried.length, clock.timers], [2, 1, 0])
  })

  test('gives up at abort, during a delay, with the last error', async () => {
    const abort = new AbortController()
    const { clock, outcome, attempts } = trying(Infinity, { signal: abort.signal })
    await clock.advance(150)
    abort.abort()
    await assert.rejects(outcome, { message: 'failure 2' })
    assert.deepEqual([attempts(), clock.timers], [2, 0])
  })

  test('makes one attempt, and no second, if the signal has aborted', async () => {
    const { outcome, attempts } = trying(Infinity, { signal: AbortSignal.abort() })
    await assert.rejects(outcome, { message: 'failure 1' })
    assert.equal(attempts(), 1)
  })
})
