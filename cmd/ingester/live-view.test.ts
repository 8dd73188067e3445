import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DemoProgress } from '#app/demo.ts'
import { LiveView } from './live-view.ts'
import type { View } from './screen.ts'

const progress: DemoProgress = {
  published: 0,
  received: 0,
  written: 0,
  coalesced: 0,
  stale: 0,
  deadLettered: 0,
  nacked: 0,
  redelivered: 0,
  outstanding: 0,
  offered: 0,
  phase: 'publishing',
  judged: { fresh: 0, stale: 0, busy: 0 },
  slowestCommitSeconds: undefined,
  trouble: [],
}

/** Looks at a demo whose table takes so long to read, for so many seconds: when each reading began. */
async function readings(
  t: { mock: { timers: { enable: (o: { apis: 'setInterval'[] }) => void; tick: (ms: number) => void } } },
  readMs: number,
  seconds: number,
) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let nowMs = 0
  const began: number[] = []
  const drawn: string[] = []
  const demo = {
    progress: () => progress,
    newestRows: async () => {
      began.push(nowMs)
      nowMs += readMs
      return []
    },
  }
  const size = { columns: 80, rows: 24 }
  const talk = { progress: (view: View) => void drawn.push(view(size)) }
  using _ = new LiveView(demo, talk, undefined, () => nowMs)
  for (let second = 1; second <= seconds; second++) {
    nowMs = Math.max(nowMs, second * 1000)
    t.mock.timers.tick(1000)
    // What was read is taken in.
    await new Promise(setImmediate)
  }
  return { began, drawn }
}

test('a table that is read quickly is read with every look', async (t) => {
  const { began, drawn } = await readings(t, 0, 10)
  assert.equal(began.length, 10)
  assert.equal(drawn.length, 10)
})

test('reading a large table takes a fifth of the time at most, and the view goes on meanwhile', async (t) => {
  const { began, drawn } = await readings(t, 900, 60)
  assert.ok(began.length > 5 && (began.length * 900) / 60_000 <= 0.2, `${began.length} readings in 60 s`)
  assert.equal(drawn.length, 60)
})
