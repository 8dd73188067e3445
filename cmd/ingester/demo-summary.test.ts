import assert from 'node:assert/strict'
import { test } from 'vitest'
import { stripVTControlCharacters } from 'node:util'
import type { DemoResult } from '#demo/run.ts'
import { summaryView, verdictLines } from './demo-summary.ts'

const counts = {
  published: 1200,
  received: 1000,
  written: 600,
  coalesced: 50,
  stale: 300,
  duplicate: 1,
  ignored: 0,
  deadLettered: 10,
  nacked: 0,
  redelivered: 7,
  outstanding: 40,
  offered: 650,
}
const result = (
  change: Partial<DemoResult['summary']> = {},
  differences: readonly string[] = [],
): DemoResult => ({
  summary: {
    pipeline: 'scans',
    ...counts,
    own: { poison: 10, keys: 580 },
    rows: 580,
    converged: true,
    seconds: 12_345.6,
    ...change,
  },
  claim: 'the table holds the newest record of every key',
  differences,
})

const seen = (text: string) => stripVTControlCharacters(text).split('\n')
const lineOf = (lines: readonly string[], word: string) =>
  lines.find((line) => line.trim().startsWith(word)) ?? ''

test('the summary has every count, with its share of the received messages and its meaning', () => {
  const lines = seen(summaryView(result()))
  assert.match(lines[0] as string, /^ {2}12,345\.6 s +messages +of received$/)
  assert.match(lineOf(lines, 'published'), /^ {2}published +1,200 {2,}confirmed by the broker$/)
  assert.match(lineOf(lines, 'written'), /^ {2}written +600 +60% {2}its row was committed$/)
  assert.match(lineOf(lines, 'keys'), /580 {2,}different ones/)
  assert.match(lineOf(lines, 'offered'), /650 {2,}records sent to PostgreSQL$/)
  const { pipeline: _p, converged: _c, seconds: _s, ignored: _i, own, ...shown } = result().summary
  const labels = Object.keys({ ...shown, ...own }).map((name) =>
    name === 'deadLettered' ? 'dead letters' : name,
  )
  for (const label of labels) assert.notEqual(lineOf(lines, label), '', label)
  assert.equal(lineOf(lines, 'ignored'), '', 'none were')
  assert.match(lineOf(seen(summaryView(result({ received: 0 }))), 'written'), /^ {2}written +600 {2,}its row/)
})

test('a table that was not read has no count', () => {
  assert.match(
    lineOf(seen(summaryView(result({ rows: null }))), 'rows'),
    /^ {2}rows +– +in the table; not read$/,
  )
})

test('the verdict: converged, or the first ten differences and the number of others', () => {
  assert.deepEqual(verdictLines(result()), ['converged: the table holds the newest record of every key'])
  const differences = Array.from({ length: 12 }, (_, i) => `difference ${i}`)
  const lines = verdictLines(result({ converged: false }, differences))
  assert.deepEqual(lines.slice(0, 2), ['NOT converged:', '  difference 0'])
  assert.deepEqual(lines.slice(10), ['  difference 9', '  … and 2 more'])
})
