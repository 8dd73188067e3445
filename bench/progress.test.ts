import assert from 'node:assert/strict'
import { afterEach, beforeEach, test, vi } from 'vitest'
import { Progress } from './progress.ts'

const limitMs = 1000
const tick = (ms: number) => vi.advanceTimersByTime(ms)
const start = () => new Progress([10, 20], () => 'it stands still', limitMs)

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => vi.useRealTimers())

test('what does not move for the limit is given up, and all that is asked of it later', async () => {
  const progress = start()
  const refused = assert.rejects(progress.reached(10), /it stands still/)
  tick(limitMs)
  await refused
  await assert.rejects(progress.reached(20), /it stands still/)
})

test('what moves is waited for', async () => {
  const progress = start()
  const reached = progress.reached(10)
  for (const _ of [1, 2, 3]) {
    tick(limitMs - 1)
    progress.moved()
  }
  progress.reach(10, 77)
  assert.equal(await reached, 77)
})

test('while nobody waits it may stand still, and what was reached stays so', async () => {
  const progress = start()
  progress.reach(10, 77)
  assert.equal(await progress.reached(10), 77)
  tick(2 * limitMs)
  progress.reach(20, 78)
  assert.equal(await progress.reached(20), 78)
})

test('a process that has ended fails what is waited for', async () => {
  const progress = start()
  const refused = assert.rejects(progress.within(new Promise(() => {})), /it has ended/)
  progress.fail(new Error('it has ended'))
  await refused
})

test('a number that is no mark: refused', async () => {
  await assert.rejects(start().reached(11), /11 is no mark/)
})
