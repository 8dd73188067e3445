import type { Configuration, Run } from './configuration.ts'
import { MemoryWatch, costsBetween, megabyte } from './reading.ts'
import { marksOf, setStage } from './stage.ts'
import { medianOf, slopeOf } from './statistics.ts'
import type { Surroundings } from './surroundings.ts'

/** From the start of the process until the broker has the first ack; the second start, when everything is compiled. */
export async function measureStart(configuration: Configuration, surroundings: Surroundings): Promise<Run> {
  await startOnce(configuration, surroundings)
  return { figures: { firstAckSeconds: await startOnce(configuration, surroundings) }, series: [] }
}

/** Returns the seconds to the first ack. */
async function startOnce(configuration: Configuration, surroundings: Surroundings): Promise<number> {
  const { messages } = configuration.workload
  await using stage = await setStage(configuration, surroundings, [1, messages])
  const { contestants, startedMs } = stage
  const firstAckMs = await contestants.reached(1)
  await contestants.reached(messages)
  await contestants.stop()
  await stage.checkTable()
  return (firstAckMs - startedMs) / 1000
}

const sampleEveryMs = 1000
/** So many samples make a point of the plot. */
const samplesAPoint = 5

/** A steady rate for a long time: what stays in memory. */
export async function measureMemory(configuration: Configuration, surroundings: Surroundings): Promise<Run> {
  const { workload } = configuration
  await using stage = await setStage(configuration, surroundings, marksOf(configuration))
  const { contestants } = stage
  const first = await stage.readAt(workload.warmUp)
  using memory = new MemoryWatch(contestants.pids, sampleEveryMs)
  const last = await stage.readAt(workload.messages)
  const peak = memory.peak
  await contestants.stop()
  await stage.checkTable()

  const { seconds, messagesPerSecond, contestantCpu, brokerCpu } = costsBetween(first, last)
  const points = memory.samples.map((sample) => ({ x: sample.seconds / 60, y: sample.bytes / megabyte }))
  return {
    figures: {
      seconds,
      messagesPerSecond,
      contestantCpu,
      brokerCpu,
      peakMegabytes: peak / megabyte,
      steadyMegabytes: medianOf(points.slice(points.length / 2).map(({ y }) => y)),
      megabytesPerMinute: slopeOf(points),
    },
    series: points
      .filter((_, i) => i % samplesAPoint === 0)
      .map(({ x, y }) => ({ minutes: x, residentMegabytes: y })),
  }
}
