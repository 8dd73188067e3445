// A backlog, from the first message after the warm-up until the last one is acked; read from outside.
import type pg from 'pg'
import type { Broker } from './broker.ts'
import { startBroker } from './broker.ts'
import type { Configuration, Run } from './configuration.ts'
import type { Contestants } from './contestant.ts'
import { startAlone, startContestants } from './contestant.ts'
import type { Checksum } from './expected-table.ts'
import { checkTable, expectedChecksum } from './expected-table.ts'
import type { Reading } from './reading.ts'
import { MemoryWatch, costsBetween, read } from './reading.ts'
import { medianOf } from './statistics.ts'
import type { Surroundings } from './surroundings.ts'
import type { Workload } from './workload.ts'

const megabyte = 1e6
const sampleEveryMs = 200

export async function measureThroughput(
  configuration: Configuration,
  surroundings: Surroundings,
): Promise<Run> {
  const { workload, contestant } = configuration
  await surroundings.fresh(workload.tableRows, workload.responseBytes)
  await using resources = new AsyncDisposableStack()
  const sql = await surroundings.connect()
  resources.defer(() => sql.end())

  if (contestant === 'PostgreSQL alone') {
    const alone = resources.use(await startAlone(configuration, surroundings))
    alone.begin()
    return await watch(configuration, surroundings, { sql, broker: undefined, contestants: alone })
  }
  const broker = resources.use(
    await startBroker({
      kind: configuration.broker,
      workload,
      marks: marksOf(configuration),
      preEncode: configuration.asItGoes !== true,
      publishPerSecond: undefined,
    }),
  )
  const contestants = resources.use(startContestants(configuration, surroundings, broker))
  return await watch(configuration, surroundings, { sql, broker, contestants })
}

interface Parts {
  readonly sql: pg.Client
  readonly broker: Broker | undefined
  readonly contestants: Contestants
}

async function watch(configuration: Configuration, surroundings: Surroundings, parts: Parts): Promise<Run> {
  const { workload } = configuration
  const { sql, contestants } = parts
  const watched = { ...parts, surroundings, pids: contestants.pids }
  using memory = new MemoryWatch(contestants.pids, sampleEveryMs)
  const readings: Reading[] = []
  for (const mark of marksOf(configuration)) {
    readings.push(await read(watched, mark, await contestants.reached(mark)))
  }
  const peak = memory.peak
  const steady = medianOf(memory.samples.slice(memory.samples.length / 2).map(({ bytes }) => bytes))
  const spared = await contestants.spared()
  await contestants.stop()

  const touched = await rowsTouched(sql)
  await checkTable(sql, await expected(workload))
  const [first, last] = [readings.at(0), readings.at(-1)] as [Reading, Reading]
  const costs = costsBetween(first, last)
  return {
    figures: {
      ...costs,
      ...(parts.broker ? { shareOfPostgres: costs.contestantCpu / costs.postgresCpu } : {}),
      ...(parts.broker ? { peakMegabytes: peak / megabyte, steadyMegabytes: steady / megabyte } : {}),
      ...(spared === undefined ? {} : { sparedPercent: spared }),
      rowsPerMessage: touched / workload.messages,
      // What is stale touches nothing; the warm-up inserts each key once.
      ...(workload.kind === 'stale' ? { rowsTouchedByStale: touched - workload.warmUp } : {}),
    },
    series: readings.slice(1).map((reading, i) => ({
      messages: reading.messages,
      ...costsBetween(readings[i] as Reading, reading),
    })),
  }
}

/** Acks at which is read, in order. */
export function marksOf({ workload: { warmUp, messages }, readEvery }: Configuration): number[] {
  const marks = [warmUp]
  if (readEvery) for (let at = warmUp + readEvery; at < messages; at += readEvery) marks.push(at)
  return [...marks, messages]
}

/** Inserted and updated, as PostgreSQL counts it; to be asked when the contestants' connections are closed. */
async function rowsTouched(sql: pg.Client): Promise<number> {
  const alone = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`
  // A backend reports what it did when it ends.
  while ((await sql.query(alone)).rowCount !== 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const { rows } = await sql.query(
    `SELECT (n_tup_ins + n_tup_upd)::float8 AS rows FROM pg_stat_user_tables WHERE relname = 'scan_results'`,
  )
  return rows[0].rows
}

/** The same workload comes in each run, and takes long to go through. */
const known = new Map<string, Checksum>()

export async function expected(workload: Workload): Promise<Checksum> {
  const name = JSON.stringify(workload)
  const checksum = known.get(name) ?? (await expectedChecksum(workload))
  known.set(name, checksum)
  return checksum
}
