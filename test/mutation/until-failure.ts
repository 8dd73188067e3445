// Runs schedules of the simulation from a seed on, until one breaks a promise or all were run:
// `node until-failure.ts <seed> <count>`. A line of JSON from time to time says how far it is.
import { runSeeds } from '../simulation/run-seeds.ts'
import { drawPlan } from '../simulation/draw-plan.ts'
import { simulate } from '../simulation/simulate.ts'

/** What is known so far. */
export interface Verdict {
  readonly schedules: number
  readonly breach?: string
}

const [seed = 0, count = 0] = process.argv.slice(2).map(Number)
const tell = (verdict: Verdict) => process.stdout.write(`${JSON.stringify(verdict)}\n`)

const { failedSeed, hangs } = await runSeeds(seed, count, ({ schedules }) => tell({ schedules }))
if (failedSeed !== undefined) {
  const breach = hangs ? 'a schedule does not end' : (await simulate(drawPlan(failedSeed))).breaches[0]
  tell({ schedules: failedSeed - seed + 1, breach: breach ?? 'a schedule failed, and not again' })
}
