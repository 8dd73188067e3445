import assert from 'node:assert/strict'
import { afterEach, beforeEach, test, vi } from 'vitest'
import { Progress } from './progress.ts'

const limitMs = 1000
const tick = (ms: number) => vi.advanceTimersByTime(ms)
const start = () => new Progress([10, 20], () => 'it stands still', limitMs)

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

test('a count that stalls for the time limit is given up, and so are later waits', async () => {
  const progress = start()
  const refused = assert.rejects(progress.reached(10), /it stands still/)
  tick(limitMs)
  await refused
  await assert.rejects(progress.reached(20), /it stands still/)
})

test('a count that progresses is waited for', async () => {
  const progress = start()
  const reached = progress.reached(10)
  for (const _ of [1, 2, 3]) {
    tick(limitMs - 1)
    progress.moved()
  }
  progress.reach(10, 77)
  assert.equal(await reached, 77)
})

test('without a waiter it may stall, and what was reached stays reached', async () => {
  const progress = start()
  progress.reach(10, 77)
  assert.equal(await progress.reached(10), 77)
  tick(2 * limitMs)
  progress.reach(20, 78)
  assert.equal(await progress.reached(20), 78)
})

test('a process that has exited fails the wait for it', async () => {
  const progress = start()
  const refused = assert.rejects(progress.within(new Promise(() => {})), /it has ended/)
  progress.fail(new Error('it has ended'))
  await refused
})

test('a number that is no milestone is rejected', async () => {
  await assert.rejects(start().reached(11), /11 is no mark/)
})
