// Looks at all states of the models within larger limits than the tests have: `make model`.
//
//   node_modules/.bin/node test/model/main.ts [--only cache|deletes|identities] [--json] [--write]
//
// Prints its tables, or all that it found as JSON; with --write the tables go into docs/RELIABILITY.md. Exits with 4
// where something that must hold does not, or a design that loses is not seen to lose: then nothing is written.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as deletes from './deletes/runs.ts'
import * as identities from './identities/runs.ts'
import type { Report } from './report.ts'
import { explored, holding, losing } from './report.ts'
import { carryOut, harmlessRuns, longHarmlessRuns, longRuns, losingRuns, quickRuns } from './runs.ts'
import { asJson, between } from './table.ts'

const checkFailed = 4

const reports = {
  cache: {
    marker: 'model',
    sections: [
      holding('The protocol:', carryOut, [...quickRuns, ...longRuns]),
      losing('Designs that lose data, with the fewest steps that it takes:', carryOut, losingRuns, 5),
      holding('Mutations with no effect on safety:', carryOut, [...harmlessRuns, ...longHarmlessRuns]),
    ],
  },
  deletes: {
    marker: 'model of deletes',
    sections: [
      holding('Designs that hold:', deletes.carryOut, [...deletes.holdingRuns, ...deletes.longRuns]),
      losing(
        'Designs that lose, with the fewest steps that it takes:',
        deletes.carryOut,
        deletes.losingRuns,
        1,
      ),
    ],
  },
  identities: {
    marker: 'model of identities',
    sections: [
      holding('Designs that hold:', identities.carryOut, [...identities.holdingRuns, ...identities.longRuns]),
      losing(
        'Designs that count twice or lose, with the fewest steps that it takes:',
        identities.carryOut,
        identities.losingRuns,
        3,
      ),
    ],
  },
} as const satisfies Record<string, Report>

const options = parseOptions()
const page = resolve(import.meta.dirname, '../../docs/RELIABILITY.md')

const found = options.reports.map((report) => ({ ...report, ...explored(report) }))
if (found.some(({ isAsExpected }) => !isAsExpected)) process.exitCode = checkFailed

console.log(
  options.json
    ? JSON.stringify(
        found.flatMap(({ lines }) => lines.map(asJson)),
        undefined,
        2,
      )
    : found.map(({ text }) => text).join('\n\n'),
)
if (options.write && process.exitCode === undefined) {
  const document = readFileSync(page, 'utf8')
  writeFileSync(
    page,
    found.reduce((text, { marker, text: tables }) => between(marker, text, tables), document),
  )
}

function parseOptions() {
  try {
    const { only, ...rest } = parseArgs({
      options: { only: { type: 'string' }, json: { type: 'boolean' }, write: { type: 'boolean' } },
    }).values
    return { ...rest, reports: only === undefined ? Object.values(reports) : [reportNamed(only)] }
  } catch (error) {
    console.error((error as Error).message)
    process.exit(2)
  }
}

function reportNamed(name: string): Report {
  const names = Object.keys(reports)
  if (!Object.hasOwn(reports, name))
    throw new Error(`--only ${name}: no such model; there are: ${names.join(', ')}`)
  return reports[name as keyof typeof reports]
}
