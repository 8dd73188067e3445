// Some 1,500 schedules of the real engine, cache client and source on simulated servers, in virtual time. By the
// date of the day, so that each day's are others; TEST_SEED brings back those of another day.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawPlan } from './draw-plan.ts'
import { tellFailure } from './failure.ts'
import { simulate } from './simulate.ts'
import { add, everyKind, noTotals } from './totals.ts'

const runs = 1500
const day = Number(process.env['TEST_SEED'] ?? new Date().toISOString().slice(0, 10).replaceAll('-', ''))
const firstSeed = (day % 200_000) * 10_000

const totals = noTotals()

test(`whatever fails in whatever order, all promises are kept (TEST_SEED=${day})`, async (t) => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const outcome = await simulate(drawPlan(seed))
    add(totals, outcome)
    if (outcome.breaches.length > 0) assert.fail(await tellFailure(seed))
  }
  t.diagnostic(`${totals.schedules} schedules, seeds ${firstSeed} to ${firstSeed + runs - 1}`)
})

test('everything that can happen has happened in them', () => {
  assert.deepEqual(
    everyKind.filter((kind) => !totals.counts[kind]),
    [],
  )
})

test('a plan has one outcome', async () => {
  for (let seed = firstSeed; seed < firstSeed + 20; seed++) {
    const [first, second] = [await simulate(drawPlan(seed), true), await simulate(drawPlan(seed), true)]
    assert.deepEqual(second, first)
    assert.ok(first.story.length > 0)
  }
})
