import { parseArgs } from 'node:util'
import type { Bench } from './configuration.ts'

/** What the user asked for. */
export interface Wanted {
  readonly benches: readonly Bench[]
  readonly runs: number
  readonly json: boolean
  readonly write: boolean
  readonly quick: boolean
}

/** Of what the user typed. */
export class UsageError extends Error {}

const defaultRuns = 5
const mostRuns = 1000

/**
 * @param environment BENCH, names joined by commas, and RUNS; empty is unset
 * @throws UsageError
 */
export function wantedOf(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  benches: readonly Bench[],
): Wanted {
  const { json, write, quick } = flagsOf(argv)
  const wanted = {
    benches: namedBenches(environment['BENCH'], benches),
    runs: runsOf(environment['RUNS']),
    json,
    write,
    quick,
  }
  if (write && quick)
    throw new UsageError('--write with --quick: figures that say nothing are not for the document.')
  return wanted
}

function flagsOf(argv: readonly string[]) {
  const off = { type: 'boolean', default: false } as const
  try {
    return parseArgs({ args: [...argv], options: { json: off, write: off, quick: off } }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nOptions: --json, --write, --quick.`)
  }
}

function namedBenches(text: string | undefined, benches: readonly Bench[]): readonly Bench[] {
  const names = (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length === 0 && !text) return benches
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name))
  if (names.length === 0 || unknown.length > 0) {
    const there = benches.map(({ name, title }) => `  ${name.padEnd(16)} ${title}`).join('\n')
    throw new UsageError(
      `BENCH=${text}: there is no bench ${unknown.join(', ') || 'without a name'}. There are:\n${there}`,
    )
  }
  return benches.filter(({ name }) => names.includes(name))
}

function runsOf(text: string | undefined): number {
  if (!text) return defaultRuns
  const runs = Number(text)
  if (/^\d+$/.test(text) && runs >= 1 && runs <= mostRuns) return runs
  throw new UsageError(`RUNS=${text} is not a whole number from 1 to ${mostRuns}.`)
}
