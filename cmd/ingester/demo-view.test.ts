import assert from 'node:assert/strict'
import { test } from 'vitest'
import { stripVTControlCharacters } from 'node:util'
import type { DemoProgress } from '#demo/run.ts'
import type { Look } from './demo-view.ts'
import { liveView } from './demo-view.ts'

const large = { columns: 80, rows: 24 }
const counts = {
  published: 1200,
  received: 1000,
  written: 600,
  coalesced: 50,
  stale: 300,
  duplicate: 0,
  ignored: 0,
  deadLettered: 10,
  nacked: 0,
  redelivered: 7,
  outstanding: 40,
  offered: 650,
}
const progress: DemoProgress = {
  ...counts,
  phase: 'publishing',
  cacheVerdicts: { fresh: 650, stale: 300, busy: 50 },
  slowestCommitSeconds: 0.0874,
  problems: [],
}
const before = { ...progress, published: 200, received: 0, written: 100 }
const newest = (response: string) => ({
  head: ['newest rows', 'ip', 'port', 'service', 'response'],
  numeric: [2],
  cells: [['2023-11-14 22:13:20', '1.1.1.7'.padEnd(15), '443'.padStart(5), 'HTTP'.padEnd(7), response]],
})
const look: Look = {
  now: progress,
  before,
  secondsBetween: 2,
  seconds: 12.9,
  forSeconds: undefined,
  shown: ['written', 'coalesced', 'stale', 'deadLettered'],
  newest: newest('hello'),
}
const seen = (text: string) => stripVTControlCharacters(text).split('\n')
const lineOf = (lines: readonly string[], word: string) =>
  lines.find((line) => line.trim().startsWith(word)) ?? ''

test('the live view: total and per-second counts, cache verdicts, the slowest commit, the newest rows', () => {
  const lines = seen(liveView(look, large))
  assert.equal(lines[0], 'publishing · 12 s')
  assert.match(lineOf(lines, 'published'), / 1,200 +500\/s {3}confirmed by the broker$/)
  assert.match(lineOf(lines, 'received'), / 1,000 +500\/s {3}40 in flight$/)
  assert.match(lineOf(lines, 'written'), / 600 +250\/s {3}its row was committed$/)
  assert.match(lineOf(lines, 'dead letters'), / 10 +0\/s/)
  assert.match(lineOf(lines, 'cache'), /65% fresh +30% stale +5% busy$/)
  assert.match(lineOf(lines, 'latency'), /87 ms from publishing to commit, at worst$/)
  assert.match(lineOf(lines, '2023-'), /^ {2}2023-11-14 22:13:20 {2}1\.1\.1\.7 {12}443 {2}HTTP {5}hello$/)
})

test('the live view keeps its lines in place while counts grow', () => {
  const grown = { ...progress, received: 12_345_678, written: 9_876_543, outstanding: 19_999 }
  const then = { ...grown, received: grown.received - 199_998, written: grown.written - 99_999 }
  const columns = (text: string) => seen(text).map((line) => line.indexOf('/s'))
  assert.deepEqual(
    columns(liveView({ ...look, now: grown, before: then }, large)),
    columns(liveView(look, large)),
  )
})

test('the live view shows its current state', () => {
  const first = (change: Partial<DemoProgress>, forSeconds?: number) =>
    seen(liveView({ ...look, now: { ...progress, ...change }, forSeconds }, large))[0] ?? ''
  assert.equal(first({}, 20), 'publishing · 12 of 20 s')
  assert.equal(first({}, 5), 'publishing · 5 of 5 s')
  assert.match(first({ phase: 'settling' }), /^settling · waiting for everything published/)
  assert.match(first({ phase: 'stopping' }), /^stopping · .*Ctrl-C again forces exit/)
  assert.match(first({ phase: 'comparing' }), /^comparing the table/)
})

test('the live view shows problems, and leaves out what does not apply', () => {
  const now: DemoProgress = {
    ...progress,
    cacheVerdicts: { fresh: 0, stale: 0, busy: 0 },
    slowestCommitSeconds: undefined,
    problems: ['PostgreSQL: gone\u001b[2J'],
  }
  const lines = seen(liveView({ ...look, now, newest: undefined }, large))
  assert.equal(lines.at(-1), '! PostgreSQL: gone\\u001b[2J')
  assert.match(lineOf(lines, 'cache'), /not asked$/)
  assert.match(lineOf(lines, 'latency'), /no commits in the last interval$/)
})

test('data in rows cannot draw on the terminal', () => {
  const text = liveView({ ...look, newest: newest('a\u001b[31mb') }, large)
  assert.ok(text.includes('a\\u001b[31mb'))
})

test('senders have a line of their own in place of that of a cache', () => {
  const now: DemoProgress = { ...progress, duplicate: 9, status: ['clients', '7 confirmed'] }
  const lines = seen(liveView({ ...look, now, shown: ['written', 'duplicate'] }, large))
  assert.match(lineOf(lines, 'clients'), /^ {2}clients {9}7 confirmed$/)
  assert.match(lineOf(lines, 'duplicate'), / 9 +\d+\/s {3}its effect was committed before$/)
  for (const other of ['cache', 'stale', 'coalesced']) assert.equal(lineOf(lines, other), '')
})

const away = 'connect ECONNREFUSED 127.0.0.1:5433'
const one = newest('x'.repeat(200))
const five = { ...one, cells: Array.from({ length: 5 }, () => one.cells[0] as string[]) }
const linesAt = (columns: number, rows: number, change: Partial<DemoProgress> = {}) =>
  seen(liveView({ ...look, now: { ...progress, ...change }, newest: five }, { columns, rows }))

test('it fits any terminal, and always shows its state and problems', () => {
  const problems = [`table scan_results: ${away}`]
  for (const [columns, rows] of [
    [200, 60],
    [80, 24],
    [80, 12],
    [40, 10],
    [24, 6],
    [20, 5],
    [10, 2],
    [1, 1],
  ] as const) {
    const lines = linesAt(columns, rows, { problems })
    const size = `${columns}x${rows}:\n${lines.join('\n')}`
    assert.ok(lines.length <= Math.max(1, rows - 1), size)
    for (const line of lines) assert.ok(line.length <= columns, size)
    if (columns < 20) continue
    assert.match(lines[0] ?? '', /^publishing · 12 s$/, size)
    assert.match(lines.join(''), /! table/, size)
  }
})

test('on a small terminal the newest rows are dropped first, then gaps, then explanations, then counts', () => {
  const starts = (rows: number) => linesAt(80, rows).map((line) => line.trim().split(/ {2,}/)[0])
  assert.equal(starts(24).length, 17)
  assert.deepEqual(starts(14).slice(-3), ['', 'newest rows', '2023-11-14 22:13:20'])
  assert.equal(starts(12).at(-1), '')
  const counts = ['published', 'received', 'written', 'coalesced', 'stale', 'dead letters']
  assert.deepEqual(starts(10), ['publishing · 12 s', ...counts, 'cache', 'latency'])
  assert.deepEqual(starts(8), ['publishing · 12 s', ...counts])
  assert.deepEqual(starts(4), ['publishing · 12 s', 'published', 'received'])
})

test('the newest rows are as wide as the terminal', () => {
  for (const columns of [100, 120]) {
    assert.ok(linesAt(columns, 24).some((line) => line.length >= columns - 2 && line.endsWith('…')))
  }
})

test('problems wrap to a second line between words', () => {
  const problems = [`table scan_results: ${away} [ECONNREFUSED]`, 'Pub/Sub: no stream is open']
  const lines = linesAt(60, 30, { problems })
  assert.deepEqual(lines.slice(-3), [
    '! table scan_results: connect ECONNREFUSED 127.0.0.1:5433',
    '  [ECONNREFUSED]',
    '! Pub/Sub: no stream is open',
  ])
})
