import type { Config } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import { UnreachableError, messageOf } from '#core/failure.ts'
import { Oracle } from '#demo/oracle.ts'
import type { Scan } from '#demo/scan.ts'
import type { Mixture } from '#demo/scan-generator.ts'
import { differencesIn } from '#demo/verdict.ts'
import { migrate } from '#postgres/migrations.ts'
import { countRows } from '#postgres/read-table.ts'
import { controlPlace, serveControl } from '#stack/control.ts'
import type { Stack } from '#stack/stack.ts'
import { startStack } from '#stack/stack.ts'
import { createLogger } from '#telemetry/logger.ts'
import { addressesOf, demoConfig } from './demo-config.ts'
import type { FleetCounts, FleetProgress } from './demo-fleet.ts'
import { DemoFleet } from './demo-fleet.ts'
import { readNewestScans, readScans } from './demo-table.ts'
import type { Ingester } from './ingester.ts'
import { migrationsDir, projectDir } from './project.ts'
import { runScanner } from './scanner.ts'
import { statusOf } from './stack-status.ts'

export interface DemoOptions extends Mixture {
  /** Publishing ends after so long, and the table is checked. Undefined: it ends with the signal. */
  readonly forMs: number | undefined
  /** Messages a second. */
  readonly rate: number
  readonly replicas: number
  readonly seed: number
  /** First signal: stop publishing, settle what is in hand. */
  readonly signal: AbortSignal
  /** Second signal: leave now. */
  readonly hurry: AbortSignal
  /** Called once, when everything runs. */
  readonly started: (demo: RunningDemo) => void
  /** The user's own settings; the addresses are the stack's. */
  readonly environment: Environment
  /** Told of each service of the stack as it is ready, and of what befalls it; a line each. */
  readonly tell: (line: string) => void
  /** Where the log goes, if not to stderr; then only errors are logged, unless the environment wants more. */
  readonly writeLog?: ((lines: string) => void) | undefined
}

export interface RunningDemo {
  readonly config: Config
  readonly stack: Stack
  readonly ingesters: readonly Ingester[]
  readonly startSeconds: number
  readonly progress: () => DemoProgress
  /** The rows of the latest times, now. */
  readonly newestRows: (limit: number) => Promise<Scan[]>
}

/** How far it is. Counts grow from its start. */
export interface DemoProgress extends FleetProgress {
  readonly phase: 'publishing' | 'settling' | 'stopping' | 'comparing'
  readonly published: number
}

/** received = written + coalesced + stale + deadLettered + nacked + outstanding */
export interface DemoSummary extends FleetCounts {
  readonly published: number
  readonly poison: number
  readonly keys: number
  readonly rows: number
  /** It was checked that the table holds the newest valid record of each key that was published, and no other. */
  readonly converged: boolean
  readonly seconds: number
}

export interface DemoResult {
  readonly summary: DemoSummary
  /** What keeps it from having converged, for people. */
  readonly differences: readonly string[]
}

/**
 * The whole product on one machine: stack, scanner, ingesters. With `forMs` it is the proof of the product: it waits
 * for everything that it published and compares the table with what must be there.
 *
 * @throws UnreachableError where a part does not start or the broker takes nothing; what ended an ingester
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 100) / 10
  const { environment, writeLog, hurry } = options
  const { log } = demoConfig(writeLog ? { INGESTER_LOG_LEVEL: 'error', ...environment } : environment)
  const logger = createLogger({ ...log, write: writeLog })
  await using stack = await startedStack(environment, options.tell)
  const config = demoConfig(environment, addressesOf(stack))
  await migrate(config.postgres, migrationsDir, 'up')
  await using _ = await findable(stack)

  // Above the stack, so that whatever happens the ingesters are stopped before the stores they need.
  await using fleet = await DemoFleet.start(config, options, logger)
  const oracle = new Oracle()
  const state = { phase: 'publishing' as DemoProgress['phase'], published: 0, poison: 0 }
  if (!fleet.ending.aborted) {
    options.started({
      config,
      stack,
      ingesters: fleet.ingesters,
      startSeconds: seconds(),
      progress: () => ({
        ...fleet.progress(),
        phase: fleet.ending.aborted && state.phase !== 'comparing' ? 'stopping' : state.phase,
        published: state.published,
      }),
      newestRows: (limit) => readNewestScans(config, limit),
    })
  }
  await runScanner({
    ...options,
    ...publishingTo(config),
    signal: fleet.ending,
    published: (messages) => {
      state.published += messages.length
      for (const { scan } of messages) {
        if (scan) oracle.published(scan)
        else state.poison += 1
      }
    },
  })
  state.phase = 'settling'
  const checked = options.forMs !== undefined
  const cutShort = fleet.ending.aborted
  const drained = checked && !cutShort && (await fleet.drained(state.published))
  await fleet.stop()
  state.phase = 'comparing'

  // Who is in a hurry may be so because the database does not answer.
  const rows = hurry.aborted ? [] : await readScans(config)
  const deadLetters = hurry.aborted ? 0 : await countRows(config.postgres, 'dead_letters')
  const { published, poison } = state
  const evidence = { oracle, rows, deadLetters, published, poison, drained, cutShort }
  const differences = checked ? differencesIn(evidence) : []
  const summary = {
    published,
    ...fleet.counts(),
    poison,
    keys: oracle.keys,
    rows: rows.length,
    converged: checked && differences.length === 0,
    seconds: seconds(),
  }
  return { summary, differences }
}

/** `bin/ingester stack status` tells of it, unless another demo was here first. */
async function findable(stack: Stack): Promise<AsyncDisposable> {
  try {
    return await serveControl(await controlPlace(projectDir, 'demo'), {
      status: Promise.resolve(statusOf(stack, 'demo')),
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return { [Symbol.asyncDispose]: async () => {} }
  }
}

/** A service that does not come up is told as what it is, not as a stack trace. */
async function startedStack(environment: Environment, log: (line: string) => void): Promise<Stack> {
  const pubsubEmulatorHost = environment['PUBSUB_EMULATOR_HOST']
  const redis = environment['INGESTER_REDIS_ENABLED'] !== 'false'
  try {
    return await startStack({ pubsubEmulatorHost, redis, log })
  } catch (error) {
    throw new UnreachableError(messageOf(error), { cause: error })
  }
}

function publishingTo({ pubsub }: Config) {
  const { projectId, topicId = 'scan-topic', emulatorHost } = pubsub
  return { projectId, topicId, emulatorHost }
}
