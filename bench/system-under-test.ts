// What is measured, as processes of its own: the ingester, the baseline, or PostgreSQL alone.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { reveal } from '#core/secret.ts'
import type { Program } from '../test/support/program.ts'
import { projectDir, startIngesterProgram, startProgram } from '../test/support/program.ts'
import { metric } from '../test/support/system.ts'
import type { Broker } from './broker.ts'
import { projectId } from './broker.ts'
import type { Configuration } from './configuration.ts'
import { killWithParent } from '../test/support/kill-on-exit.ts'
import type { AloneOptions, FromAlone } from './postgres-alone.ts'
import { Progress, stalledMs } from './progress.ts'
import type { BenchServices } from './bench-services.ts'

/** The engine's default. */
const batchSize = 1000
const stopLimitMs = 40_000

export interface SystemUnderTest extends AsyncDisposable {
  readonly pids: readonly number[]
  /** Resolves with the Unix time in ms when `mark` messages are done. */
  reached(mark: number): Promise<number>
  /** Records that were sent to PostgreSQL so far; undefined where they are not counted. */
  offered(): Promise<number | undefined>
  /** Stops it gracefully. @throws Error where a process exits with an error */
  stop(): Promise<void>
}

/** The variables that point it at its services. */
function environmentOf(
  { cache, flushIntervalMs, flowControl }: Configuration,
  { database, redis }: BenchServices,
  emulatorHost: string,
): Record<string, string> {
  return {
    PUBSUB_EMULATOR_HOST: emulatorHost,
    INGESTER_PROJECTID: projectId,
    INGESTER_HTTP_PORT: '0',
    INGESTER_LOG_OUTPUT: 'json',
    INGESTER_FLUSH_INTERVAL: `${flushIntervalMs}ms`,
    INGESTER_POSTGRES_HOST: database.host,
    INGESTER_POSTGRES_PORT: String(database.port),
    INGESTER_POSTGRES_USER: database.user,
    INGESTER_POSTGRES_PASSWORD: reveal(database.password),
    INGESTER_POSTGRES_DB: database.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    INGESTER_REDIS_ADDR: redis.address,
    INGESTER_REDIS_PASSWORD: redis.password ?? '',
    INGESTER_REDIS_ENABLED: String(cache !== 'off'),
    INGESTER_REDIS_CLAIMS: String(cache === 'on'),
    METADATA_SERVER_DETECTION: 'none',
    BASELINE_FLOW_CONTROL: flowControl ?? 'default',
    // As `bin/ingester` sets it.
    NODE_COMPILE_CACHE: `${projectDir}/node_modules/.cache/compiled`,
  }
}

/** Starts its processes; they begin at once. */
export function startSystem(
  configuration: Configuration,
  services: BenchServices,
  broker: Broker,
  more: Readonly<Record<string, string>> = {},
): SystemUnderTest {
  const env = { ...environmentOf(configuration, services, broker.emulatorHost), ...more }
  const isBaseline = configuration.system === 'baseline'
  const start = () =>
    isBaseline
      ? startProgram(process.execPath, ['bench/baseline.ts'], { env })
      : startIngesterProgram(['run', ...pipelineOf(configuration)], { env })
  const programs = Array.from({ length: configuration.processes }, start)
  let stopping = false
  const endedEarly = Promise.race(
    programs.map(async (program) => {
      const end = await program.ended
      if (!stopping)
        throw new Error(`${configuration.system} ended (${end}):\n${program.stderr().slice(-2000)}`)
      return Number.NaN
    }),
  )
  endedEarly.catch(() => {})
  return {
    pids: programs.map(({ pid }) => pid),
    reached: (mark) => Promise.race([broker.reached(mark), endedEarly]),
    offered: async () => (isBaseline ? undefined : offeredBy(programs)),
    stop: async () => {
      stopping = true
      await Promise.all(programs.map(stopProgram))
    },
    [Symbol.asyncDispose]: async () => {
      stopping = true
      await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()))
    },
  }
}

function pipelineOf({ pipeline }: Configuration): string[] {
  return pipeline === undefined ? [] : ['--pipeline', pipeline]
}

async function offeredBy(programs: readonly Program[]): Promise<number> {
  const offered = await Promise.all(
    programs.map(async (program) => {
      const [, url = ''] = await program.said(/"admin":"(http[^"]+)"/)
      return metric(url, 'ingester_batch_records_sum')
    }),
  )
  return offered.reduce((sum, one) => sum + one, 0)
}

async function stopProgram(program: Program): Promise<void> {
  program.signal('SIGTERM')
  const limit = setTimeout(() => program.signal('SIGKILL'), stopLimitMs)
  const end = await program.ended
  clearTimeout(limit)
  if (end !== 0) throw new Error(`the stop ended with ${end}:\n${program.stderr().slice(-2000)}`)
}

/** Resolves when it is loaded and begins. @param limitMs how long a writer may make no progress */
export async function startPostgresAlone(
  { workload }: Configuration,
  { database }: BenchServices,
  limitMs = stalledMs,
): Promise<SystemUnderTest> {
  const options: AloneOptions = { postgres: database, workload, lanes: availableParallelism(), batchSize }
  const child = fork(
    fileURLToPath(new URL('./postgres-alone.ts', import.meta.url)),
    [JSON.stringify(options)],
    {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  )
  const ended = once(child, 'exit')
  killWithParent(child.pid as number, ended)
  const loaded = Promise.withResolvers<void>()
  const progress = new Progress(
    [workload.warmUp, workload.messages],
    () => `the writer wrote nothing for ${limitMs / 1000} s`,
    limitMs,
  )
  child.on('message', (message: FromAlone) => {
    if (message.kind === 'loaded') loaded.resolve()
    if (message.kind === 'wrote') progress.moved()
    if (message.kind === 'reached') progress.reach(message.mark, message.unixMs)
  })
  child.once('exit', (code, signal) =>
    progress.fail(new Error(`the writer's process has ended: ${code ?? signal}`)),
  )
  const dispose = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended
  }
  try {
    await progress.within(loaded.promise)
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    pids: [child.pid as number],
    reached: (mark) => progress.reached(mark),
    offered: async () => undefined,
    stop: dispose,
    [Symbol.asyncDispose]: dispose,
  }
}
