import type { Bench, Configuration } from './configuration.ts'

/** One run to be made. */
export interface Turn {
  readonly bench: Bench
  readonly configuration: Configuration
  /** From 1. */
  readonly round: number
}

/**
 * Bench after bench; within one the configurations take turns, beginning with another one in each round, so that what
 * else the machine does, and what a run leaves behind, strikes all of them alike.
 */
export function scheduleOf(benches: readonly Bench[], runs: number): Turn[] {
  return benches.flatMap((bench) =>
    Array.from({ length: runs }, (_, at) =>
      rotated(bench.configurations, at)
        .filter(({ mostRuns = runs }) => at < mostRuns)
        .map((configuration) => ({ bench, configuration, round: at + 1 })),
    ).flat(),
  )
}

function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const at = by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}

/** How long all that is still to come takes, in seconds: as what has been measured of it, or as was guessed. */
export class Eta {
  readonly #seconds = new Map<Configuration, number[]>()

  took({ configuration }: Turn, seconds: number): void {
    this.#seconds.set(configuration, [...(this.#seconds.get(configuration) ?? []), seconds])
  }

  of(turns: readonly Turn[]): number {
    return turns.reduce((sum, { configuration }) => sum + this.#one(configuration), 0)
  }

  #one(configuration: Configuration): number {
    const known = this.#seconds.get(configuration)
    if (!known) return configuration.guessSeconds * this.#pace()
    return known.reduce((sum, one) => sum + one, 0) / known.length
  }

  /** How the guesses have turned out so far. */
  #pace(): number {
    let [took, guessed] = [0, 0]
    for (const [{ guessSeconds }, seconds] of this.#seconds) {
      took += seconds.reduce((sum, one) => sum + one, 0)
      guessed += guessSeconds * seconds.length
    }
    return guessed > 0 ? took / guessed : 1
  }
}
