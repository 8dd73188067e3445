// One message at a time, at a rate: from its publishing until its row is visible. That moment lies between two that are
// known exactly, on the one clock of this machine: PostgreSQL's timestamp of the commit, which it takes just before it
// flushes the WAL, and the arrival of the ack at the broker, which the ingester sends after the commit.
import type pg from 'pg'
import type { Published } from './broker.ts'
import { startBroker } from './broker.ts'
import type { Configuration, Run } from './configuration.ts'
import { startContestants } from './contestant.ts'
import { checkTable } from './expected-table.ts'
import { costsBetween, read } from './reading.ts'
import { quantileOf } from './statistics.ts'
import type { Surroundings } from './surroundings.ts'
import { expected, marksOf } from './throughput.ts'
import { keyIn } from './workload.ts'

const shares = { P50: 0.5, P99: 0.99, P999: 0.999 }

export async function measureLatency(configuration: Configuration, surroundings: Surroundings): Promise<Run> {
  const { workload, publishPerSecond } = configuration
  await surroundings.fresh(workload.tableRows, workload.responseBytes)
  await using resources = new AsyncDisposableStack()
  const sql = await surroundings.connect()
  resources.defer(() => sql.end())
  const marks = marksOf(configuration)
  const options = { kind: 'emulator', workload, marks, preEncode: false, publishPerSecond } as const
  const broker = resources.use(await startBroker(options))
  const contestants = resources.use(startContestants(configuration, surroundings, broker))
  const watched = { sql, broker, surroundings, pids: contestants.pids }

  broker.publish()
  const first = await read(watched, workload.warmUp, await contestants.reached(workload.warmUp))
  const last = await read(watched, workload.messages, await contestants.reached(workload.messages))
  const published = await broker.published()
  await contestants.stop()
  await checkTable(sql, await expected(workload))

  const committed = await commitTimes(sql, workload.messages)
  const { seconds, messagesPerSecond, contestantCpu, postgresCpu } = costsBetween(first, last)
  return {
    figures: {
      seconds,
      messagesPerSecond,
      contestantCpu,
      postgresCpu,
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
