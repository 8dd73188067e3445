// The plots of docs/BENCHMARKS.md, from the results alone: the same results make the same bytes.
import { View, parse } from 'vega'
import type { TopLevelSpec } from 'vega-lite'
import { compile } from 'vega-lite'
import type { FigureName } from './figures.ts'
import { medianFigure, valuesOf } from './results.ts'
import type { MeasuredBench, MeasuredConfiguration, Results } from './results.ts'
import { spreadOf } from './statistics.ts'

export interface Plot {
  readonly file: string
  /** The alternative text. */
  readonly alt: string
  readonly spec: TopLevelSpec
}

const width = 560
/** Pages are light or dark: the picture brings its own ground. */
const frame = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  padding: 12,
  config: {
    font: 'sans-serif',
    axis: { labelFontSize: 12, titleFontSize: 12, labelLimit: 400, titleFontWeight: 'normal' },
    legend: { labelFontSize: 12, titleFontSize: 12, orient: 'bottom', title: null },
    title: { fontSize: 13, fontWeight: 'bold', anchor: 'start', offset: 10 },
    view: { stroke: null },
  },
} as const

/** Colours that also differ for readers who cannot distinguish red from green. */
const colours = ['#0072b2', '#e69f00', '#009e73', '#999999']

export function plotsOf(bench: MeasuredBench): Plot[] {
  if (bench.configurations.length === 0) return []
  switch (bench.name) {
    case 'growth-messages':
      return growthOfMessages(bench)
    case 'growth-table':
      return [growthOfTable(bench)]
    case 'memory':
      return [memoryPlot(bench)]
    case 'latency':
      return [latencyPlot(bench)]
    case 'start':
      return []
    default:
      return [throughputPlot(bench), costPlot(bench)]
  }
}

export async function renderPlots({ benches }: Results): Promise<Map<string, string>> {
  const all = benches.flatMap(plotsOf)
  const rendered = new Map<string, string>()
  for (const { file, alt, spec } of all) rendered.set(file, await renderSvg(spec, alt))
  return rendered
}

async function renderSvg(spec: TopLevelSpec, alt: string): Promise<string> {
  const view = new View(parse(compile({ ...spec, title: alt }).spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return `${svg.replace(/^(<svg [^>]*>)/, `$1<title>${escaped(alt)}</title>`)}\n`
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

const inOrder = { field: 'name', type: 'nominal', title: null, sort: null } as const

function throughputPlot({ name, title, configurations }: MeasuredBench): Plot {
  const values = configurations.map((one) => ({
    name: one.name,
    ...spreadOf(valuesOf(one, 'messagesPerSecond')),
  }))
  const x = (field: string) => ({ field, type: 'quantitative', title: 'messages/s' }) as const
  return {
    file: `${name}-messages.svg`,
    alt: `${title}: messages per second, median and spread of the runs`,
    spec: {
      ...frame,
      width,
      height: { step: 30 },
      data: { values },
      layer: [
        { mark: { type: 'bar', color: colours[0] as string }, encoding: { y: inOrder, x: x('median') } },
        {
          mark: { type: 'rule', strokeWidth: 2 },
          encoding: { y: inOrder, x: x('least'), x2: { field: 'greatest' } },
        },
      ],
    },
  }
}

const payers = [
  ['ownCpu', 'system'],
  ['postgresCpu', 'PostgreSQL'],
  ['redisCpu', 'Redis'],
  ['brokerCpu', 'broker'],
] as const

function costPlot({ name, title, configurations }: MeasuredBench): Plot {
  const values = configurations.flatMap((one) =>
    payers.map(([figure, who], order) => ({
      name: one.name,
      who,
      order,
      cpu: medianFigure(one, figure) ?? 0,
    })),
  )
  return {
    file: `${name}-cpu.svg`,
    alt: `${title}: CPU-seconds per million messages of each process, medians`,
    spec: {
      ...frame,
      width,
      height: { step: 30 },
      data: { values },
      mark: 'bar',
      encoding: {
        y: inOrder,
        x: { field: 'cpu', type: 'quantitative', title: 'CPU-seconds per million messages' },
        color: {
          field: 'who',
          type: 'nominal',
          scale: { domain: payers.map(([, who]) => who), range: colours },
        },
        order: { field: 'order' },
      },
    },
  }
}

function growthOfMessages({ title, configurations }: MeasuredBench): Plot[] {
  const series = configurations[0]?.runs[0]?.series ?? []
  const values = series.flatMap((point) =>
    payers.map(([figure, who]) => ({ x: (point['messages'] ?? 0) / 1e6, who, cpu: point[figure] ?? 0 })),
  )
  if (values.length === 0) return []
  return [
    lines(
      'growth-messages.svg',
      `${title}: what each million costs`,
      'millions of messages',
      values,
      'linear',
    ),
  ]
}

function growthOfTable({ title, configurations }: MeasuredBench): Plot {
  const values = configurations.flatMap((one) =>
    payers.map(([figure, who]) => ({ x: one.workload.tableRows, who, cpu: medianFigure(one, figure) ?? 0 })),
  )
  return lines(
    'growth-table.svg',
    `${title}: what a million messages cost`,
    'rows of the table',
    values,
    'log',
  )
}

function lines(
  file: string,
  alt: string,
  what: string,
  values: readonly { x: number; who: string; cpu: number }[],
  scale: 'linear' | 'log',
): Plot {
  return {
    file,
    alt,
    spec: {
      ...frame,
      width,
      height: 260,
      data: { values: [...values] },
      mark: { type: 'line', point: true },
      encoding: {
        x: {
          field: 'x',
          type: 'quantitative',
          title: what,
          scale: { type: scale },
          axis: { format: '~s', grid: false },
        },
        y: {
          field: 'cpu',
          type: 'quantitative',
          title: 'CPU-seconds per million messages',
          scale: { zero: true },
        },
        color: {
          field: 'who',
          type: 'nominal',
          scale: { domain: payers.map(([, who]) => who), range: colours },
        },
      },
    },
  }
}

const quantiles: readonly (readonly [FigureName, string])[] = [
  ['ackedP50', 'p50'],
  ['ackedP99', 'p99'],
  ['ackedP999', 'p99.9'],
]

function latencyPlot({ title, configurations }: MeasuredBench): Plot {
  const values = configurations.flatMap((one: MeasuredConfiguration) =>
    quantiles.map(([figure, quantile]) => ({ name: one.name, quantile, ms: medianFigure(one, figure) ?? 0 })),
  )
  return {
    file: 'latency.svg',
    alt: `${title}: milliseconds from publishing to the ack`,
    spec: {
      ...frame,
      width,
      height: { step: 30 },
      data: { values },
      mark: { type: 'point', filled: true, size: 90 },
      encoding: {
        y: inOrder,
        x: {
          field: 'ms',
          type: 'quantitative',
          title: 'ms from publishing to the ack',
          scale: { type: 'log' },
        },
        color: {
          field: 'quantile',
          type: 'nominal',
          scale: { domain: quantiles.map(([, q]) => q), range: colours },
        },
      },
    },
  }
}

function memoryPlot({ title, configurations }: MeasuredBench): Plot {
  const values = configurations.flatMap(({ name, runs }) =>
    (runs[0]?.series ?? []).map((point) => ({ name, ...point })),
  )
  return {
    file: 'memory.svg',
    alt: `${title}: resident memory of the ingester`,
    spec: {
      ...frame,
      width,
      height: 220,
      data: { values },
      mark: { type: 'line', color: colours[0] as string },
      encoding: {
        x: { field: 'minutes', type: 'quantitative', title: 'minutes', axis: { grid: false } },
        y: { field: 'residentMegabytes', type: 'quantitative', title: 'resident, MB', scale: { zero: true } },
      },
    },
  }
}
