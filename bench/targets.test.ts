import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Target } from './targets.ts'
import { targetsOf } from './targets.ts'
import { benches } from './benches.ts'
import type { Run } from './configuration.ts'
import { sampleResults } from './sample-results.ts'
import type { Results } from './results.ts'

type Figures = Run['figures']
type Runs = Parameters<typeof sampleResults>[0]

const baseline = 'baseline, default flow control'
const thousand = '1,000 messages/s, interval 0 ms'
const growth = (costs: readonly number[]) =>
  costs.map((cost, i) => ({
    messages: i * 1e6,
    ownCpu: cost / 2,
    postgresCpu: cost / 4,
    redisCpu: cost / 4,
    brokerCpu: i,
  }))

/** Whatever watches memory must have been measured. */
const modest: Runs = Object.fromEntries(
  benches
    .filter(({ measure }) => measure === 'throughput' || measure === 'memory')
    .map(({ name, configurations }) => [
      name,
      Object.fromEntries(configurations.map((one) => [one.name, [{ peakMegabytes: 200 }]])),
    ]),
)

/** Everything just as it must be at least. */
const right: Runs = Object.fromEntries(
  Object.entries({ ...modest, ...mostThatMayBe() }).map(([bench, runs]) => [
    bench,
    { ...modest[bench], ...runs },
  ]),
)

function mostThatMayBe(): Runs {
  return {
    'new-keys': {
      ingester: [{ messagesPerSecond: 85_000, peakMegabytes: 250 }],
      [baseline]: [{ messagesPerSecond: 10_625 }],
    },
    updates: { ingester: [{ shareOfPostgres: 0.7, peakMegabytes: 250 }] },
    mapping: { 'built in': [{ ownCpu: 20 }], 'mapping file': [{ ownCpu: 23 }] },
    stale: { ingester: [{ ownCpu: 4.5, rowsTouchedByStale: 0, peakMegabytes: 250 }] },
    responses: { '64 KB': [{ peakMegabytes: 500 }] },
    'growth-messages': { ingester: [{ peakMegabytes: 250 }] },
    latency: { [thousand]: [{ ackedP50: 10, ackedP99: 50 }] },
    start: { ingester: [{ firstAckSeconds: 1.5 }] },
    memory: { '1 KB': [{ megabytesPerMinute: 2, steadyMegabytes: 200, peakMegabytes: 250 }] },
  }
}

const broken = (results: Results) => targetsOf(results).filter(({ holds }: Target) => holds === false)

describe('targets', () => {
  test('are met at the exact limit', () => {
    const targets = targetsOf(sampleResults(right, growth([100, 115, 85])))
    assert.deepEqual(
      targets.map(({ holds }) => holds),
      targets.map(() => true),
      JSON.stringify(targets),
    )
  })

  const breaches: readonly (readonly [
    target: RegExp,
    bench: string,
    configuration: string,
    figures: Figures,
  ])[] = [
    [/CPU ÷ PostgreSQL/, 'updates', 'ingester', { shareOfPostgres: 0.71 }],
    [/without claims/, 'new-keys', 'ingester', { messagesPerSecond: 84_999 }],
    [/times the baseline/, 'new-keys', baseline, { messagesPerSecond: 10_626 }],
    [/mapping file/, 'mapping', 'mapping file', { ownCpu: 23.2 }],
    [/stale: CPU/, 'stale', 'ingester', { ownCpu: 4.51 }],
    [/rows changed/, 'stale', 'ingester', { rowsTouchedByStale: 1 }],
    [/p50/, 'latency', thousand, { ackedP50: 10.1 }],
    [/p99/, 'latency', thousand, { ackedP99: 50.1 }],
    [/up to 1 KB/, 'new-keys', 'ingester', { peakMegabytes: 251 }],
    [/up to 1 KB/, 'memory', '1 KB', { peakMegabytes: 251 }],
    [/64 KB/, 'responses', '64 KB', { peakMegabytes: 501 }],
    [/ten minutes/, 'memory', '1 KB', { megabytesPerMinute: 2.1 }],
    [/first ack/, 'start', 'ingester', { firstAckSeconds: 1.51 }],
  ]
  for (const [target, bench, configuration, figures] of breaches) {
    test(`a miss is detected: ${bench}, ${JSON.stringify(figures)}`, () => {
      const before = right[bench]?.[configuration]?.[0]
      const runs = { ...right, [bench]: { ...right[bench], [configuration]: [{ ...before, ...figures }] } }
      const found = broken(sampleResults(runs, growth([100, 100]))).map(({ what }) => what)
      assert.ok(found.length >= 1 && found.some((what) => target.test(what)), found.join('; '))
    })
  }

  test('a million that costs a sixth more or less than the first is a miss, wherever it occurs', () => {
    for (const costs of [
      [100, 116, 100],
      [100, 100, 84],
    ]) {
      const [breach] = broken(sampleResults(right, growth(costs)))
      assert.match(breach?.what ?? '', /ten million/)
    }
  })

  test('the median counts, not the best run', () => {
    const runs = {
      ...right,
      updates: {
        ingester: [0.6, 0.8, 0.9].map((shareOfPostgres) => ({ shareOfPostgres, peakMegabytes: 1 })),
      },
    }
    const [breach] = broken(sampleResults(runs, growth([1, 1])))
    assert.equal(breach?.found, '0.80')
  })

  test('one run in which a stale message changed a row is a miss, whatever the others did', () => {
    const stale = [0, 0, 0, 0, 9].map((rowsTouchedByStale) => ({
      ownCpu: 1,
      rowsTouchedByStale,
      peakMegabytes: 1,
    }))
    const [breach] = broken(
      sampleResults({ ...right, stale: { ...right['stale'], ingester: stale } }, growth([1, 1])),
    )
    assert.match(breach?.what ?? '', /rows changed/)
    assert.equal(breach?.found, '9')
  })

  test('one run with too much memory is a miss, whatever the others used', () => {
    const updates = [200, 200, 251].map((peakMegabytes) => ({ shareOfPostgres: 0.1, peakMegabytes }))
    const runs = { ...right, updates: { ...right['updates'], ingester: updates } }
    const [breach] = broken(sampleResults(runs, growth([1, 1])))
    assert.equal(breach?.found, '251')
  })

  test('memory of some benchmarks does not stand for all of them', () => {
    const { responses: _, ...rest } = right
    const memory = targetsOf(sampleResults(rest, growth([1, 1]))).filter(({ what }) =>
      /highest peak/.test(what),
    )
    assert.deepEqual(
      memory.map(({ holds }) => holds),
      [undefined, undefined],
    )
  })

  test('a failed run misses every target of its benchmark', () => {
    const results = sampleResults(right, growth([1, 1]))
    const failures = [{ bench: 'stale', configuration: 'ingester', round: 2, why: 'the table is wrong' }]
    const found = broken({ ...results, failures }).map(({ what, found }) => `${what} ${found}`)
    assert.equal(found.length, 3)
    assert.match(found[0] ?? '', /^all stale: CPU.* 4\.5; a run failed$/)
    assert.match(found[1] ?? '', /^all stale: rows/)
    assert.match(found[2] ?? '', /up to 1 KB/)
  })

  test('decreasing memory is not growth', () => {
    const runs = {
      ...right,
      memory: { '1 KB': [{ megabytesPerMinute: -20, steadyMegabytes: 200, peakMegabytes: 1 }] },
    }
    assert.deepEqual(broken(sampleResults(runs, growth([1, 1]))), [])
  })

  test('a target that was not measured is neither met nor missed', () => {
    for (const { holds, found } of targetsOf(sampleResults({})))
      assert.deepEqual([holds, found], [undefined, undefined])
  })
})
