import assert from 'node:assert/strict'
import { afterEach, beforeEach, test, vi } from 'vitest'
import type { Ingester } from './ingester.ts'
import { shutDown } from './shutdown.ts'

/** An ingester whose stop takes until it is told to end. */
function stopping() {
  const stopped = Promise.withResolvers<void>()
  const state = { outstanding: 3000, aborted: 0 }
  const ingester = {
    get outstanding() {
      return state.outstanding
    },
    problems: ['PostgreSQL: away'],
    stop: () => stopped.promise,
    abort: async () => ((state.aborted += 1), state.outstanding),
  } as unknown as Ingester
  return { ingester, state, end: () => stopped.resolve() }
}

const never = new AbortController().signal
const settled = () => new Promise((resolve) => setImmediate(resolve))

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] }),
)
afterEach(() => void vi.useRealTimers())

test('reports what it waits for, at once and every other second, and stops when it is over', async () => {
  const { ingester, state, end } = stopping()
  const told: [number, readonly string[]][] = []
  const waiting = (outstanding: number, because: readonly string[]) => void told.push([outstanding, because])
  const outcome = shutDown(ingester, { limitMs: 25_000, forceStop: never, waiting })
  assert.deepEqual(told, [[3000, ['PostgreSQL: away']]])
  state.outstanding = 200
  vi.advanceTimersByTime(1999)
  assert.equal(told.length, 1)
  vi.advanceTimersByTime(1)
  assert.deepEqual(told[1], [200, ['PostgreSQL: away']])
  end()
  assert.equal(await outcome, 0)
  vi.advanceTimersByTime(10_000)
  assert.equal(told.length, 2)
  assert.equal(state.aborted, 0)
})

test('a second signal forces it, even one from before', async () => {
  for (const early of [true, false]) {
    const { ingester, state } = stopping()
    const forceStop = new AbortController()
    if (early) forceStop.abort()
    const outcome = shutDown(ingester, { limitMs: 25_000, forceStop: forceStop.signal })
    await settled()
    forceStop.abort()
    assert.equal(await outcome, 3000)
    assert.equal(state.aborted, 1)
  }
})

test('so does its timeout', async () => {
  const { ingester, state } = stopping()
  const outcome = shutDown(ingester, { limitMs: 1000, forceStop: never })
  vi.advanceTimersByTime(999)
  await settled()
  assert.equal(state.aborted, 0)
  vi.advanceTimersByTime(1)
  assert.equal(await outcome, 3000)
})
