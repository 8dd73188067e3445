// "Deleted stays deleted" in all states that two replicas and a sweep can come into, whatever fails and however often.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { projectDir } from '../../support/program.ts'
import { factsOf, rowOf, traceText } from '../table.ts'
import { flawed } from './designs.ts'
import type { Run } from './runs.ts'
import { carryOut, holdingRuns, losingRuns } from './runs.ts'
import { messagesText, worldText } from './scenario.ts'

const page = readFileSync(join(projectDir, 'docs/RELIABILITY.md'), 'utf8')

function titleOf({ design, scenario }: Run): string {
  return `${design.name}: ${messagesText(scenario)}; ${worldText(scenario)}`
}

describe('guards keep what is deleted deleted in every state, and everything settles once faults end', () => {
  for (const run of holdingRuns) {
    test(titleOf(run), () => {
      const line = carryOut(run)
      assert.ok(!line.found.violation, `\n${line.found.violation?.what}; ${traceText(line)}`)
      assert.ok(line.found.complete)
      const row = rowOf(factsOf(line))
      assert.ok(page.includes(row), `docs/RELIABILITY.md does not have this row: run \`make model\`\n${row}`)
    })
  }
})

describe('a design known to lose a row or a delete is caught in the fewest possible steps', () => {
  for (const run of losingRuns) {
    test(titleOf(run), () => {
      const line = carryOut(run)
      assert.equal(line.found.violation?.trace.length, run.steps, `\n${traceText(line)}`)
      assert.match(line.found.violation.what, /^a deleted row lives$|^a row is lost$/)
    })
  }

  test('the path to it is printed in words', () => {
    const [run] = losingRuns
    assert.ok(run)
    assert.deepEqual(
      carryOut(run).found.violation?.trace.map(({ what }) => what),
      [
        'A receives insert 5',
        'A begins a statement, sees no guard',
        'A goes on',
        'A writes row 5',
        'B receives delete 10',
        'B begins a statement, sees no row',
        'A commits',
        'A acks insert 5',
        'B deletes no row',
        'B begins a statement',
        'B enters delete 10',
        'B commits',
        'B acks delete 10',
      ],
    )
  })
})

describe('each promise is violated by some design', () => {
  for (const [what, design, standing, ...messages] of [
    [
      'a row is not newer than a deletion in its guard',
      flawed.tombstones,
      undefined,
      'insert 5',
      'delete 10',
    ],
    ['acked without a committed fact', flawed.ackedFirst, undefined, 'delete 10'],
    ['the version of a row fell', flawed.unconditional, 'insert 7', 'insert 5'],
    ['the version of a guard fell', flawed.enteredOverNewer, undefined, 'delete 5', 'delete 10'],
    ['nothing goes on', flawed.rowFirst, 'insert 1', 'insert 5', 'delete 10'],
  ] as const) {
    test(`${design.name}: ${what}`, () => {
      const scenario = { messages, ...(standing === undefined ? {} : { standing }) }
      const { found } = carryOut({ design, scenario, demand: 'promises' })
      assert.equal(found.violation?.what, what)
    })
  }
})
