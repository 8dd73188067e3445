import assert from 'node:assert/strict'
import { test } from 'vitest'
import { targetsOf } from './targets.ts'
import { sampleResults } from './sample-results.ts'
import { plotsOf, renderPlots } from './plots.ts'
import { jsonOf } from './results.ts'
import { targetSheet, markdownOf, markdownTable, seriesSheet, sheetOf } from './report.ts'

const results = sampleResults({
  'new-keys': {
    ingester: [
      { messagesPerSecond: 90_000.4, ownCpu: 6, sparedPercent: 1 },
      { messagesPerSecond: 80_000, ownCpu: 6, sparedPercent: 1 },
      { messagesPerSecond: 100_000, ownCpu: 6, sparedPercent: 1 },
    ],
    'PostgreSQL alone': [{ messagesPerSecond: 120_000, ownCpu: 1.25 }],
  },
})

test('a table has the median and spread of the runs, and only columns that have values', () => {
  const [bench] = results.benches
  assert.ok(bench)
  assert.equal(
    markdownTable(sheetOf(bench)),
    [
      '|  | messages/s | system, CPU-s per million | never sent to PostgreSQL, % | runs |',
      '|---|--:|--:|--:|--:|',
      '| ingester | 90,000 (80,000–100,000) | 6.0 | 1 | 3 |',
      '| PostgreSQL alone | 120,000 | 1.3 | – | 1 |',
    ].join('\n'),
  )
})

test('the cost of each million is a separate table', () => {
  const series = [1, 2].map((million) => ({
    messages: million * 1e6,
    messagesPerSecond: 5000,
    ownCpu: million,
  }))
  const [bench] = sampleResults({ 'growth-messages': { ingester: [{ ownCpu: 1 }] } }, series).benches
  assert.ok(bench)
  assert.deepEqual(
    seriesSheet(bench)?.rows.map((row) => row.slice(0, 3)),
    [
      ['1,000,000', '5,000', '1.0'],
      ['2,000,000', '5,000', '2.0'],
    ],
  )
})

test('a target that was not measured is not ticked', () => {
  const rows = targetSheet(targetsOf(results)).rows.map(([what = '', , found, mark]) => [
    what.slice(0, 8),
    found,
    mark,
  ])
  assert.deepEqual(rows[0], ['updates ', '–', 'not measured'])
  assert.deepEqual(rows[1], ['new keys', '90,000', '✓'])
})

test('the page says what it was measured on, and shows every plot', async () => {
  const page = markdownOf(results, plotsOf)
  assert.match(page, /2 × A processor, 25 GB.*PostgreSQL 18\.4.*`shared_buffers=1GB`.*abc1234/)
  assert.match(page, /BENCH=new-keys`; .*stub broker.*; .*no source/)
  const shown = [...page.matchAll(/!\[[^\]]{20,}\]\(benchmarks\/([^)]+)\)/g)].map(([, file]) => file)
  assert.deepEqual(shown, [...(await renderPlots(results)).keys()])
  assert.ok(shown.length > 1)
})

test('the same results make the same plots, with a background and a text alternative', async () => {
  const [one, other] = [await renderPlots(results), await renderPlots(structuredClone(results))]
  assert.deepEqual([...one], [...other])
  for (const svg of one.values()) {
    assert.match(svg, /^<svg [^>]*width="\d+"[^>]*><title>[^<]{20,}<\/title><rect [^>]*fill="white"/)
    assert.doesNotMatch(svg, /…|NaN|undefined/)
    assert.ok(Number(/width="(\d+)"/.exec(svg)?.[1]) <= 900)
  }
})

test('results are written one run per line, and read back unchanged', () => {
  const text = jsonOf(results)
  assert.deepEqual(JSON.parse(text), results)
  assert.ok(
    text.includes(
      `\n            {"figures":{"messagesPerSecond":80000,"ownCpu":6,"sparedPercent":1},"series":[]},\n`,
    ),
  )
})
