// Looks at all states of the cache's protocol within larger limits than the tests have: `make model`.
//
//   node_modules/.bin/node test/model/main.ts [--json] [--write]
//
// Prints its tables, or all that it found as JSON; with --write the tables go into docs/RELIABILITY.md. Exits with 4
// where something that must hold does not, or a design that loses is not seen to lose: then nothing is written.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Result, Run } from './runs.ts'
import { carryOut, harmlessRuns, longHarmlessRuns, longRuns, losingRuns, quickRuns } from './runs.ts'
import { asJson, between, factsOf, holdingTable, losingTable, traceText } from './table.ts'

const checkFailed = 4

const options = parseOptions()
const page = resolve(import.meta.dirname, '../../docs/RELIABILITY.md')

function look(run: Run): Run & Result {
  const line = carryOut(run)
  const { states, seconds, bytes, violation } = line.found
  const speed = `${Math.round(states / seconds / 1000)}k states/s, ${Math.ceil(bytes / 2 ** 20)} MiB`
  console.error([...factsOf(line), `${seconds.toFixed(1)} s`, speed, violation?.what ?? 'holds'].join(' | '))
  return line
}

const holding = [...quickRuns, ...longRuns].map(look)
const harmless = [...harmlessRuns, ...longHarmlessRuns].map(look)
const losing = losingRuns.map(look)

if ([...holding, ...harmless].some(({ found }) => !found.complete)) process.exitCode = checkFailed
if (losing.some(({ found }) => !found.violation)) process.exitCode = checkFailed

const text = [
  'The protocol:',
  holdingTable(holding),
  'Designs that lose data, with the fewest steps that it takes:',
  losingTable(losing),
  'Mutations with no effect on safety:',
  holdingTable(harmless),
  ...losing.slice(0, 5).map(traceText),
].join('\n\n')
console.log(
  options.json ? JSON.stringify([...holding, ...harmless, ...losing].map(asJson), undefined, 2) : text,
)
if (options.write && process.exitCode === undefined) {
  writeFileSync(page, between('model', readFileSync(page, 'utf8'), text))
}

function parseOptions() {
  try {
    return parseArgs({ options: { json: { type: 'boolean' }, write: { type: 'boolean' } } }).values
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}
