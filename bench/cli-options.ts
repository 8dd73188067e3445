import { parseArgs } from 'node:util'
import type { Bench } from './configuration.ts'

/** The parsed options of the user. */
export interface CliOptions {
  readonly benches: readonly Bench[]
  readonly runs: number
  readonly json: boolean
  readonly write: boolean
  readonly quick: boolean
  /** Nothing is measured: the results are in this file. */
  readonly from: string | undefined
}

export interface ProfileOptions {
  readonly bench: Bench
  readonly json: boolean
  readonly quick: boolean
}

/** Of what the user typed. */
export class UsageError extends Error {}

type Environment = Readonly<Record<string, string | undefined>>

const defaultRuns = 5
const mostRuns = 1000
const profiledByDefault = 'updates'

/** Whatever else is typed. */
export const asksForHelp = (argv: readonly string[]) => argv.includes('--help') || argv.includes('-h')

/**
 * @param environment BENCH, names joined by commas, and RUNS; empty is unset
 * @throws UsageError
 */
export function parseOptions(
  argv: readonly string[],
  environment: Environment,
  benches: readonly Bench[],
): CliOptions {
  const { json, write, quick, from } = flagsOf(argv, '--json, --write, --quick, --from FILE')
  const { BENCH, RUNS } = environment
  if (from !== undefined && (from === '' || BENCH || RUNS || quick)) {
    throw new UsageError('--from takes one file as it is: leave out BENCH, RUNS and --quick.')
  }
  const options = { benches: namedBenches(BENCH, benches), runs: runsOf(RUNS), json, write, quick, from }
  if (write && quick)
    throw new UsageError('--write with --quick: figures that say nothing are not for the document.')
  if (write && options.benches.length < benches.length) {
    throw new UsageError(
      `--write with BENCH=${BENCH}: the document has all benches, measured together, and would lose the others.\n` +
        'Leave out BENCH to measure and write all of them, or --write to see the tables of some.',
    )
  }
  return options
}

/**
 * @param environment BENCH, one name; empty is unset
 * @throws UsageError
 */
export function parseProfileOptions(
  argv: readonly string[],
  environment: Environment,
  benches: readonly Bench[],
): ProfileOptions {
  const { json, quick, write, from } = flagsOf(argv, '--json, --quick')
  if (write || from !== undefined)
    throw new UsageError('A profile is for looking at. Options: --json, --quick.')
  if (environment['RUNS']) throw new UsageError('A profile is of one run: leave out RUNS.')
  const name = environment['BENCH'] || profiledByDefault
  const backlogs = benches.filter(({ measure }) => measure === 'throughput')
  const [bench, ...others] = namedBenches(name, benches)
  if (!bench || others.length > 0) throw new UsageError(`BENCH=${name}: a profile is of one bench.`)
  if (!backlogs.includes(bench)) {
    throw new UsageError(
      `BENCH=${name}: what can be profiled is a backlog that is worked off. There are:\n${listOf(backlogs)}`,
    )
  }
  return { bench, json, quick }
}

function flagsOf(argv: readonly string[], known: string) {
  const off = { type: 'boolean', default: false } as const
  const options = { json: off, write: off, quick: off, from: { type: 'string' } } as const
  try {
    return parseArgs({ args: [...argv], options }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nOptions: ${known}.`)
  }
}

/** A line each. */
export const listOf = (benches: readonly Bench[]) =>
  benches.map(({ name, title }) => `  ${name.padEnd(16)} ${title}`).join('\n')

function namedBenches(text: string | undefined, benches: readonly Bench[]): readonly Bench[] {
  const names = (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (names.length === 0 && !text) return benches
  const unknown = names.filter((name) => !benches.some((bench) => bench.name === name))
  if (names.includes('gateway')) throw new UsageError('BENCH=gateway is measured by itself: name no other.')
  if (names.length === 0 || unknown.length > 0) {
    throw new UsageError(
      `BENCH=${text}: there is no bench ${unknown.join(', ') || 'without a name'}. There are:\n${listOf(benches)}`,
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
