import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { DemoProgress, DemoResult } from '#app/demo.ts'
import type { Look } from './demo-view.ts'
import { liveView, summaryView, verdictLines } from './demo-view.ts'

const counts = {
  published: 1200,
  received: 1000,
  written: 600,
  coalesced: 50,
  stale: 300,
  deadLettered: 10,
  nacked: 0,
  redelivered: 7,
  outstanding: 40,
  offered: 650,
}
const progress: DemoProgress = {
  ...counts,
  phase: 'publishing',
  judged: { fresh: 650, stale: 300, busy: 50 },
  slowestCommitSeconds: 0.0874,
  trouble: [],
}
const before = { ...progress, published: 200, received: 0, written: 100 }
const row = { ip: '1.1.1.7', port: 443, service: 'HTTP', response: 'hello', timestamp: 1_700_000_000 }
const look: Look = {
  now: progress,
  before,
  secondsBetween: 2,
  seconds: 12.9,
  forSeconds: undefined,
  newest: [row],
}
const result = (
  change: Partial<DemoResult['summary']> = {},
  differences: readonly string[] = [],
): DemoResult => ({
  summary: { ...counts, poison: 10, keys: 580, rows: 580, converged: true, seconds: 12_345.6, ...change },
  differences,
})

const seen = (text: string) => stripVTControlCharacters(text).split('\n')
const lineOf = (lines: readonly string[], word: string) =>
  lines.find((line) => line.trim().startsWith(word)) ?? ''

test('the summary has every count, with its share of what was received and what it means', () => {
  const lines = seen(summaryView(result()))
  assert.match(lines[0] as string, /^ {2}12,345\.6 s +messages +of received$/)
  assert.match(lineOf(lines, 'published'), /^ {2}published +1,200$/)
  assert.match(lineOf(lines, 'written'), /^ {2}written +600 +60% {2}its row was committed$/)
  assert.match(lineOf(lines, 'keys'), /580 {2,}different ones/)
  const { converged: _c, seconds: _s, ...shown } = result().summary
  for (const name of Object.keys(shown)) assert.notEqual(lineOf(lines, name), '', name)
  assert.match(lineOf(seen(summaryView(result({ received: 0 }))), 'written'), /^ {2}written +600 {2,}its row/)
})

test('the verdict: converged, or the first ten differences and how many more', () => {
  assert.deepEqual(verdictLines(result()), ['converged: the table holds the newest record of every key'])
  const differences = Array.from({ length: 12 }, (_, i) => `difference ${i}`)
  const lines = verdictLines(result({ converged: false }, differences))
  assert.deepEqual(lines.slice(0, 2), ['NOT converged:', '  difference 0'])
  assert.deepEqual(lines.slice(10), ['  difference 9', '  … and 2 more'])
})

test('the live view: counts so far and by the second, what the cache said, the slowest commit, the newest rows', () => {
  const lines = seen(liveView(look))
  assert.equal(lines[0], 'publishing · 12 s')
  assert.match(lineOf(lines, 'published'), / 1,200 +500\/s$/)
  assert.match(lineOf(lines, 'received'), / 1,000 +500\/s {3}40 in hand$/)
  assert.match(lineOf(lines, 'written'), / 600 +250\/s {3}its row was committed$/)
  assert.match(lineOf(lines, 'dead letters'), / 10 +0\/s/)
  assert.match(lineOf(lines, 'cache'), /65% fresh +30% stale +5% busy$/)
  assert.match(lineOf(lines, 'latency'), /87 ms from publishing to commit, at worst$/)
  assert.match(lineOf(lines, '2023-'), /^ {2}2023-11-14 22:13:20 {2}1\.1\.1\.7 {12}443 {2}HTTP {5}hello$/)
})

test('the live view keeps its lines where they are while counts grow', () => {
  const grown = { ...progress, received: 12_345_678, written: 9_876_543, outstanding: 19_999 }
  const then = { ...grown, received: grown.received - 199_998, written: grown.written - 99_999 }
  const columns = (text: string) => seen(text).map((line) => line.indexOf('/s'))
  assert.deepEqual(columns(liveView({ ...look, now: grown, before: then })), columns(liveView(look)))
})

test('the live view says what it is at', () => {
  const first = (change: Partial<DemoProgress>, forSeconds?: number) =>
    seen(liveView({ ...look, now: { ...progress, ...change }, forSeconds }))[0] ?? ''
  assert.equal(first({}, 20), 'publishing · 12 of 20 s')
  assert.equal(first({}, 5), 'publishing · 5 of 5 s')
  assert.match(first({ phase: 'settling' }), /^settling · everything that was published is waited for/)
  assert.match(first({ phase: 'stopping' }), /^stopping · .*Ctrl-C once more: leave now/)
  assert.match(first({ phase: 'comparing' }), /^comparing the table/)
})

test('the live view says what is wrong, and what there is nothing to say of', () => {
  const now: DemoProgress = {
    ...progress,
    judged: { fresh: 0, stale: 0, busy: 0 },
    slowestCommitSeconds: undefined,
    trouble: ['PostgreSQL: gone\u001b[2J'],
  }
  const lines = seen(liveView({ ...look, now, newest: [] }))
  assert.equal(lines.at(-1), '! PostgreSQL: gone\\u001b[2J')
  assert.match(lineOf(lines, 'cache'), /not asked$/)
  assert.match(lineOf(lines, 'latency'), /nothing was committed just now$/)
})

test('what rows hold cannot draw on the terminal', () => {
  const text = liveView({ ...look, newest: [{ ...row, response: 'a\u001b[31mb' }] })
  assert.ok(text.includes('a\\u001b[31mb'))
})
