// One message at a time, at a rate: from its publishing until its row is visible. That moment lies between two that are
// known exactly, on the one clock of this machine: PostgreSQL's timestamp of the commit, which it takes just before it
// flushes the WAL, and the arrival of the ack at the broker, which the ingester sends after the commit.
import type pg from 'pg'
import type { Published } from './broker.ts'
import type { Configuration, Run } from './configuration.ts'
import { costsBetween } from './reading.ts'
import { marksOf, setStage } from './stage.ts'
import { quantileOf } from './statistics.ts'
import type { Surroundings } from './surroundings.ts'
import { keyIn } from './workload.ts'

const shares = { P50: 0.5, P99: 0.99, P999: 0.999 }

export async function measureLatency(configuration: Configuration, surroundings: Surroundings): Promise<Run> {
  const { workload } = configuration
  await using stage = await setStage(configuration, surroundings, marksOf(configuration))
  const { sql, broker, contestants } = stage
  if (!broker) throw new Error('latency needs a broker')
  const first = await stage.readAt(workload.warmUp)
  const last = await stage.readAt(workload.messages)
  const published = await broker.published()
  await contestants.stop()
  await stage.checkTable()

  const committed = await commitTimes(sql, workload.messages)
  const { seconds, messagesPerSecond, contestantCpu, postgresCpu, brokerCpu } = costsBetween(first, last)
  return {
    figures: {
      seconds,
      messagesPerSecond,
      contestantCpu,
      postgresCpu,
      brokerCpu,
      ...quantiles('commit', latenciesOf(published, committed, workload.warmUp)),
      ...quantiles('acked', latenciesOf(published, published.ackedMs, workload.warmUp)),
    },
    series: [],
  }
}

/** Of each message, in Unix ms: each has a key of its own. */
async function commitTimes(sql: pg.Client, messages: number): Promise<Float64Array> {
  const { rows } = await sql.query<[string, number]>({
    text: `SELECT left(response, 12), extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 * 1000 FROM scan_results`,
    rowMode: 'array',
  })
  const times = new Float64Array(messages)
  for (const [response, unixMs] of rows) times[keyIn(response)] = unixMs
  return times
}

/** In ms, ascending; the warm-up's left out. */
function latenciesOf({ publishedMs }: Published, doneMs: Float64Array, warmUp: number): Float64Array {
  return doneMs
    .subarray(warmUp)
    .map((done, i) => done - (publishedMs[warmUp + i] as number))
    .sort()
}

function quantiles(name: string, sorted: Float64Array): Record<string, number> {
  return Object.fromEntries(
    Object.entries(shares).map(([suffix, share]) => [`${name}${suffix}`, quantileOf(sorted, share)]),
  )
}
