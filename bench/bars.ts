// What must hold, each with its figure: medians of one run of all benches, on two quiet processors.
import { figures, writeNumber } from './figures.ts'
import type { FigureName } from './figures.ts'
import type { MeasuredBench, MeasuredConfiguration, Results } from './results.ts'
import { medianOf } from './statistics.ts'

export interface Bar {
  readonly what: string
  /** In words: `≤ 0.7`. */
  readonly wanted: string
  /** Undefined: it was not measured. */
  readonly found: string | undefined
  readonly holds: boolean | undefined
}

const naiveDefault = 'naive, default flow control'

export function barsOf(results: Results): Bar[] {
  const figure = (bench: string, configuration: string, name: FigureName) =>
    medianFigure(configurationNamed(results, bench, configuration), name)
  const newKeys = figure('new-keys', 'ingester', 'messagesPerSecond')
  const naive = figure('new-keys', naiveDefault, 'messagesPerSecond')
  const memory = configurationNamed(results, 'memory', '1 KB')
  return [
    most(
      'updates of a million rows: ingester CPU ÷ PostgreSQL CPU',
      0.7,
      2,
      figure('updates', 'ingester', 'shareOfPostgres'),
    ),
    least('new keys, without claims: messages/s', 85_000, 0, newKeys),
    least('new keys: times the naive one, default flow control', 8, 1, newKeys && naive && newKeys / naive),
    most('all stale: CPU-seconds per million', 4.5, 1, figure('stale', 'ingester', 'contestantCpu')),
    most('all stale: rows touched', 0, 0, greatest([figure('stale', 'ingester', 'rowsTouchedByStale')])),
    most('ten million messages: a million costs, against the first, % more or less', 15, 0, driftOf(results)),
    most(
      '1,000 messages/s, interval 0: ms from publishing to ack, p50',
      10,
      1,
      figure('latency', latencyBar, 'ackedP50'),
    ),
    most('the same, p99', 50, 1, figure('latency', latencyBar, 'ackedP99')),
    most(
      'memory, responses up to 1 KB: greatest peak, MB',
      250,
      0,
      greatest(peaksOf(results, (bytes) => bytes <= 1024)),
    ),
    most(
      'memory, responses of 64 KB: greatest peak, MB',
      500,
      0,
      greatest(peaksOf(results, (bytes) => bytes > 1024)),
    ),
    most('memory over ten minutes: growth, % of what is steady', 10, 1, growthOf(memory)),
    most('start to first ack: seconds', 1.5, 2, figure('start', 'ingester', 'firstAckSeconds')),
  ]
}

const latencyBar = '1,000 messages/s, interval 0 ms'

function most(what: string, limit: number, digits: number, found: number | undefined): Bar {
  const holds = found === undefined ? undefined : found <= limit
  return { what, wanted: `≤ ${limit.toLocaleString('en')}`, found: written(found, digits), holds }
}

function least(what: string, limit: number, digits: number, found: number | undefined): Bar {
  const holds = found === undefined ? undefined : found >= limit
  return { what, wanted: `≥ ${limit.toLocaleString('en')}`, found: written(found, digits), holds }
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

/** Undefined where no run has it. */
export function medianFigure(
  configuration: MeasuredConfiguration | undefined,
  name: FigureName,
): number | undefined {
  const values = valuesOf(configuration, name)
  return values.length > 0 ? medianOf(values) : undefined
}

/** Of each run that has it. */
export function valuesOf(configuration: MeasuredConfiguration | undefined, name: FigureName): number[] {
  return (configuration?.runs ?? []).flatMap(({ figures }) => figures[name] ?? [])
}

function greatest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length > 0 ? Math.max(...known) : undefined
}

const isIngester = ({ contestant, processes }: MeasuredConfiguration) =>
  contestant === 'ingester' && processes === 1

/** Medians of the ingester in every bench, of one process. */
function peaksOf({ benches }: Results, isMeant: (responseBytes: number) => boolean): (number | undefined)[] {
  return benches
    .flatMap(({ configurations }: MeasuredBench) => configurations)
    .filter((one) => isIngester(one) && isMeant(one.workload.responseBytes))
    .map((one) => medianFigure(one, 'peakMegabytes'))
}

/** By how much the CPU of ingester, PostgreSQL and Redis for a million differs from the first million's, at most. */
function driftOf(results: Results): number | undefined {
  const series = configurationNamed(results, 'growth-messages', 'ingester')?.runs[0]?.series ?? []
  const costs = series.map(
    ({ contestantCpu = 0, postgresCpu = 0, redisCpu = 0 }) => contestantCpu + postgresCpu + redisCpu,
  )
  const [first] = costs
  if (first === undefined || costs.length < 2) return undefined
  return Math.max(...costs.map((cost) => (Math.abs(cost - first) / first) * 100))
}

/** What ten minutes add, in percent. */
function growthOf(memory: MeasuredConfiguration | undefined): number | undefined {
  const [slope, steady] = [
    medianFigure(memory, 'megabytesPerMinute'),
    medianFigure(memory, 'steadyMegabytes'),
  ]
  return slope === undefined || !steady ? undefined : (slope * 10 * 100) / steady
}

/** Label of a figure with its digits, for a value. */
export function writeFigure(name: FigureName, value: number): string {
  return writeNumber(value, figures[name].digits)
}
