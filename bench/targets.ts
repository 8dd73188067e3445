// The targets and the figures measured for them: medians of one run of all benches, on two quiet processors.
import { benches } from './benches.ts'
import type { Configuration } from './configuration.ts'
import { writeNumber } from './figures.ts'
import type { FigureName } from './figures.ts'
import { medianFigure, valuesOf } from './results.ts'
import type { MeasuredConfiguration, Results } from './results.ts'

export interface Target {
  readonly what: string
  /** As text: `≤ 0.7`. */
  readonly limit: string
  /** Undefined: it was not measured. */
  readonly found: string | undefined
  readonly holds: boolean | undefined
}

const baselineDefault = 'baseline, default flow control'
const latencyTarget = '1,000 messages/s, interval 0 ms'

export function targetsOf(results: Results): Target[] {
  const figure = (bench: string, configuration: string, name: FigureName) =>
    medianFigure(configurationNamed(results, bench, configuration), name)
  const newKeys = figure('new-keys', 'ingester', 'messagesPerSecond')
  const baseline = figure('new-keys', baselineDefault, 'messagesPerSecond')
  const touched = valuesOf(configurationNamed(results, 'stale', 'ingester'), 'rowsTouchedByStale')
  // What the figure comes from, and in which no run may have failed.
  const targets: readonly (readonly [from: readonly string[], target: Target])[] = [
    [
      ['updates'],
      most(
        'updates of a million rows: ingester CPU ÷ PostgreSQL CPU',
        0.7,
        2,
        figure('updates', 'ingester', 'shareOfPostgres'),
      ),
    ],
    [['new-keys'], least('new keys, without claims: messages/s', 85_000, 0, newKeys)],
    [
      ['new-keys'],
      least(
        'new keys: times the baseline, default flow control',
        8,
        1,
        newKeys && baseline && newKeys / baseline,
      ),
    ],
    ...mappingTargets(),
    [['stale'], most('all stale: CPU-seconds per million', 4.5, 1, figure('stale', 'ingester', 'ownCpu'))],
    [['stale'], most('all stale: rows changed, in any run', 0, 0, greatest(touched))],
    [
      ['growth-messages'],
      most('ten million messages: largest deviation of a million from the first, %', 15, 0, driftOf(results)),
    ],
    [
      ['latency'],
      most(
        '1,000 messages/s, interval 0: ms from publish to ack, p50',
        10,
        1,
        figure('latency', latencyTarget, 'ackedP50'),
      ),
    ],
    [['latency'], most('the same, p99', 50, 1, figure('latency', latencyTarget, 'ackedP99'))],
    memoryTarget('memory, responses up to 1 KB: highest peak of any run, MB', 250, (bytes) => bytes <= 1024),
    memoryTarget('memory, responses of 64 KB: highest peak of any run, MB', 500, (bytes) => bytes > 1024),
    [['memory'], most('memory over ten minutes: growth, % of the steady size', 10, 1, growthOf(results))],
    [['start'], most('start to first ack: seconds', 1.5, 2, figure('start', 'ingester', 'firstAckSeconds'))],
  ]
  return targets.map(([from, target]) => withFailures(target, from, results))

  /** None where it was not measured, as in results that are older than it. */
  function mappingTargets(): (readonly [readonly string[], Target])[] {
    const cpu = (configuration: string) => figure('mapping', configuration, 'ownCpu')
    const [mapped, builtIn] = [cpu('mapping file'), cpu('built in')]
    if (mapped === undefined || !builtIn) return []
    const what = 'updates by a mapping file: ingester CPU ÷ that of the built-in pipeline'
    return [[['mapping'], most(what, 1.15, 2, mapped / builtIn)]]
  }

  function memoryTarget(what: string, limit: number, isMeant: (responseBytes: number) => boolean) {
    const { names, peaks } = peaksOf(results, isMeant)
    return [names, most(what, limit, 0, greatest(peaks))] as const
  }
}

/** A median of the runs that succeeded says nothing about the one that failed. */
function withFailures(target: Target, from: readonly string[], { failures }: Results): Target {
  const count = failures.filter(({ bench }) => from.includes(bench)).length
  if (count === 0) return target
  const runs = count === 1 ? 'a run' : `${count} runs`
  return { ...target, found: `${target.found ?? '–'}; ${runs} failed`, holds: false }
}

function most(what: string, limit: number, digits: number, found: number | undefined): Target {
  const holds = found === undefined ? undefined : found <= limit
  return { what, limit: `≤ ${limit.toLocaleString('en')}`, found: written(found, digits), holds }
}

function least(what: string, limit: number, digits: number, found: number | undefined): Target {
  const holds = found === undefined ? undefined : found >= limit
  return { what, limit: `≥ ${limit.toLocaleString('en')}`, found: written(found, digits), holds }
}

function written(found: number | undefined, digits: number): string | undefined {
  return found === undefined ? undefined : writeNumber(found, digits)
}

function configurationNamed(
  { benches }: Results,
  bench: string,
  name: string,
): MeasuredConfiguration | undefined {
  return benches.find((one) => one.name === bench)?.configurations.find((one) => one.name === name)
}

function greatest(values: readonly number[]): number | undefined {
  return values.length > 0 ? Math.max(...values) : undefined
}

/** Of the ingester, one process, in every bench that watches memory; no peaks where one of these was not measured. */
function peaksOf(results: Results, isMeant: (responseBytes: number) => boolean) {
  const meant = benches
    // Another bench than all others: it is about the pipeline, and may not have been measured with them.
    .filter(({ name, measure }) => name !== 'mapping' && (measure === 'throughput' || measure === 'memory'))
    .flatMap(({ name, configurations }) =>
      configurations
        .filter((one) => isIngester(one) && isMeant(one.workload.responseBytes))
        .map((one) => ({ name, configuration: configurationNamed(results, name, one.name) })),
    )
  const peaks = meant.map(({ configuration }) => valuesOf(configuration, 'peakMegabytes'))
  return {
    names: meant.map(({ name }) => name),
    peaks: peaks.every((values) => values.length > 0) ? peaks.flat() : [],
  }
}

const isIngester = ({ system, processes }: Configuration) => system === 'ingester' && processes === 1

/** By how much the CPU of ingester, PostgreSQL and Redis for a million differs from the first million's, at most. */
function driftOf(results: Results): number | undefined {
  const series = configurationNamed(results, 'growth-messages', 'ingester')?.runs[0]?.series ?? []
  const costs = series.map(({ ownCpu = 0, postgresCpu = 0, redisCpu = 0 }) => ownCpu + postgresCpu + redisCpu)
  const [first] = costs
  if (first === undefined || costs.length < 2) return undefined
  return Math.max(...costs.map((cost) => (Math.abs(cost - first) / first) * 100))
}

/** What ten minutes add, in percent. */
function growthOf(results: Results): number | undefined {
  const memory = configurationNamed(results, 'memory', '1 KB')
  const slope = medianFigure(memory, 'megabytesPerMinute')
  const steady = medianFigure(memory, 'steadyMegabytes')
  return slope === undefined || !steady ? undefined : (slope * 10 * 100) / steady
}
