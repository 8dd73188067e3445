import type { Config } from '#config/config.ts'
import { configOf } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import type { Logger } from '#core/logger.ts'
import { serveControl } from '#stack/control.ts'
import type { Stack } from '#stack/stack.ts'
import { addressesOf, demoEnvironment, demoLog } from './config.ts'
import { DemoFleet } from './fleet.ts'
import type { FleetProgress } from './fleet.ts'
import type { FleetCounts } from './fleet-counts.ts'
import { sumOf } from './fleet-counts.ts'
import { cleanUpTopic } from './clean-up-topic.ts'
import type { DemoSystem, RowsView, ShownCount, Traffic } from './system.ts'
import { differencesIn } from './verdict.ts'
import type { Ingester } from '#app/ingester.ts'
import { stackPsqlLine } from '#dev-stack/psql-line.ts'
import { startedUnlessStopped } from '#dev-stack/up.ts'
import { placeFor, withSocketErrors } from '#dev-stack/place.ts'
import { statusReporter } from '#dev-stack/status.ts'
import { createTables } from '#dev-stack/tables.ts'
import { openLog } from '#app/service-log.ts'

export interface DemoOptions {
  /** How long to publish before the table is checked. Undefined: until the signal. */
  readonly forMs: number | undefined
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
  /** Those in this process. */
  readonly ingesters: readonly Ingester[]
  /** Admin servers of those in processes of their own. */
  readonly adminUrls: readonly string[]
  readonly startSeconds: number
  /** What it has of its own, for the startup summary. */
  readonly facts: Traffic['facts']
  /** What the live view shows of what is received. */
  readonly shown: readonly ShownCount[]
  readonly progress: () => DemoProgress
  /** The rows of the latest times, now. */
  readonly newestRows: (limit: number) => Promise<RowsView>
}

/** How far it is. Counts grow from its start. */
export interface DemoProgress extends FleetProgress {
  readonly phase: 'publishing' | 'settling' | 'stopping' | 'comparing'
  readonly published: number
  readonly status?: Traffic['status']
}

/** received = written + coalesced + stale + duplicate + ignored + deadLettered + nacked + outstanding */
export interface DemoSummary extends FleetCounts {
  readonly pipeline: string
  readonly published: number
  /** What the system counts by itself. */
  readonly own: Traffic['ownCounts']
  /** Of the table; null where it was not read, since the user did not wait for that. */
  readonly rows: number | null
  /** It was checked that the table holds what must come of what was published, and nothing else. */
  readonly converged: boolean
  readonly seconds: number
}

export interface DemoResult {
  readonly summary: DemoSummary
  /** What holds where it has converged, in words. */
  readonly claim: string
  /** Why it has not converged, in words. */
  readonly differences: readonly string[]
}

/** Of scripts: one object without levels. */
export function summaryJson({
  summary: { own, pipeline, published, rows, converged, seconds, ...counts },
}: DemoResult) {
  return { pipeline, published, ...counts, ...own, rows, converged, seconds }
}

/**
 * The whole product on one machine: stack, traffic, ingesters. With `forMs` it is the proof of the product: it waits
 * for everything that it published and compares the table with what must be there.
 *
 * @returns undefined where it was stopped before it had started
 * @throws UnreachableError where a part does not start or the broker takes nothing; what ended an ingester
 */
export async function runDemo(system: DemoSystem, options: DemoOptions): Promise<DemoResult | undefined> {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 100) / 10
  const { writeLog, report, signal, forceStop } = options
  const given = { ...system.defaults, ...options.environment }
  const log = demoLog(writeLog ? { INGESTER_LOG_LEVEL: 'error', ...given } : given)
  const logger = openLog(log, writeLog ?? ((line) => void process.stderr.write(line)))
  const redis = system.redis && given['INGESTER_REDIS_ENABLED'] !== 'false'
  await using stack = await startedUnlessStopped(given, { redis, log: report, signal })
  if (!stack) return undefined
  const { pipeline } = system
  const environment = demoEnvironment(given, addressesOf(stack), pipeline)
  const { config } = configOf(environment)
  await createTables(stack, config)
  await using _ = await findable(stack, options)
  await using _broker = cleanUpTopic(stack, config, report)

  // Above the stack, so that the ingesters are always stopped before the stores they need.
  await using parts = await partsUnlessStopped(system, { config, stack, environment }, options, logger)
  if (!parts) return undefined
  const { fleet, traffic } = parts
  let phase: DemoProgress['phase'] = 'publishing'
  options.started({
    config,
    stack,
    psql: stackPsqlLine(stack.postgres?.serviceFile ?? ''),
    pipeline: { name: pipeline.name, table: pipeline.sink.name },
    ingesters: fleet.ingesters,
    adminUrls: traffic.adminUrls,
    startSeconds: seconds(),
    facts: traffic.facts,
    shown: system.shown,
    progress: () => {
      const { cacheVerdicts, slowestCommitSeconds, problems, ...counts } = fleet.progress()
      return {
        ...sumOf(counts, traffic.counts),
        cacheVerdicts,
        slowestCommitSeconds,
        problems: [...new Set([...problems, ...traffic.problems])],
        phase: fleet.ending.aborted && phase !== 'comparing' ? 'stopping' : phase,
        published: traffic.published,
        ...(traffic.status ? { status: traffic.status } : {}),
      }
    },
    newestRows: (limit) => traffic.newestRows(limit),
  })
  await traffic.run(fleet.ending)
  phase = 'settling'
  const checked = options.forMs !== undefined
  const cutShort = fleet.ending.aborted
  const waits = checked && !cutShort
  if (waits) options.settling(traffic.published)
  const remaining = waits ? await traffic.drain() : nothingRemains
  await traffic[Symbol.asyncDispose]()
  await fleet.stop()
  phase = 'comparing'

  const verification = await traffic.verify(forceStop)
  const { published } = traffic
  const differences = checked ? differencesIn({ verification, published, remaining, cutShort }) : []
  const summary = {
    pipeline: pipeline.name,
    published,
    ...sumOf(fleet.counts(), traffic.counts),
    own: traffic.ownCounts,
    rows: verification?.rows ?? null,
    converged: checked && differences.length === 0,
    seconds: seconds(),
  }
  return { summary, claim: system.claim, differences }
}

const nothingRemains = { undelivered: 0, unsettled: 0 }

interface DemoParts extends AsyncDisposable {
  readonly fleet: DemoFleet
  readonly traffic: Traffic
}

/** Undefined where the signal came first. */
async function partsUnlessStopped(
  system: DemoSystem,
  started: { readonly config: Config; readonly stack: Stack; readonly environment: Environment },
  options: DemoOptions,
  logger: Logger,
): Promise<DemoParts | undefined> {
  const { forMs, signal, forceStop, report } = options
  if (signal.aborted) return undefined
  await using resources = new AsyncDisposableStack()
  try {
    const { replicas, pipeline } = system
    const limits = { replicas, signal, forceStop }
    const fleet = resources.use(await DemoFleet.start(started.config, pipeline, limits, logger))
    const setup = { ...started, report, forMs, signal, forceStop, fleet }
    const traffic = resources.use(await system.start(setup))
    if (signal.aborted) return undefined
    const all = resources.move()
    return { fleet, traffic, [Symbol.asyncDispose]: () => all.disposeAsync() }
  } catch (error) {
    if (!signal.aborted) throw error
    return undefined
  }
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
