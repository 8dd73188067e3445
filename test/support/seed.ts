import type { RunDetails } from 'fast-check'
import fc from 'fast-check'
import type { TestContext } from 'vitest'

/** Of every random test in this run: TEST_SEED where it is set, else a new one. */
export const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** How many times as many inputs as usual: a night has time for more. */
const effort = Number(process.env['TEST_EFFORT'] ?? 1)

const again = `found again by TEST_SEED=${seed}`

/** Holds for every input that fast-check thinks of; a counterexample comes with the seed that finds it again. */
export function always<Ts>(property: fc.IRawProperty<Ts, false>, runs = 200): void {
  judge(fc.check(property, { seed, numRuns: runs * effort }))
}

/**
 * As {@link always}, of a property that is asynchronous.
 *
 * @param endOnFailure a counterexample is not made smaller: for runs that take seconds
 */
export async function alwaysAsync<Ts>(
  property: fc.IRawProperty<Ts, true>,
  runs = 200,
  endOnFailure = false,
): Promise<void> {
  judge(await fc.check(property, { seed, numRuns: runs * effort, endOnFailure }))
}

function judge<Ts>(outcome: RunDetails<Ts>): void {
  if (!outcome.failed) return
  throw new Error(`${fc.defaultReportMessage(outcome)}\n${again}`, { cause: outcome.errorInstance })
}

/** The seed, for a test that gives it to what it runs; a failure of the test shows it. */
export function showSeed(t: TestContext): number {
  void t.annotate(`TEST_SEED=${seed}`)
  return seed
}

/** Runs a test that draws numbers of its own from the seed; its failure names it. */
export function withSeed(body: (seed: number) => void): void {
  try {
    body(seed)
  } catch (error) {
    throw new Error(again, { cause: error })
  }
}
