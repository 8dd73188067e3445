// One message at a time, at a rate: from its publishing until its row is visible. That moment lies between two that are
// known exactly, on the one clock of this machine: PostgreSQL's timestamp of the commit, which it takes just before it
// flushes the WAL, and the arrival of the ack at the broker, which the ingester sends after the commit.
import type pg from 'pg'
import type { Published } from './broker.ts'
import type { Configuration, Run } from './configuration.ts'
import { costsBetween } from './resource-sample.ts'
import { marksOf, setUpRun } from './run-fixture.ts'
import { quantileOf } from './statistics.ts'
import type { BenchServices } from './bench-services.ts'
import { keyFromResponse } from './workload.ts'

const shares = { P50: 0.5, P99: 0.99, P999: 0.999 }

export async function measureLatency(configuration: Configuration, services: BenchServices): Promise<Run> {
  const { workload } = configuration
  await using fixture = await setUpRun(configuration, services, marksOf(configuration))
  const { sql, broker, system } = fixture
  if (!broker) throw new Error('latency needs a broker')
  const first = await fixture.sampleAt(workload.warmUp)
  const last = await fixture.sampleAt(workload.messages)
  const published = await broker.published()
  await system.stop()
  await fixture.checkTable()

  const committed = await commitTimes(sql, workload.messages)
  const { seconds, messagesPerSecond, ownCpu, postgresCpu, brokerCpu } = costsBetween(first, last)
  return {
    figures: {
      seconds,
      messagesPerSecond,
      ownCpu,
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
  for (const [response, unixMs] of rows) times[keyFromResponse(response)] = unixMs
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
