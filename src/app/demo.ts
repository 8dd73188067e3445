import type { Config } from '#config/config.ts'
import { configOf } from '#config/config.ts'
import type { Environment } from '#config/environment.ts'
import { UnreachableError, messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import { Oracle } from '#demo/oracle.ts'
import type { Scan } from '#demo/scan.ts'
import type { Mixture } from '#demo/scan-generator.ts'
import { Tally } from '#demo/tally.ts'
import { differencesIn } from '#demo/verdict.ts'
import { migrate } from '#postgres/migrations.ts'
import { countRows, readTable } from '#postgres/read-table.ts'
import { freePort } from '#stack/ports.ts'
import type { Stack } from '#stack/stack.ts'
import { startStack } from '#stack/stack.ts'
import type { Ingester } from './ingester.ts'
import { startIngester } from './ingester.ts'
import { pipelineNamed } from './pipelines.ts'
import { migrationsDir } from './project.ts'
import { runScanner } from './scanner.ts'
import { shutDown } from './shutdown.ts'

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
}

export interface RunningDemo {
  readonly config: Config
  readonly stack: Stack
  readonly ingesters: readonly Ingester[]
  readonly startSeconds: number
}

/** received = written + coalesced + stale + deadLettered + nacked + outstanding */
export interface DemoSummary {
  readonly published: number
  readonly received: number
  readonly written: number
  readonly coalesced: number
  readonly stale: number
  readonly deadLettered: number
  readonly nacked: number
  readonly redelivered: number
  readonly outstanding: number
  readonly poison: number
  readonly keys: number
  readonly rows: number
  /** Records that were sent to PostgreSQL, repeated attempts included. The rest never reached it. */
  readonly offered: number
  /** It was checked that the table holds the newest valid record of each key that was published, and no other. */
  readonly converged: boolean
  readonly seconds: number
}

export interface DemoResult {
  readonly summary: DemoSummary
  /** What keeps it from having converged, for people. */
  readonly differences: readonly string[]
}

/** What was published and is not received by then will not come any more. */
const drainLimitMs = 90_000

/**
 * The whole product on one machine: stack, scanner, ingesters. With `forMs` it is the proof of the product: it waits
 * for everything that it published and compares the table with what must be there.
 *
 * @throws UnreachableError where a part does not start or the broker takes nothing; what ended an ingester
 */
export async function runDemo(options: DemoOptions, logger: Logger): Promise<DemoResult> {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 100) / 10
  const { environment } = options
  const log = (line: string) => logger.info({}, line)
  await using stack = await startedStack(environment, log)
  const config = demoConfig(environment, addressesOf(stack))
  await migrate(config.postgres, migrationsDir, 'up')

  const ingesters: Ingester[] = []
  const tally = new Tally(() => outstandingOf(ingesters))
  const stopAll = () =>
    Promise.all(ingesters.map((one) => shutDown(one, config.shutdownTimeoutMs, options.hurry)))
  // Above the stack, so that whatever happens the ingesters are stopped before the stores they need.
  await using _ = { [Symbol.asyncDispose]: async () => void (await stopAll()) }
  for (let i = 0; i < options.replicas; i++) {
    ingesters.push(await startReplica(config, logger, tally))
  }
  const { stopping, failure } = endOf(ingesters, options.signal)
  if (!stopping.aborted) options.started({ config, stack, ingesters, startSeconds: seconds() })

  const oracle = new Oracle()
  let poison = 0
  const published = await runScanner({
    ...options,
    ...publishingTo(config),
    signal: stopping,
    published: (messages) => {
      for (const { scan } of messages) {
        if (scan) oracle.published(scan)
        else poison += 1
      }
    },
  })
  const checked = options.forMs !== undefined
  const cutShort = stopping.aborted
  const drained = checked && !cutShort && (await drain(tally, published, options.hurry))
  await stopAll()
  const failed = failure()
  if (failed) throw failed

  // Who is in a hurry may be so because the database does not answer.
  const rows = options.hurry.aborted ? [] : await readScans(config)
  const deadLetters = options.hurry.aborted ? 0 : await countRows(config.postgres, 'dead_letters')
  const evidence = { oracle, rows, deadLetters, published, poison, drained, cutShort }
  const differences = checked ? differencesIn(evidence) : []
  const summary = {
    published,
    ...countsOf(tally),
    outstanding: outstandingOf(ingesters),
    poison,
    keys: oracle.keys,
    rows: rows.length,
    offered: tally.offered,
    converged: checked && differences.length === 0,
    seconds: seconds(),
  }
  return { summary, differences }
}

function countsOf({ settled, received, redelivered }: Tally) {
  const { written, coalesced, stale, nacked } = settled
  return { received, written, coalesced, stale, deadLettered: settled['dead-lettered'], nacked, redelivered }
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

/** Publishing ends with the user's signal, or with the first ingester that cannot go on. */
function endOf(ingesters: readonly Ingester[], signal: AbortSignal) {
  let failed: Error | undefined
  const failing = new AbortController()
  for (const ingester of ingesters) {
    void ingester.failed.then((error) => {
      failed = error
      failing.abort()
    })
  }
  return { stopping: AbortSignal.any([signal, failing.signal]), failure: () => failed }
}

function outstandingOf(ingesters: readonly Ingester[]): number {
  return ingesters.reduce((sum, ingester) => sum + ingester.outstanding, 0)
}

async function startReplica(config: Config, logger: Logger, tally: Tally): Promise<Ingester> {
  const port = await freePort(config.http.port)
  return startIngester({ ...config, http: { ...config.http, port } }, logger, { observer: tally.observer })
}

/** False where a message did not come in time, or the user does not wait. */
async function drain(tally: Tally, messages: number, hurry: AbortSignal): Promise<boolean> {
  const limit = AbortSignal.any([hurry, AbortSignal.timeout(drainLimitMs)])
  const gaveUp = Promise.withResolvers<false>()
  limit.addEventListener('abort', () => gaveUp.resolve(false))
  return Promise.race([tally.drained(messages).then(() => true), gaveUp.promise])
}

/** Where the demo's services are; before they run it is not known. */
interface Addresses {
  readonly emulatorHost: string
  readonly postgres: { host: string; port: number; user: string; password: string; database: string }
  /** `host:port`; undefined where there is none. */
  readonly redis: string | undefined
}

const somewhere: Addresses = {
  emulatorHost: 'localhost:1',
  postgres: { host: 'localhost', port: 1, user: '-', password: '-', database: '-' },
  redis: 'localhost:1',
}

/**
 * The user's settings with the stack's addresses over them; before the stack runs, to find faults early.
 *
 * @throws ConfigFault
 */
export function demoConfig(environment: Environment, { emulatorHost, postgres, redis } = somewhere): Config {
  // An emulator that others use may hold others' messages: the demo's names are its own there.
  const suffix = environment['PUBSUB_EMULATOR_HOST'] === undefined ? '' : `-demo-${process.pid}`
  const { config } = configOf({
    INGESTER_LOG_OUTPUT: 'console',
    ...environment,
    INGESTER_PIPELINE: 'scans',
    INGESTER_PROJECTID: 'test-project',
    INGESTER_TOPICID: `scan-topic${suffix}`,
    INGESTER_SUBSCRIPTIONID: `scan-sub${suffix}`,
    PUBSUB_EMULATOR_HOST: emulatorHost,
    INGESTER_POSTGRES_HOST: postgres.host,
    INGESTER_POSTGRES_PORT: String(postgres.port),
    INGESTER_POSTGRES_USER: postgres.user,
    INGESTER_POSTGRES_PASSWORD: postgres.password,
    INGESTER_POSTGRES_DB: postgres.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    ...(redis === undefined ? { INGESTER_REDIS_ENABLED: 'false' } : { INGESTER_REDIS_ADDR: redis }),
    INGESTER_REDIS_PASSWORD: undefined,
    INGESTER_REDIS_DB: '0',
    INGESTER_REDIS_TLS: 'false',
  })
  return config
}

function addressesOf({ postgres, pubsub, redis }: Stack): Addresses {
  if (!postgres || !pubsub) throw new Error('the demo needs PostgreSQL and a Pub/Sub emulator')
  return { emulatorHost: pubsub.emulatorHost, postgres, redis: redis?.address }
}

function publishingTo({ pubsub }: Config) {
  const { projectId, topicId = 'scan-topic', emulatorHost } = pubsub
  return { projectId, topicId, emulatorHost }
}

async function readScans({ postgres }: Config): Promise<Scan[]> {
  const rows = await readTable(postgres, pipelineNamed('scans').sink)
  return rows.map(([ip, port, service, response, lastSeen]) => ({
    ip: String(ip),
    port: Number(port),
    service: String(service),
    response: String(response),
    timestamp: Number(lastSeen),
  }))
}
