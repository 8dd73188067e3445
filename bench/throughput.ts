// A backlog, from the first message after the warm-up until the last one is acked; read from outside.
import type pg from 'pg'
import type { Configuration, Run } from './configuration.ts'
import type { Reading } from './reading.ts'
import { MemoryWatch, costsBetween, megabyte } from './reading.ts'
import { marksOf, setStage } from './stage.ts'
import { medianOf } from './statistics.ts'
import type { Surroundings } from './surroundings.ts'

const sampleEveryMs = 200
/** CPU-seconds per million, below which PostgreSQL has done nothing for these messages. */
const leastPostgresCpu = 0.5

export async function measureThroughput(
  configuration: Configuration,
  surroundings: Surroundings,
): Promise<Run> {
  const { workload } = configuration
  const marks = marksOf(configuration)
  await using stage = await setStage(configuration, surroundings, marks)
  const { contestants, sql, broker } = stage
  using memory = new MemoryWatch(contestants.pids, sampleEveryMs)
  const readings: Reading[] = []
  for (const mark of marks) readings.push(await stage.readAt(mark))
  const peak = memory.peak
  const steady = medianOf(memory.samples.slice(memory.samples.length / 2).map(({ bytes }) => bytes))
  const offered = await contestants.offered()
  await contestants.stop()

  const touched = await rowsTouched(sql)
  await stage.checkTable()
  const [first, last] = [readings.at(0), readings.at(-1)] as [Reading, Reading]
  const costs = costsBetween(first, last)
  const isStale = workload.kind === 'stale'
  // The warm-up's keys are all new: what is stale must touch nothing, and the cache should spare PostgreSQL all of it.
  const before = isStale ? workload.warmUp : 0
  const measured = workload.messages - before
  return {
    figures: {
      ...costs,
      ...(broker && costs.postgresCpu > leastPostgresCpu
        ? { shareOfPostgres: costs.contestantCpu / costs.postgresCpu }
        : {}),
      ...(broker ? { peakMegabytes: peak / megabyte, steadyMegabytes: steady / megabyte } : {}),
      ...(offered === undefined ? {} : { sparedPercent: 100 * (1 - (offered - before) / measured) }),
      rowsPerMessage: (touched - before) / measured,
      ...(isStale ? { rowsTouchedByStale: touched - before } : {}),
    },
    series: readings.slice(1).map((reading, i) => ({
      messages: reading.messages,
      ...costsBetween(readings[i] as Reading, reading),
    })),
  }
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
