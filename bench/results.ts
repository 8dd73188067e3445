import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type as osType } from 'node:os'
import { projectDir } from '../test/support/program.ts'
import type { Bench, Configuration, Measure, Run } from './configuration.ts'
import type { FigureName } from './figures.ts'
import { medianOf } from './statistics.ts'
import { postgresSettings } from './bench-services.ts'
import type { ServerFacts } from './bench-services.ts'

/** Where, and with what, it was measured. */
export interface Machine extends ServerFacts {
  readonly cpu: string
  readonly processors: number
  readonly memoryGigabytes: number
  readonly os: string
  readonly node: string
  /** Load average of the minute before it began: that of other programs, ideally 0. */
  readonly loadBefore: number
  /** Abbreviated; with `+` where files were changed since. */
  readonly commit: string
  readonly date: string
}

export interface MeasuredConfiguration extends Omit<Configuration, 'guessSeconds' | 'mostRuns'> {
  readonly runs: readonly Run[]
}

export interface MeasuredBench extends Omit<Bench, 'configurations'> {
  readonly measure: Measure
  readonly configurations: readonly MeasuredConfiguration[]
}

export interface Failure {
  readonly bench: string
  readonly configuration: string
  readonly round: number
  readonly why: string
}

/** All that tables and plots are made from. */
export interface Results {
  readonly machine: Machine
  readonly postgresSettings: Readonly<Record<string, string>>
  /** A hundredth of the messages: these figures say nothing. */
  readonly quick: boolean
  readonly minutes: number
  /** All runs were made. */
  readonly finished: boolean
  /** Runs that are in no table, since they ended in an error or with a wrong table. */
  readonly failures: readonly Failure[]
  readonly benches: readonly MeasuredBench[]
}

/** What was measured of each configuration, to be put into the results; nothing for what was not reached. */
export type Measured = ReadonlyMap<Configuration, readonly Run[]>

export function resultsOf(
  benches: readonly Bench[],
  measured: Measured,
  machine: Machine,
  more: Pick<Results, 'quick' | 'minutes' | 'finished' | 'failures'>,
): Results {
  return {
    machine,
    postgresSettings,
    ...more,
    benches: benches
      .map((bench) => ({ ...bench, configurations: measuredOf(bench, measured) }))
      .filter(({ configurations }) => configurations.length > 0),
  }
}

function measuredOf({ configurations }: Bench, measured: Measured): MeasuredConfiguration[] {
  return configurations.flatMap((configuration) => {
    const runs = measured.get(configuration) ?? []
    const { guessSeconds: _, mostRuns: __, ...rest } = configuration
    return runs.length > 0 ? [{ ...rest, runs: runs.map(rounded) }] : []
  })
}

/** Five digits are more than is significant. */
function rounded({ figures, series }: Run): Run {
  const shorter = (all: Readonly<Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(all)
        // Of a run that was too short for it, a quotient by nothing.
        .filter(([, value]) => Number.isFinite(value))
        .map(([name, value]) => [name, Number(value.toPrecision(5))]),
    )
  return { figures: shorter(figures), series: series.map(shorter) }
}

/** @param facts of the servers, and the load before */
export function thisMachine(facts: ServerFacts & Pick<Machine, 'loadBefore'>): Machine {
  const git = (...args: string[]) => {
    try {
      return execFileSync('git', args, { cwd: projectDir, encoding: 'utf8', stdio: 'pipe' }).trim()
    } catch {
      // Not a clone.
      return ''
    }
  }
  const changed = git('status', '--porcelain', '--', 'src', 'cmd', 'bench', 'package-lock.json') !== ''
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    os: `${osType()} ${release()}`,
    node: process.versions.node,
    ...facts,
    commit: `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed ? '+' : ''}`,
    date: new Date().toISOString().slice(0, 10),
  }
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

/** A run a line: changes can be read, and the file stays short. */
export function jsonOf(results: Results): string {
  const runs: string[] = []
  const placed = JSON.stringify(
    results,
    (key, value: unknown) =>
      key === 'runs' && Array.isArray(value) ? value.map((run) => runs.push(JSON.stringify(run)) - 1) : value,
    2,
  )
  // The numbers of the runs stand on lines of their own.
  const lines = placed.replace(/"runs": \[([\s\d,]+)\]/g, (all, numbers: string) =>
    all.replace(
      numbers,
      numbers.replaceAll(/\d+/g, (number) => runs[Number(number)] ?? number),
    ),
  )
  return `${lines}\n`
}
