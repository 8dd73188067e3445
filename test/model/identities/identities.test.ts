// "Sums are exact" in all states that two replicas, an operator and time can come into, whatever fails and however often.
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

describe('each record counts exactly once in every state, and everything settles once faults end', () => {
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

describe('a design known to count twice or to lose is caught in the fewest possible steps', () => {
  for (const run of losingRuns) {
    test(titleOf(run), () => {
      const line = carryOut(run)
      assert.equal(line.found.violation?.what, run.found)
      assert.equal(line.found.violation.trace.length, run.steps, `\n${traceText(line)}`)
    })
  }

  test('the path to it is printed in words', () => {
    const run = losingRuns.find(({ design }) => design === flawed.sweptAfterMaximum)
    assert.ok(run)
    assert.deepEqual(
      carryOut(run).found.violation?.trace.map(({ what }) => what),
      [
        'A receives request r a+1',
        'A seals request r a+1',
        'A inserts identities, new: request r a+1',
        'A commits a+1',
        'midnight: day 1',
        'A receives request r a+1 (again)',
        'A seals request r a+1 (again)',
        'midnight: day 2',
        'the sweep removes r.0',
        'A inserts identities, new: request r a+1 (again)',
        'A commits a+1',
      ],
    )
  })
})

describe('each promise is violated by some design', () => {
  for (const [what, design, world, ...messages] of [
    ['an identity is committed without its effect', flawed.identityFirst, {}, 'm a+1'],
    ['acked without a committed fact', flawed.ackedFirst, {}, 'm a+1'],
    ['progress brings nothing nearer', flawed.notSortedOut, { midnights: 2 }, 'm a+1'],
    ['counted twice', flawed.joinedBack, {}, 'm a+1'],
    ['written is more than was applied', flawed.duplicatesWritten, {}, 'm a+1'],
  ] as const) {
    test(`${design.name}: ${what}`, () => {
      const { found } = carryOut({ design, scenario: { messages, ...world }, demand: 'promises' })
      assert.equal(found.violation?.what, what)
    })
  }
})
