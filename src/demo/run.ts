import type { Config } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import { builtInPipeline } from '#connect/pipelines.ts'
import { Oracle } from './oracle.ts'
import type { Logger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { Scan } from './scan.ts'
import type { Mixture } from './scan-generator.ts'
import { differencesIn } from './verdict.ts'
import { serveControl } from '#stack/control.ts'
import type { Stack } from '#stack/stack.ts'
import { addressesOf, demoConfig, demoLog } from './config.ts'
import type { FleetCounts, FleetProgress } from './fleet.ts'
import { DemoFleet } from './fleet.ts'
import { readNewestScans, readActualTables } from './actual-tables.ts'
import { cleanUpTopic } from './clean-up-topic.ts'
import type { Ingester } from '#app/ingester.ts'
import { stackPsqlLine } from '#dev-stack/psql-line.ts'
import { runScanner } from './scanner.ts'
import { startedUnlessStopped } from '#dev-stack/up.ts'
import { placeFor, withSocketErrors } from '#dev-stack/place.ts'
import { statusReporter } from '#dev-stack/status.ts'
import { createTables } from '#dev-stack/tables.ts'
import { openLog } from '#app/service-log.ts'

export interface DemoOptions extends Mixture {
  /** How long to publish before the table is checked. Undefined: until the signal. */
  readonly forMs: number | undefined
  /** Messages a second. */
  readonly rate: number
  readonly replicas: number
  readonly seed: number
  /** First signal: stop publishing and drain in-flight messages; during startup: abort it. */
  readonly signal: AbortSignal
  /** Second signal: exit now. During startup nothing is in flight, and the caller may end the process. */
  readonly forceStop: AbortSignal
  /** Called once, when everything runs. */
  readonly started: (demo: RunningDemo) => void
  /** Called with `forMs` when so many messages are published, and the rest of them is waited for. */
  readonly settling: (published: number) => void
  /** The user's own settings; the addresses are the stack's. */
  readonly environment: Environment
  /** Called with a line for each service of the stack that becomes ready, or exits. */
  readonly report: (line: string) => void
  /** Where the log goes, if not to stderr; then only errors are logged, unless the environment sets another level. */
  readonly writeLog?: ((lines: string) => void) | undefined
}

export interface RunningDemo {
  readonly config: Config
  readonly stack: Stack
  /** The line for a shell that opens the database. */
  readonly psql: string
  readonly pipeline: { readonly name: string; readonly table: string }
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

/** received = written + coalesced + stale + duplicate + ignored + deadLettered + nacked + outstanding */
export interface DemoSummary extends FleetCounts {
  readonly pipeline: string
  readonly published: number
  readonly poison: number
  readonly keys: number
  /** Of the table; null where it was not read, since the user did not wait for that. */
  readonly rows: number | null
  /** It was checked that the table holds the newest valid record of each key that was published, and no other. */
  readonly converged: boolean
  readonly seconds: number
}

export interface DemoResult {
  readonly summary: DemoSummary
  /** Why it has not converged, in words. */
  readonly differences: readonly string[]
}

/**
 * The whole product on one machine: stack, scanner, ingesters. With `forMs` it is the proof of the product: it waits
 * for everything that it published and compares the table with what must be there.
 *
 * @returns undefined where it was stopped before it had started
 * @throws UnreachableError where a part does not start or the broker takes nothing; what ended an ingester
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult | undefined> {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 100) / 10
  const { environment, writeLog, report, signal, forceStop } = options
  const log = demoLog(writeLog ? { INGESTER_LOG_LEVEL: 'error', ...environment } : environment)
  const logger = openLog(log, writeLog ?? ((line) => void process.stderr.write(line)))
  const redis = environment['INGESTER_REDIS_ENABLED'] !== 'false'
  await using stack = await startedUnlessStopped(environment, { redis, log: report, signal })
  if (!stack) return undefined
  const config = demoConfig(environment, addressesOf(stack))
  await createTables(stack, config)
  await using _ = await findable(stack, options)
  await using _broker = cleanUpTopic(stack, config, report)

  const pipeline = builtInPipeline('scans')
  // Above the stack, so that the ingesters are always stopped before the stores they need.
  await using fleet = await fleetUnlessStopped(config, pipeline, options, logger)
  if (!fleet) return undefined
  const oracle = new Oracle()
  const state = { phase: 'publishing' as DemoProgress['phase'], published: 0, poison: 0 }
  options.started({
    config,
    stack,
    psql: stackPsqlLine(stack.postgres?.serviceFile ?? ''),
    pipeline: { name: pipeline.name, table: pipeline.sink.name },
    ingesters: fleet.ingesters,
    startSeconds: seconds(),
    progress: () => ({
      ...fleet.progress(),
      phase: fleet.ending.aborted && state.phase !== 'comparing' ? 'stopping' : state.phase,
      published: state.published,
    }),
    newestRows: (limit) => readNewestScans(config, pipeline.sink, limit),
  })
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
  const waits = checked && !cutShort
  if (waits) options.settling(state.published)
  const remaining = waits ? await fleet.drain(state.published) : nothingRemains
  await fleet.stop()
  state.phase = 'comparing'

  const found = await readActualTables(config, pipeline.sink, forceStop)
  const { published, poison } = state
  const evidence = { oracle, found, published, poison, remaining, cutShort }
  const differences = checked ? differencesIn(evidence) : []
  const summary = {
    pipeline: pipeline.name,
    published,
    ...fleet.counts(),
    poison,
    keys: oracle.keys,
    rows: found?.rows.length ?? null,
    converged: checked && differences.length === 0,
    seconds: seconds(),
  }
  return { summary, differences }
}

const nothingRemains = { undelivered: 0, unsettled: 0 }

/** Undefined where the signal came first. */
async function fleetUnlessStopped(
  config: Config,
  pipeline: Pipeline,
  options: DemoOptions,
  logger: Logger,
): Promise<DemoFleet | undefined> {
  const { signal } = options
  if (signal.aborted) return undefined
  try {
    const fleet = await DemoFleet.start(config, pipeline, options, logger)
    if (!signal.aborted) return fleet
    await fleet.stop()
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return undefined
}

/** `bin/ingester stack status` finds it, unless another demo was first or the place is not ours. */
async function findable(stack: Stack, { environment, report }: DemoOptions): Promise<AsyncDisposable> {
  const status = statusReporter(stack, 'demo')
  try {
    const place = await placeFor('demo', environment)
    return await withSocketErrors(() => serveControl(place, { status: async () => status() }))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && !(error instanceof ConfigurationError)) throw error
    const why = code === 'EADDRINUSE' ? 'another demo of this folder is already running' : explain(error)
    report(`\`make psql\` and \`stack status\` will not find this demo: ${why}`)
    return { [Symbol.asyncDispose]: async () => {} }
  }
}

function publishingTo({ pubsub: { projectId, topicId, emulatorHost } }: Config) {
  if (topicId === undefined) throw new Error('the demo names its topic')
  return { projectId, topicId, emulatorHost }
}
