// Some thousand schedules of the real engine, cache client and source on simulated servers, in virtual time. By the
// date of the day, so that each day's are others; TEST_SEED brings back those of another day.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { drawPlan } from './draw-plan.ts'
import { replayOf, tellFailure } from './failure.ts'
import { runSeeds } from './run-seeds.ts'
import { simulate } from './simulate.ts'
import { enoughForEveryKind, missingKinds } from './totals.ts'

const day = Number(process.env['TEST_SEED'] ?? new Date().toISOString().slice(0, 10).replaceAll('-', ''))
const firstSeed = (day % 200_000) * 10_000

test(`whatever fails, in whatever order, all promises are kept (TEST_SEED=${day})`, async (t) => {
  const { totals, failedSeed, hangs } = await runSeeds(firstSeed, enoughForEveryKind)
  void t.annotate(`${totals.schedules} schedules from seed ${firstSeed} on`)
  if (failedSeed !== undefined) {
    assert.fail(hangs ? `does not end: ${replayOf(failedSeed)}` : await tellFailure(failedSeed))
  }
  assert.equal(totals.schedules, enoughForEveryKind)
  assert.deepEqual(missingKinds(totals), [], 'what never happened is not proven')
})

test('a plan is deterministic', async () => {
  for (let seed = firstSeed; seed < firstSeed + 20; seed++) {
    const [first, second] = [await simulate(drawPlan(seed), true), await simulate(drawPlan(seed), true)]
    assert.deepEqual(second, first)
    assert.ok(first.story.length > 0)
  }
})
