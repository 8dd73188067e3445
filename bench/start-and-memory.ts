import type { Configuration, Run } from './configuration.ts'
import { MemoryWatch, costsBetween, megabyte } from './resource-sample.ts'
import { marksOf, setUpRun } from './run-fixture.ts'
import { medianOf, slopeOf } from './statistics.ts'
import type { BenchServices } from './bench-services.ts'

/** From the start of the process until the broker has the first ack; the second start, when everything is compiled. */
export async function measureStart(configuration: Configuration, services: BenchServices): Promise<Run> {
  await startOnce(configuration, services)
  return { figures: { firstAckSeconds: await startOnce(configuration, services) }, series: [] }
}

/** Returns the seconds to the first ack. */
async function startOnce(configuration: Configuration, services: BenchServices): Promise<number> {
  const { messages } = configuration.workload
  await using fixture = await setUpRun(configuration, services, [1, messages])
  const { system, startedMs } = fixture
  const firstAckMs = await system.reached(1)
  await system.reached(messages)
  await system.stop()
  await fixture.checkTable()
  return (firstAckMs - startedMs) / 1000
}

const sampleEveryMs = 1000
/** Samples per point of the plot. */
const samplesPerPoint = 5

/** A steady rate for a long time: what stays in memory. */
export async function measureMemory(configuration: Configuration, services: BenchServices): Promise<Run> {
  const { workload } = configuration
  await using fixture = await setUpRun(configuration, services, marksOf(configuration))
  const { system } = fixture
  const first = await fixture.sampleAt(workload.warmUp)
  using memory = new MemoryWatch(system.pids, sampleEveryMs)
  const last = await fixture.sampleAt(workload.messages)
  const peak = memory.peak
  await system.stop()
  await fixture.checkTable()

  const { seconds, messagesPerSecond, ownCpu, brokerCpu } = costsBetween(first, last)
  const points = memory.samples.map((sample) => ({ x: sample.seconds / 60, y: sample.bytes / megabyte }))
  return {
    figures: {
      seconds,
      messagesPerSecond,
      ownCpu,
      brokerCpu,
      peakMegabytes: peak / megabyte,
      steadyMegabytes: medianOf(points.slice(points.length / 2).map(({ y }) => y)),
      megabytesPerMinute: slopeOf(points),
    },
    series: points
      .filter((_, i) => i % samplesPerPoint === 0)
      .map(({ x, y }) => ({ minutes: x, residentMegabytes: y })),
  }
}
