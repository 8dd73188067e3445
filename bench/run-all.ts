import type { Configuration, Measure, Run } from './configuration.ts'
import { measureLatency } from './latency.ts'
import type { Measured } from './results.ts'
import type { Turn } from './schedule.ts'
import { Eta } from './schedule.ts'
import { measureMemory, measureStart } from './start-and-memory.ts'
import type { BenchServices } from './bench-services.ts'
import { measureThroughput } from './throughput.ts'

const measures: Readonly<
  Record<Measure, (configuration: Configuration, where: BenchServices) => Promise<Run>>
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
  ended(turn: Turn, run: Run, soFar: Measured): void
  /** A process ended, progress stopped, or the table is wrong: the other runs are made all the same. */
  failed(turn: Turn, error: Error): void
}

/** Measures turn by turn. @throws what `signal` aborts with */
export async function runAll(
  turns: readonly Turn[],
  services: BenchServices,
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
    // An abandoned run goes on until this process exits.
    const outcome = await Promise.race([one(turn, services), aborted.promise])
    eta.took(turn, (performance.now() - began) / 1000)
    if (outcome instanceof Error) listener.failed(turn, outcome)
    else {
      measured.set(turn.configuration, [...(measured.get(turn.configuration) ?? []), outcome])
      listener.ended(turn, outcome, measured)
    }
    const { tableRows, responseBytes } = turn.configuration.workload
    const isNeeded = turns
      .slice(at + 1)
      .some(({ configuration }) => configuration.workload.tableRows === tableRows)
    if (tableRows > largeTable && !isNeeded) await services.forget(tableRows, responseBytes)
  }
  return measured
}

async function one({ bench, configuration }: Turn, services: BenchServices): Promise<Run | Error> {
  try {
    return await measures[bench.measure](configuration, services)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
