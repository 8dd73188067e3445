// The cache's protocol in all states that two replicas can come into, whatever fails and however often.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { projectDir } from '../support/program.ts'
import { flawed } from './designs.ts'
import type { Run } from './runs.ts'
import { carryOut, harmlessRuns, losingRuns, quickRuns } from './runs.ts'
import { scenario } from './scenario.ts'
import { factsOf, rowOf, traceText } from './table.ts'

const page = readFileSync(join(projectDir, 'docs/RELIABILITY.md'), 'utf8')

function titleOf({ design, scenario }: Run): string {
  const { messages, ...world } = scenario
  return `${design.name}: ${messages.join(', ')} ${JSON.stringify(world)}`
}

function assertHolds(run: Run): void {
  const line = carryOut(run)
  assert.ok(!line.found.violation, `\n${line.found.violation?.what}; ${traceText(line)}`)
  assert.ok(line.found.complete)
  const row = rowOf(factsOf(line))
  assert.ok(page.includes(row), `docs/RELIABILITY.md does not have this row: run \`make model\`\n${row}`)
}

describe('the protocol keeps every promise in every state, and everything settles once faults end', () => {
  for (const run of quickRuns) test(titleOf(run), () => assertHolds(run))
})

describe('a design known to lose data is caught in the fewest possible steps', () => {
  for (const run of losingRuns) {
    test(titleOf(run), () => {
      const line = carryOut(run)
      assert.equal(line.found.violation?.trace.length, run.steps, `\n${traceText(line)}`)
      if (run.demand === 'loss') assert.equal(line.found.violation?.what, 'lost')
    })
  }

  test('the path to it is printed in words', () => {
    const [run] = losingRuns
    assert.ok(run)
    assert.deepEqual(
      carryOut(run).found.violation?.trace.map(({ what }) => what),
      [
        'A receives 1',
        'A: begin 1 → fresh',
        'A crashes, and is started again',
        'A receives 1',
        'A: begin 1 → stale',
        'A: ack 1',
      ],
    )
  })
})

describe('each promise is violated by some design', () => {
  for (const [what, design, ...messages] of [
    ['acked without a committed fact', flawed.busyAcks, '1'],
    ['a watermark is above its row', flawed.confirmFirst, '1'],
    ['the version of a row fell', flawed.unguarded, '1', '2'],
    ['a valid message is dead-lettered', flawed.deadLettersAnything, '1'],
    ['a delivery is forgotten', flawed.forgetsLosers, '1', '2!'],
    ['nothing goes on', flawed.deadLettersNothing, '1!'],
  ] as const) {
    test(`${design.name}: ${what}`, () => {
      const { found } = carryOut({ design, scenario: scenario(messages), demand: 'promises' })
      assert.equal(found.violation?.what, what)
    })
  }
})

describe('designs that look dangerous cost double writes and lose nothing', () => {
  for (const run of harmlessRuns) test(titleOf(run), () => assertHolds(run))
})
