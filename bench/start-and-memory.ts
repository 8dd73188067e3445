import { startBroker } from './broker.ts'
import type { Configuration, Run } from './configuration.ts'
import { startContestants } from './contestant.ts'
import { checkTable } from './expected-table.ts'
import { MemoryWatch, costsBetween, read } from './reading.ts'
import { medianOf, slopeOf } from './statistics.ts'
import type { Surroundings } from './surroundings.ts'
import { expected, marksOf } from './throughput.ts'

const megabyte = 1e6

/** From the start of the process until the broker has the first ack. */
export async function measureStart(configuration: Configuration, surroundings: Surroundings): Promise<Run> {
  const { workload } = configuration
  await surroundings.fresh(workload.tableRows, workload.responseBytes)
  await using resources = new AsyncDisposableStack()
  const sql = await surroundings.connect()
  resources.defer(() => sql.end())
  const marks = [1, workload.messages]
  const options = {
    kind: configuration.broker,
    workload,
    marks,
    preEncode: true,
    publishPerSecond: undefined,
  }
  const broker = resources.use(await startBroker(options))

  const startedMs = performance.timeOrigin + performance.now()
  const contestants = resources.use(startContestants(configuration, surroundings, broker))
  const firstAckMs = await contestants.reached(1)
  await contestants.reached(workload.messages)
  await contestants.stop()
  await checkTable(sql, await expected(workload))
  return { figures: { firstAckSeconds: (firstAckMs - startedMs) / 1000 }, series: [] }
}

const sampleEveryMs = 1000
/** So many samples make a point of the plot. */
const samplesAPoint = 5

/** A steady rate for a long time: what stays in memory. */
export async function measureMemory(configuration: Configuration, surroundings: Surroundings): Promise<Run> {
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
  using memory = new MemoryWatch(contestants.pids, sampleEveryMs)
  const last = await read(watched, workload.messages, await contestants.reached(workload.messages))
  const peak = memory.peak
  await contestants.stop()
  await checkTable(sql, await expected(workload))

  const { seconds, messagesPerSecond, contestantCpu } = costsBetween(first, last)
  const points = memory.samples.map((sample) => ({ x: sample.seconds / 60, y: sample.bytes / megabyte }))
  return {
    figures: {
      seconds,
      messagesPerSecond,
      contestantCpu,
      peakMegabytes: peak / megabyte,
      steadyMegabytes: medianOf(points.slice(points.length / 2).map(({ y }) => y)),
      megabytesPerMinute: slopeOf(points),
    },
    series: points
      .filter((_, i) => i % samplesAPoint === 0)
      .map(({ x, y }) => ({ minutes: x, residentMegabytes: y })),
  }
}
