// `make mutate`: applies each mutation to a copy of the project, and lets the suites that draw their own cases
// look for it. SEED says where they begin; --only applies the mutations whose name contains a text; --seconds is what
// each suite has for each of them; --json prints one object; --write puts the table, whatever it says, into
// docs/RELIABILITY.md. Exit 4: one was not caught.
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { terminalType } from '../../cmd/ingester/screen.ts'
import { TerminalOutput } from '../../cmd/ingester/terminal-output.ts'
import { withTable } from '../support/table-in-docs.ts'
import type { MutationResult } from './run-mutation.ts'
import { runMutation } from './run-mutation.ts'
import type { Mutation } from './mutation.ts'
import { mutations } from './mutations.ts'
import { markdownOf, plainOf } from './table.ts'

const checkFailed = 4

const { options, seed, seconds, chosen } = parseOptions()
const docs = new URL('../../docs/RELIABILITY.md', import.meta.url)
/** For each suite that looks for a mutation. */
const budget = { schedules: 10_000, seconds }

// What is begun is ended and removed on the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const began = performance.now()
const results: MutationResult[] = []
using output = new TerminalOutput(process.stderr, terminalType())
for (const mutation of chosen) {
  const result = await runMutation(mutation, seed, budget, (suite) => showProgress(mutation, suite))
  results.push(result)
  output.say(
    `${result.caughtBy === undefined ? 'NOT CAUGHT' : 'caught'}: ${mutation.name} (${result.took}, ${result.seconds} s)`,
  )
}
output[Symbol.dispose]()
report()
if (results.some(({ caughtBy }) => caughtBy === undefined)) process.exitCode = checkFailed

function report(): void {
  const took = Math.round((performance.now() - began) / 1000)
  const circumstances = { seed, seconds: took, processors: availableParallelism(), load: loadavg()[1] ?? 0 }
  if (options.json) {
    const caught = results.map(({ mutation, caughtBy, took, said, seconds: each }) => ({
      name: mutation.name,
      wouldDo: mutation.wouldDo,
      caughtBy: caughtBy ?? null,
      took,
      said,
      seconds: each,
    }))
    console.log(JSON.stringify({ ...circumstances, mutations: caught }))
  } else console.log(plainOf(results, circumstances))
  if (!options.write) return
  writeFileSync(docs, withTable(readFileSync(docs, 'utf8'), 'mutations', markdownOf(results, circumstances)))
}

function parseOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        seconds: { type: 'string', default: '120' },
        json: { type: 'boolean' },
        write: { type: 'boolean' },
      },
    })
    if (values.write && values.only !== undefined) {
      throw new Error('--write is for the whole table, and --only is not: leave out one of them.')
    }
    const seed = Number(process.env['SEED'] || Math.floor(Math.random() * 2 ** 30))
    if (!Number.isSafeInteger(seed) || seed < 0 || seed >= 2 ** 31) {
      throw new Error(`SEED=${process.env['SEED']} is not a whole number below 2^31.`)
    }
    if (!/^[1-9]\d{0,5}$/.test(values.seconds)) {
      throw new Error(`--seconds ${values.seconds} is not a whole number from 1 to 999999.`)
    }
    const chosen = mutations.filter(({ name }) => name.includes(values.only ?? ''))
    if (chosen.length === 0) {
      const names = mutations.map(({ name }) => name).join(', ')
      throw new Error(`No mutation is called ${values.only}. There are: ${names}.`)
    }
    return { options: values, seed, seconds: Number(values.seconds), chosen }
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}

function showProgress({ name }: Mutation, suite: string): void {
  const missed = results.filter(({ caughtBy }) => caughtBy === undefined).length
  const soFar = `${results.length} of ${chosen.length} mutations, ${missed} not caught`
  const soLong = Math.round((performance.now() - began) / 1000)
  output.progress(() => `${soFar}, ${soLong} s · now: ${name}, by ${suite}`)
}
