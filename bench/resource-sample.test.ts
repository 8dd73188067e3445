import assert from 'node:assert/strict'
import { test, vi } from 'vitest'
import { MemoryWatch } from './resource-sample.ts'

/** Above the greatest that Linux gives to a process. */
const noSuchPid = 2 ** 22 + 1

test('memory is sampled while all processes live; an exited process does not lower a sample', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  using living = new MemoryWatch([process.pid], 10)
  using ended = new MemoryWatch([process.pid, noSuchPid], 10)
  vi.advanceTimersByTime(20)
  vi.useRealTimers()
  assert.equal(living.samples.length, 2)
  assert.ok(living.samples.every(({ bytes }) => bytes > 10_000_000))
  assert.deepEqual(ended.samples, [])
})
