// Writes the results to a file after each run, so that an hour's work survives whatever comes after it; and reads them.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Results } from './results.ts'
import { jsonOf } from './results.ts'
import { UsageError } from './cli-options.ts'

/** Replaces what was there. A file that cannot be written is reported once, and stops nothing. */
export class ResultsFile {
  readonly file: string
  readonly #report: (line: string) => void
  #reported = false

  constructor(file: string, report: (line: string) => void) {
    this.file = file
    this.#report = report
  }

  /** Returns whether it succeeded. */
  write(results: Results): boolean {
    const beside = `${this.file}.${process.pid}`
    try {
      mkdirSync(dirname(this.file), { recursive: true })
      writeFileSync(beside, jsonOf(results))
      renameSync(beside, this.file)
      return true
    } catch (error) {
      if (!this.#reported) this.#report(`✗ ${this.file}: not written: ${(error as Error).message}`)
      this.#reported = true
      removeIfPossible(beside)
      return false
    }
  }
}

function removeIfPossible(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // Where nothing can be written, nothing may be removable either.
  }
}

/**
 * What `write` has written, or docs/benchmarks/results.json.
 *
 * @throws UsageError where there is no such file, or it holds something else
 */
export function readResults(file: string): Results {
  const fault = (why: string) => new UsageError(`--from ${file}: ${why}`)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw fault((error as Error).message)
  }
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    throw fault('that is not JSON.')
  }
  const wrong = firstWrong(found, shape, '')
  if (wrong !== undefined) throw fault(`these are no results of \`make bench\`: ${wrong}.`)
  return found as Results
}

/** What tables and plots are made from: a type's name, the words that there are, a list of these, or fields. */
type Shape = string | ReadonlySet<unknown> | readonly [Shape] | { readonly [name: string]: Shape }

/** Every field is of that type, whatever its name. */
const each = '*'
const numbers: Shape = { [each]: 'number' }
const all = (type: string, names: string) => Object.fromEntries(names.split(' ').map((name) => [name, type]))
const configuration: Shape = {
  ...all('string', 'name system broker'),
  workload: all('number', 'messages warmUp tableRows responseBytes'),
  runs: [{ figures: numbers, series: [numbers] }],
}
const bench: Shape = {
  ...all('string', 'name title shows'),
  measure: new Set(['throughput', 'latency', 'start', 'memory']),
  configurations: [configuration],
}
const shape: Shape = {
  machine: {
    ...all('string', 'cpu os node postgres redis fileSystem commit date'),
    ...all('number', 'processors memoryGigabytes loadBefore'),
    durability: { [each]: 'string' },
  },
  postgresSettings: { [each]: 'string' },
  quick: 'boolean',
  minutes: 'number',
  finished: 'boolean',
  failures: [{ ...all('string', 'bench configuration why'), round: 'number' }],
  benches: [bench],
}

/** Where it differs, in words. */
function firstWrong(value: unknown, wanted: Shape, place: string): string | undefined {
  const at = place || 'the whole'
  if (typeof wanted === 'string') return typeof value === wanted ? undefined : `${at} is no ${wanted}`
  if (wanted instanceof Set) {
    return wanted.has(value) ? undefined : `${at} is none of ${[...wanted].join(', ')}`
  }
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value)) return `${at} is no list`
    return firstOf(value.map((one, i) => () => firstWrong(one, wanted[0] as Shape, `${place}[${i}]`)))
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${at} is no object`
  const fields = value as Readonly<Record<string, unknown>>
  const shapes = wanted as Readonly<Record<string, Shape>>
  const named = each in shapes ? Object.keys(fields).map((name) => [name, shapes[each]] as const) : undefined
  return firstOf(
    (named ?? Object.entries(shapes)).map(
      ([name, one]) =>
        () =>
          firstWrong(fields[name], one as Shape, place === '' ? name : `${place}.${name}`),
    ),
  )
}

function firstOf(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const wrong = check()
    if (wrong !== undefined) return wrong
  }
  return undefined
}
