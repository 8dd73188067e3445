import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { sleep, systemClock } from './clock.ts'

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length

describe('sleep', () => {
  test('ends after its time, not before', async () => {
    const clock = new VirtualClock()
    const { signal } = new AbortController()
    let over = false
    const sleeping = sleep(clock, 100, signal).then(() => (over = true))
    await clock.advance(99)
    assert.equal(over, false)
    await clock.advance(1)
    assert.equal(over, true)
    await sleeping
    assert.equal(listeners(signal), 0, 'no listener is left')
  })

  test('ends at abort, and leaves neither timer nor listener', async () => {
    const clock = new VirtualClock()
    const abort = new AbortController()
    const sleeping = sleep(clock, 100, abort.signal)
    assert.deepEqual([clock.timers, listeners(abort.signal)], [1, 1])
    abort.abort()
    await sleeping
    assert.deepEqual([clock.timers, listeners(abort.signal)], [0, 0])
  })

  test('does not start if the signal has already aborted', async () => {
    const clock = new VirtualClock()
    await sleep(clock, 100, AbortSignal.abort())
    assert.equal(clock.timers, 0)
  })

  test('needs no signal', async () => {
    const clock = new VirtualClock()
    const sleeping = sleep(clock, 100)
    await clock.advance(100)
    await sleeping
  })
})

describe('the system clock', () => {
  test('runs forward, in ms, and knows the date', () => {
    const before = systemClock.now()
    assert.ok(Math.abs(systemClock.unixMs() - Date.now()) < 1000)
    assert.ok(systemClock.now() >= before)
  })

  test('calls back when it is time, unless cancelled', async () => {
    const calls: string[] = []
    const cancel = systemClock.after(0, () => calls.push('cancelled'))
    systemClock.after(0, () => calls.push('kept'))
    cancel()
    // Timers of the same length end in order.
    await new Promise<void>((resolve) => systemClock.after(0, resolve))
    cancel()
    assert.deepEqual(calls, ['kept'])
  })
})
