// What a run takes place on: a fresh table, a broker, and who is measured, started in this order and ended in the
// opposite one.
import type pg from 'pg'
import type { Broker } from './broker.ts'
import { startBroker } from './broker.ts'
import type { Configuration } from './configuration.ts'
import type { Contestants } from './contestant.ts'
import { startAlone, startContestants } from './contestant.ts'
import type { Checksum } from './expected-table.ts'
import { checkTable, expectedChecksum } from './expected-table.ts'
import type { Reading } from './reading.ts'
import { read } from './reading.ts'
import type { Surroundings } from './surroundings.ts'
import type { Workload } from './workload.ts'

export class Stage implements AsyncDisposable {
  /** A connection to the database of the run. */
  readonly sql: pg.Client
  /** Undefined for PostgreSQL alone. */
  readonly broker: Broker | undefined
  readonly contestants: Contestants
  /** When the contestants were started, in Unix ms. */
  readonly startedMs: number
  readonly #workload: Workload
  readonly #surroundings: Surroundings
  readonly #resources: AsyncDisposableStack

  /** Only {@link setStage} calls it. */
  constructor(
    parts: Pick<Stage, 'sql' | 'broker' | 'contestants' | 'startedMs'>,
    workload: Workload,
    surroundings: Surroundings,
    resources: AsyncDisposableStack,
  ) {
    this.sql = parts.sql
    this.broker = parts.broker
    this.contestants = parts.contestants
    this.startedMs = parts.startedMs
    this.#workload = workload
    this.#surroundings = surroundings
    this.#resources = resources
  }

  /** Resolves when so many messages are done, with what everybody has used by then. */
  async readAt(mark: number): Promise<Reading> {
    const { sql, broker, contestants } = this
    const unixMs = await contestants.reached(mark)
    return read({ sql, broker, surroundings: this.#surroundings, pids: contestants.pids }, mark, unixMs)
  }

  /** @throws Error where the table is not what the messages make of it; to be called when the contestants are stopped */
  async checkTable(): Promise<void> {
    await checkTable(this.sql, await expected(this.#workload))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }
}

/** @param more environment for the contestants */
export async function setStage(
  configuration: Configuration,
  surroundings: Surroundings,
  marks: readonly number[],
  more: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const { workload, contestant } = configuration
  await surroundings.fresh(workload.tableRows, workload.responseBytes)
  await using resources = new AsyncDisposableStack()
  const sql = await surroundings.connect()
  resources.defer(() => sql.end())
  const isAlone = contestant === 'PostgreSQL alone'
  const broker = isAlone ? undefined : resources.use(await startBroker(brokerFor(configuration, marks)))
  const startedMs = performance.timeOrigin + performance.now()
  const contestants = resources.use(
    broker
      ? startContestants(configuration, surroundings, broker, more)
      : await startAlone(configuration, surroundings),
  )
  if (configuration.publishPerSecond) broker?.publish()
  return new Stage({ sql, broker, contestants, startedMs }, workload, surroundings, resources.move())
}

function brokerFor(
  { broker, workload, publishPerSecond, asItGoes }: Configuration,
  marks: readonly number[],
) {
  return { kind: broker, workload, marks, publishPerSecond, preEncode: asItGoes !== true }
}

/** Acks at which is read, in order. */
export function marksOf({ workload: { warmUp, messages }, readEvery }: Configuration): number[] {
  const marks = [warmUp]
  if (readEvery) for (let at = warmUp + readEvery; at < messages; at += readEvery) marks.push(at)
  return [...marks, messages]
}

/** The same workload comes in each run, and takes long to go through. */
const known = new Map<string, Checksum>()

async function expected(workload: Workload): Promise<Checksum> {
  const name = JSON.stringify(workload)
  const checksum = known.get(name) ?? (await expectedChecksum(workload))
  known.set(name, checksum)
  return checksum
}
