import type { Target } from './targets.ts'
import { targetsOf } from './targets.ts'
import { figures, writeFigure } from './figures.ts'
import type { FigureName } from './figures.ts'
import type { Measure } from './configuration.ts'
import { medianFigure, valuesOf } from './results.ts'
import type { Machine, MeasuredBench, MeasuredConfiguration, Results } from './results.ts'
import { spreadOf } from './statistics.ts'

/** A table as data: for a terminal and for a document. */
export interface Sheet {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** In this order; what no run has is left out. */
const columns: Readonly<Record<Measure, readonly FigureName[]>> = {
  throughput: [
    'messagesPerSecond',
    'ownCpu',
    'postgresCpu',
    'redisCpu',
    'brokerCpu',
    'shareOfPostgres',
    'sparedPercent',
    'rowsPerMessage',
    'rowsTouchedByStale',
    'walBytesPerMessage',
    'modacksPerMessage',
    'peakMegabytes',
    'steadyMegabytes',
  ],
  latency: [
    'messagesPerSecond',
    'commitP50',
    'commitP99',
    'commitP999',
    'ackedP50',
    'ackedP99',
    'ackedP999',
    'ownCpu',
    'postgresCpu',
    'brokerCpu',
  ],
  start: ['firstAckSeconds'],
  memory: [
    'messagesPerSecond',
    'ownCpu',
    'brokerCpu',
    'peakMegabytes',
    'steadyMegabytes',
    'megabytesPerMinute',
  ],
}

/** One row a configuration: medians, and in brackets the least and the greatest. */
export function sheetOf({ measure, configurations }: MeasuredBench): Sheet {
  const shown = columns[measure].filter((name) =>
    configurations.some((one) => valuesOf(one, name).length > 0),
  )
  return {
    head: ['', ...shown.map((name) => figures[name].label), 'runs'],
    rows: configurations.map((one) => [
      one.name,
      ...shown.map((name) => cell(one, name)),
      String(one.runs.length),
    ]),
  }
}

function cell(configuration: MeasuredConfiguration, name: FigureName): string {
  const values = valuesOf(configuration, name)
  if (values.length === 0) return '–'
  const { median, least, greatest } = spreadOf(values)
  const [middle, low, high] = [median, least, greatest].map((value) => writeFigure(name, value))
  return low === high ? String(middle) : `${middle} (${low}–${high})`
}

/** The samples taken during the run, where the bench takes any. */
export function seriesSheet({ configurations }: MeasuredBench): Sheet | undefined {
  const series = configurations[0]?.runs[0]?.series ?? []
  if (series.length < 2 || series[0]?.['messages'] === undefined) return undefined
  const shown = ['messagesPerSecond', 'ownCpu', 'postgresCpu', 'redisCpu', 'brokerCpu'] as const
  return {
    head: ['up to message', ...shown.map((name) => figures[name].label)],
    rows: series.map((point) => [
      (point['messages'] ?? 0).toLocaleString('en'),
      ...shown.map((name) => writeFigure(name, point[name] ?? 0)),
    ]),
  }
}

const marks = new Map([
  [true, '✓'],
  [false, '✗'],
  [undefined, 'not measured'],
])

export function targetSheet(targets: readonly Target[]): Sheet {
  return {
    head: ['', 'target', 'measured', ''],
    rows: targets.map(({ what, limit, found, holds }) => [what, limit, found ?? '–', marks.get(holds) ?? '']),
  }
}

export function markdownTable({ head, rows }: Sheet): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const align = head.map((_, i) => (i === 0 ? '---' : '--:'))
  return [line(head), `|${align.join('|')}|`, ...rows.map(line)].join('\n')
}

/** What the cache costs and spares, in few columns. */
export function cacheTable({ benches }: Results): string {
  const shown = ['sparedPercent', 'ownCpu', 'redisCpu', 'postgresCpu'] as const
  const configurations = benches.find(({ name }) => name === 'cache')?.configurations ?? []
  return markdownTable({
    head: ['', ...shown.map((name) => figures[name].label)],
    rows: configurations.map((one) => [one.name, ...shown.map((name) => medianCell(one, name))]),
  })
}

function medianCell(configuration: MeasuredConfiguration, name: FigureName): string {
  const median = medianFigure(configuration, name)
  return median === undefined ? '–' : writeFigure(name, median)
}

/** Which plots go with a bench: file name in docs/benchmarks/ and what it shows. */
export type PlotsOf = (bench: MeasuredBench) => readonly { readonly file: string; readonly alt: string }[]

/** The generated part of docs/BENCHMARKS.md. */
export function markdownOf(results: Results, plotsOf: PlotsOf): string {
  const sections = results.benches.flatMap((bench) => [
    `### ${bench.title}`,
    `${bench.shows} \`make bench BENCH=${bench.name}\`; ${loadOf(bench)}.`,
    markdownTable(sheetOf(bench)),
    ...[seriesSheet(bench)].filter((sheet) => sheet !== undefined).map(markdownTable),
    ...plotsOf(bench).map(({ file, alt }) => `![${alt}](benchmarks/${file})`),
  ])
  const targets = targetsOf(results)
  return ['', machineLine(results), '### Targets', markdownTable(targetSheet(targets)), ...sections, ''].join(
    '\n\n',
  )
}

/** How much, and from where. */
function loadOf({ configurations }: MeasuredBench): string {
  const parts = configurations.map(({ workload, broker, system }) => {
    const measured = (workload.messages - workload.warmUp).toLocaleString('en')
    const source =
      system === 'PostgreSQL alone' ? 'no source' : broker === 'stub' ? 'stub broker' : 'embedded emulator'
    return `${measured} messages after ${workload.warmUp.toLocaleString('en')}, ${source}`
  })
  return [...new Set(parts)].join('; ')
}

export function machineLine({ machine, postgresSettings, minutes }: Results): string {
  const settings = Object.entries(postgresSettings).map(([name, value]) => `\`${name}=${value}\``)
  const durability = Object.entries(machine.durability).map(([name, value]) => `${name} ${value}`)
  return (
    `${describe(machine)}. PostgreSQL with default settings except ${settings.join(', ')}; ${durability.join(', ')}; data on ${machine.fileSystem}. ` +
    `Measured on ${machine.date} at commit ${machine.commit}, in ${minutes} min; load before it: ${machine.loadBefore.toFixed(2)}. ` +
    'Medians; in brackets the minimum and the maximum of the runs. CPU is user and system time.'
  )
}

function describe({ cpu, processors, memoryGigabytes, os, node, postgres, redis }: Machine): string {
  return `${processors} × ${cpu}, ${memoryGigabytes} GB, ${os}; Node.js ${node}, PostgreSQL ${postgres}, Redis ${redis}`
}
