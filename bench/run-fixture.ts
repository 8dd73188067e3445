// What a run takes place on: a fresh table, a broker, and the system under test, started in this order and stopped in
// reverse.
import type pg from 'pg'
import type { Broker } from './broker.ts'
import { startBroker } from './broker.ts'
import type { Configuration } from './configuration.ts'
import type { SystemUnderTest } from './system-under-test.ts'
import { startPostgresAlone, startSystem } from './system-under-test.ts'
import type { Checksum } from './expected-table.ts'
import { checkTable, expectedChecksum } from './expected-table.ts'
import type { ResourceSample } from './resource-sample.ts'
import { takeSample } from './resource-sample.ts'
import type { BenchServices } from './bench-services.ts'
import type { Workload } from './workload.ts'

export class RunFixture implements AsyncDisposable {
  /** A connection to the database of the run. */
  readonly sql: pg.Client
  /** Undefined for PostgreSQL alone. */
  readonly broker: Broker | undefined
  readonly system: SystemUnderTest
  /** When it was started, in Unix ms. */
  readonly startedMs: number
  readonly #workload: Workload
  readonly #services: BenchServices
  readonly #resources: AsyncDisposableStack

  /** Only {@link setUpRun} calls it. */
  constructor(
    parts: Pick<RunFixture, 'sql' | 'broker' | 'system' | 'startedMs'>,
    workload: Workload,
    services: BenchServices,
    resources: AsyncDisposableStack,
  ) {
    this.sql = parts.sql
    this.broker = parts.broker
    this.system = parts.system
    this.startedMs = parts.startedMs
    this.#workload = workload
    this.#services = services
    this.#resources = resources
  }

  /** Resolves when `mark` messages are done, with the resources used by then. */
  async sampleAt(mark: number): Promise<ResourceSample> {
    const { sql, broker, system } = this
    const unixMs = await system.reached(mark)
    return takeSample({ sql, broker, services: this.#services, pids: system.pids }, mark, unixMs)
  }

  /** Call it when the system is stopped. @throws Error where the table is not what the messages make of it */
  async checkTable(): Promise<void> {
    await checkTable(this.sql, await expected(this.#workload))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }
}

/** @param more environment variables for the system under test */
export async function setUpRun(
  configuration: Configuration,
  services: BenchServices,
  marks: readonly number[],
  more: Readonly<Record<string, string>> = {},
): Promise<RunFixture> {
  const { workload } = configuration
  await services.fresh(workload.tableRows, workload.responseBytes)
  await using resources = new AsyncDisposableStack()
  const sql = await services.connect()
  resources.defer(() => sql.end())
  const isAlone = configuration.system === 'PostgreSQL alone'
  const broker = isAlone ? undefined : resources.use(await startBroker(brokerFor(configuration, marks)))
  const startedMs = performance.timeOrigin + performance.now()
  const system = resources.use(
    broker
      ? startSystem(configuration, services, broker, more)
      : await startPostgresAlone(configuration, services),
  )
  if (configuration.publishPerSecond) broker?.publish()
  return new RunFixture({ sql, broker, system, startedMs }, workload, services, resources.move())
}

function brokerFor(
  { broker, workload, publishPerSecond, asItGoes }: Configuration,
  marks: readonly number[],
) {
  return { kind: broker, workload, marks, publishPerSecond, preEncode: asItGoes !== true }
}

/** Numbers of acks at which a sample is taken, ascending. */
export function marksOf({ workload: { warmUp, messages }, sampleEvery }: Configuration): number[] {
  const marks = [warmUp]
  if (sampleEvery) for (let at = warmUp + sampleEvery; at < messages; at += sampleEvery) marks.push(at)
  return [...marks, messages]
}

/** Each run has the same workloads, and going through one takes long. */
const known = new Map<string, Checksum>()

async function expected(workload: Workload): Promise<Checksum> {
  const name = JSON.stringify(workload)
  const checksum = known.get(name) ?? (await expectedChecksum(workload))
  known.set(name, checksum)
  return checksum
}
