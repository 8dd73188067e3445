// `make simulate`: as many schedules as one likes, on all processors. RUNS and SEED say how many and from which seed;
// --json prints one object, --write puts the table into docs/RELIABILITY.md. Exit 4: a promise was broken.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { terminalType } from '../../cmd/ingester/screen.ts'
import { TerminalOutput } from '../../cmd/ingester/terminal-output.ts'
import { withTable } from '../support/table-in-docs.ts'
import { runSeeds } from './run-seeds.ts'
import { drawPlan } from './draw-plan.ts'
import { replayOf, tellFailure } from './failure.ts'
import { simulate } from './simulate.ts'
import type { Totals } from './totals.ts'
import { enoughForEveryKind, markdownOf, missingKinds, reportOf, rowsOf } from './totals.ts'

const checkFailed = 4

const options = parseOptions()
const docs = new URL('../../docs/RELIABILITY.md', import.meta.url)

const began = performance.now()
const output = new TerminalOutput(process.stderr, terminalType())
const { totals, failedSeed, hangs } = await runSeeds(options.seed, options.runs, showProgress)
output[Symbol.dispose]()

if (failedSeed !== undefined) {
  process.exitCode = checkFailed
  if (hangs) console.error(`Seed ${failedSeed} does not end; again by: ${replayOf(failedSeed)}`)
  else console.error(await tellFailure(failedSeed))
} else if (options.runs >= enoughForEveryKind && missingKinds(totals).length > 0) {
  process.exitCode = checkFailed
  console.error(`Never happened, so nothing is proven of it: ${missingKinds(totals).join(', ')}.`)
} else if (options.runs === 1) {
  const { story } = await simulate(drawPlan(options.seed), true)
  console.error(story.join('\n'))
}
report()

function report(): void {
  const made = reportOf(totals, options.seed, (performance.now() - began) / 1000)
  // What was broken is to stand last on the screen.
  if (failedSeed !== undefined && !options.json) return
  if (options.json) console.log(JSON.stringify({ ...made, failedSeed: failedSeed ?? null }))
  else {
    const rows = rowsOf(made)
    const width = Math.max(...rows.map(([what]) => what.length))
    console.log(rows.map(([what, much]) => `${what.padEnd(width)}  ${much}`).join('\n'))
  }
  if (options.write && process.exitCode === undefined) {
    writeFileSync(docs, withTable(readFileSync(docs, 'utf8'), 'simulation', markdownOf(made)))
  }
}

function showProgress({ schedules }: Totals): void {
  const seconds = (performance.now() - began) / 1000
  const perMinute = Math.round((schedules / seconds) * 60)
  const left = Math.round(((options.runs - schedules) / schedules) * seconds)
  output.progress(() => `${schedules} of ${options.runs} schedules, ${perMinute} a minute, ${left} s to go`)
}

function parseOptions() {
  try {
    const { values } = parseArgs({ options: { json: { type: 'boolean' }, write: { type: 'boolean' } } })
    const runs = numberIn('RUNS') ?? 10_000
    const seed = numberIn('SEED') ?? Math.floor(Math.random() * 2 ** 30)
    if (runs < 1) throw new Error('RUNS=0 proves nothing: run at least one.')
    if (seed + runs > 2 ** 31)
      throw new Error(`SEED=${seed} leaves no room for ${runs} runs: seeds end at 2^31.`)
    if (values.write && runs < enoughForEveryKind) {
      throw new Error(`--write is for at least ${enoughForEveryKind} runs, in which everything has happened.`)
    }
    return { runs, seed, ...values }
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}

function numberIn(name: string): number | undefined {
  const given = process.env[name] ?? ''
  if (given === '') return undefined
  if (/^\d+$/.test(given) && Number(given) < 2 ** 31) return Number(given)
  throw new Error(`${name}=${given} is not a whole number below 2^31.`)
}
