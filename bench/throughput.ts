// A backlog, from the first message after the warm-up until the last one is acked; read from outside.
import type pg from 'pg'
import type { Configuration, Run } from './configuration.ts'
import type { ResourceSample } from './resource-sample.ts'
import { MemoryWatch, costsBetween, megabyte } from './resource-sample.ts'
import { marksOf, setUpRun } from './run-fixture.ts'
import { medianOf } from './statistics.ts'
import type { BenchServices } from './bench-services.ts'

const sampleEveryMs = 200
/** CPU-seconds per million below which PostgreSQL has done nothing for these messages. */
const leastPostgresCpu = 0.5

export async function measureThroughput(configuration: Configuration, services: BenchServices): Promise<Run> {
  const { workload } = configuration
  const marks = marksOf(configuration)
  await using fixture = await setUpRun(configuration, services, marks)
  const { system, sql, broker } = fixture
  using memory = new MemoryWatch(system.pids, sampleEveryMs)
  const samples: ResourceSample[] = []
  for (const mark of marks) samples.push(await fixture.sampleAt(mark))
  const peak = memory.peak
  const steady = medianOf(memory.samples.slice(memory.samples.length / 2).map(({ bytes }) => bytes))
  const offered = await system.offered()
  await system.stop()

  const touched = await rowsTouched(sql)
  await fixture.checkTable()
  const [first, last] = [samples.at(0), samples.at(-1)] as [ResourceSample, ResourceSample]
  const costs = costsBetween(first, last)
  const isStale = workload.kind === 'stale'
  // The warm-up's keys are all new: what is stale must touch nothing, and the cache should spare PostgreSQL all of it.
  const before = isStale ? workload.warmUp : 0
  const measured = workload.messages - before
  return {
    figures: {
      ...costs,
      ...(broker && costs.postgresCpu > leastPostgresCpu
        ? { shareOfPostgres: costs.ownCpu / costs.postgresCpu }
        : {}),
      ...(broker ? { peakMegabytes: peak / megabyte, steadyMegabytes: steady / megabyte } : {}),
      ...(offered === undefined ? {} : { sparedPercent: 100 * (1 - (offered - before) / measured) }),
      rowsPerMessage: (touched - before) / measured,
      ...(isStale ? { rowsTouchedByStale: touched - before } : {}),
    },
    series: samples.slice(1).map((sample, i) => ({
      messages: sample.messages,
      ...costsBetween(samples[i] as ResourceSample, sample),
    })),
  }
}

/** Inserted and updated, as PostgreSQL counts it; call it when the system's connections are closed. */
async function rowsTouched(sql: pg.Client): Promise<number> {
  const alone = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`
  // A backend reports what it did when it ends.
  while ((await sql.query(alone)).rowCount !== 0) await new Promise((resolve) => setTimeout(resolve, 20))
  const { rows } = await sql.query(
    `SELECT (n_tup_ins + n_tup_upd)::float8 AS rows FROM pg_stat_user_tables WHERE relname = 'scan_results'`,
  )
  return rows[0].rows
}
