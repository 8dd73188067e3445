// The suites that may catch a bug, and what one run of each says.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { Verdict } from './until-failure.ts'

interface TestFile {
  readonly file: string
  /** The random ones of its tests; all of them where it is not there. */
  readonly only?: string
}

const testFiles = {
  'every delivery': { file: 'test/engine/every-delivery.test.ts' },
  'beside each other': { file: 'test/properties/beside-each-other.test.ts' },
  conservation: { file: 'test/properties/conservation.test.ts' },
  'innocent rows': { file: 'test/properties/innocent-rows.test.ts' },
  epochs: { file: 'test/properties/epochs.test.ts' },
  leases: { file: 'test/properties/leases.test.ts' },
  'same table, real PostgreSQL': { file: 'test/properties/same-table.pg.test.ts' },
  'deletes, real PostgreSQL': { file: 'test/properties/deletes.pg.test.ts' },
  'identities, real PostgreSQL': { file: 'test/simulated/servers/postgres-identities.pg.test.ts' },
  'column values, real PostgreSQL': { file: 'src/pipeline/values/column-codec.pg.test.ts' },
  'merge and sink, real PostgreSQL': {
    file: 'test/conformance/merge.pg.test.ts',
    only: 'with deletions and ties',
  },
  'discarded rows, real PostgreSQL': { file: 'test/properties/discarded-rows.pg.test.ts' },
  'one order, real stores': { file: 'test/conformance/order.redis.test.ts' },
  'concurrent writers, real PostgreSQL': {
    file: 'src/postgres/concurrent-writers.pg.test.ts',
    only: 'writers with common keys in any order',
  },
  'rotated password, real PostgreSQL': { file: 'src/postgres/rotation.pg.test.ts' },
  'rotated password, real Redis': { file: 'src/redis/rotation.redis.test.ts' },
  'redrive, real emulator and PostgreSQL': {
    file: 'test/e2e/redrive.e2e.test.ts',
    only: "it publishes to the subscription's own topic",
  },
  'ack ids, real emulator': { file: 'src/pubsub/exactly-once.e2e.test.ts', only: '(extensions|acks): ' },
  'attempts to connect, real PostgreSQL': {
    file: 'src/postgres/connection-pool.pg.test.ts',
    only: 'a server that rejects every connection',
  },
  'durable, real PostgreSQL and PgBouncer': { file: 'test/properties/durable.pg.test.ts' },
  'epoch, real PostgreSQL': { file: 'src/postgres/epoch.pg.test.ts' },
  'faulty network, real PostgreSQL': { file: 'test/properties/faulty-network.pg.test.ts' },
  'refused and locked, real PostgreSQL': { file: 'test/properties/refused-and-locked.pg.test.ts' },
  'protocol, real Redis': {
    file: 'test/simulated/servers/redis.redis.test.ts',
    only: 'any calls have the same answers',
  },
  'cache, real Redis': {
    file: 'test/conformance/cache.redis.test.ts',
    only: 'any run of begin, confirm and release agrees with a model',
  },
} as const satisfies Record<string, TestFile>

export type SuiteName = 'simulation' | keyof typeof testFiles

/** How long a suite may look. */
export interface Budget {
  readonly schedules: number
  readonly seconds: number
}

export interface Finding {
  readonly isCaught: boolean
  /** How much it took, or how much was not enough: `17 schedules`, `case 3`, `5 runs`. */
  readonly took: string
  /** What was seen to be wrong. */
  readonly said: string
  /** With which it is seen at once. */
  readonly seed: number
}

/** Runs a suite in a copy of the project until it finds something, or its budget is spent. */
export function look(name: SuiteName, dir: string, seed: number, budget: Budget): Promise<Finding> {
  if (name === 'simulation') return lookBySchedules(dir, seed, budget)
  return lookByTests(testFiles[name], dir, seed, budget)
}

async function lookBySchedules(dir: string, from: number, budget: Budget): Promise<Finding> {
  const args = ['test/mutation/until-failure.ts', String(from), String(budget.schedules)]
  const child = start(args, dir, Math.max(budget.seconds * 1000, shortestLookMs))
  let last: Verdict = { schedules: 0 }
  for await (const line of createInterface({ input: child.stdout })) last = JSON.parse(line) as Verdict
  const { code, stderr, outOfTime } = await child.end
  const took = times(last.schedules, 'schedule')
  const seed = from + Math.max(0, last.schedules - 1)
  if (last.breach !== undefined) return { isCaught: true, took, said: last.breach, seed }
  if (code !== 0 && !outOfTime) {
    return { isCaught: true, took, said: `it crashed: ${firstError(stderr)}`, seed }
  }
  return { isCaught: false, took, said: '', seed }
}

async function lookByTests(
  { file, only }: TestFile,
  dir: string,
  from: number,
  budget: Budget,
): Promise<Finding> {
  const endMs = performance.now() + budget.seconds * 1000
  let runs = 0
  do {
    const seed = (from + runs) % 2 ** 31
    const pattern = only === undefined ? [] : ['--testNamePattern', only]
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', ...pattern, file]
    const leftMs = Math.max(endMs - performance.now(), longestRunMs)
    const child = start(args, dir, leftMs, { TEST_SEED: String(seed) })
    runs += 1
    const [stdout, { code, stderr, outOfTime }] = await Promise.all([text(child.stdout), child.end])
    const { passed, output } = outcomeOf(stdout, stderr)
    if (code === 0) {
      if (passed === 0) throw new Error(`${file} has no test like ${only}`)
      continue
    }
    const inCase = /Property failed after (\d+) tests?/.exec(output)?.[1]
    const inRun = inCase !== undefined && runs === 1 ? '' : `run ${runs}`
    const took = [inRun, inCase === undefined ? '' : `case ${inCase}`].filter(Boolean).join(', ')
    return { isCaught: true, took, said: outOfTime ? 'it does not end' : firstError(output), seed }
  } while (performance.now() < endMs)
  return { isCaught: false, took: times(runs, 'run'), said: '', seed: from }
}

/** What Vitest's reporter for machines says, of which this is a part; a run that crashed says nothing. */
interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly failureMessages?: readonly string[] }[]
  }[]
}

function outcomeOf(stdout: string, stderr: string): { readonly passed: number; readonly output: string } {
  const json = stdout.split('\n').findLast((line) => line.startsWith('{"num'))
  if (json === undefined) return { passed: 0, output: stderr }
  const { numPassedTests, testResults } = JSON.parse(json) as Report
  const messages = testResults.flatMap(({ message, assertionResults }) => [
    ...assertionResults.flatMap(({ failureMessages = [] }) => failureMessages),
    message,
  ])
  return { passed: numPassedTests, output: messages.join('\n') }
}

/** A schedule that stands still is noticed after a minute. */
const shortestLookMs = 75_000
/** A run of tests that takes longer hangs. */
const longestRunMs = 120_000

function start(args: readonly string[], dir: string, limitMs: number, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, args, {
    cwd: dir,
    // The project's cache would keep what is compiled of every copy.
    env: { ...process.env, NODE_COMPILE_CACHE: join(dir, '.compiled'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let outOfTime = false
  const limit = setTimeout(() => {
    outOfTime = true
    child.kill('SIGKILL')
  }, limitMs)
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const closed = Promise.withResolvers<number | null>()
  child.once('close', closed.resolve)
  child.once('error', closed.reject)
  const end = Promise.all([closed.promise, text(child.stderr)]).then(([code, stderr]) => {
    clearTimeout(limit)
    process.off('exit', kill)
    return { code, stderr, outOfTime }
  })
  return { stdout: child.stdout, end }
}

function times(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`
}

/** Of all that a run has printed the line that says what was wrong; fast-check names the cause behind `Got`. */
function firstError(output: string): string {
  const [, cause] =
    /^\s*(?:Caused by|Got) ?:? ?(?:\w*Error[^:]*: )(.+)$/m.exec(output) ??
    /^\s*(?:\w*Error[^:]*: )(.+)$/m.exec(output) ??
    // node-postgres calls it so.
    /^error: (.+)$/m.exec(output) ??
    []
  return (cause ?? 'it failed without a word').trim()
}
