import assert from 'node:assert/strict'
import { onTestFinished, test, vi } from 'vitest'
import type { DemoProgress } from '#demo/run.ts'
import { LiveView } from './live-view.ts'
import type { View } from './screen.ts'

const progress: DemoProgress = {
  published: 0,
  received: 0,
  written: 0,
  coalesced: 0,
  stale: 0,
  duplicate: 0,
  ignored: 0,
  deadLettered: 0,
  nacked: 0,
  redelivered: 0,
  outstanding: 0,
  offered: 0,
  phase: 'publishing',
  cacheVerdicts: { fresh: 0, stale: 0, busy: 0 },
  slowestCommitSeconds: undefined,
  problems: [],
}

/** Watches a demo whose table takes this long to read, for some seconds; returns when each read began. */
async function readings(readMs: number, seconds: number) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  let nowMs = 0
  const began: number[] = []
  const drawn: string[] = []
  const demo = {
    progress: () => progress,
    newestRows: async () => {
      began.push(nowMs)
      nowMs += readMs
      return { head: [], cells: [], numeric: [] }
    },
    shown: [],
  }
  const size = { columns: 80, rows: 24 }
  const output = { progress: (view: View) => void drawn.push(view(size)) }
  using _ = new LiveView(demo, output, undefined, () => nowMs)
  for (let second = 1; second <= seconds; second++) {
    nowMs = Math.max(nowMs, second * 1000)
    vi.advanceTimersByTime(1000)
    // What was read is taken in.
    await new Promise(setImmediate)
  }
  return { began, drawn }
}

test('a table that is read quickly is read at every refresh', async () => {
  const { began, drawn } = await readings(0, 10)
  assert.equal(began.length, 10)
  assert.equal(drawn.length, 10)
})

test('reading a large table takes at most a fifth of the time, and the view continues meanwhile', async () => {
  const { began, drawn } = await readings(900, 60)
  assert.ok(began.length > 5 && (began.length * 900) / 60_000 <= 0.2, `${began.length} readings in 60 s`)
  assert.equal(drawn.length, 60)
})
