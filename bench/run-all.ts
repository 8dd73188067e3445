import type { Configuration, Measure, Run } from './configuration.ts'
import { measureLatency } from './latency.ts'
import type { Measured } from './results.ts'
import type { Turn } from './schedule.ts'
import { Eta } from './schedule.ts'
import { measureMemory, measureStart } from './start-and-memory.ts'
import type { Surroundings } from './surroundings.ts'
import { measureThroughput } from './throughput.ts'

const measures: Readonly<
  Record<Measure, (configuration: Configuration, where: Surroundings) => Promise<Run>>
> = {
  throughput: measureThroughput,
  latency: measureLatency,
  start: measureStart,
  memory: measureMemory,
}

/** Tables beyond this are not kept for the next configuration. */
const largeTable = 2_000_000

export interface Listener {
  /** @param secondsLeft with this one */
  begins(turn: Turn, secondsLeft: number): void
  ended(turn: Turn, run: Run): void
}

/** Measures turn by turn. @throws what `signal` aborts with; Error where a run fails or its table is wrong */
export async function runAll(
  turns: readonly Turn[],
  surroundings: Surroundings,
  listener: Listener,
  signal: AbortSignal,
): Promise<Measured> {
  const measured = new Map<Configuration, Run[]>()
  const eta = new Eta()
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => {})
  signal.addEventListener('abort', () => aborted.reject(signal.reason))
  for (const [at, turn] of turns.entries()) {
    signal.throwIfAborted()
    listener.begins(turn, eta.of(turns.slice(at)))
    const began = performance.now()
    // A run that is given up goes on until whoever stops everything ends this process.
    const run = await Promise.race([one(turn, surroundings), aborted.promise])
    eta.took(turn, (performance.now() - began) / 1000)
    measured.set(turn.configuration, [...(measured.get(turn.configuration) ?? []), run])
    listener.ended(turn, run)
    const { tableRows, responseBytes } = turn.configuration.workload
    const isNeeded = turns
      .slice(at + 1)
      .some(({ configuration }) => configuration.workload.tableRows === tableRows)
    if (tableRows > largeTable && !isNeeded) await surroundings.forget(tableRows, responseBytes)
  }
  return measured
}

async function one({ bench, configuration, round }: Turn, surroundings: Surroundings): Promise<Run> {
  try {
    return await measures[bench.measure](configuration, surroundings)
  } catch (error) {
    throw new Error(`${bench.name}, ${configuration.name}, run ${round}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
