// Whatever happens in whatever order: every delivery ends exactly once, the counts add up at every step, no ack is
// without a fact (the world looks at each), and after a graceful shutdown the table is what the deliveries say.
import assert from 'node:assert/strict'
import { test, vi } from 'vitest'
import fc from 'fast-check'
import { Random } from '#demo/random.ts'
import { alwaysAsync } from '../support/seed.ts'
import { tiedWordPipeline, wordPipeline } from '../support/word-pipeline.ts'
import { World } from '../support/world.ts'
import type { Step } from './schedule.ts'
import { environmentFailureSchedules, schedules, truthfulCache } from './schedule.ts'

/** Longer than any pause of the engine: everything that can go on has gone on by then. */
const amplyMs = 60_000

/** What the engine can tell of equal versions: all of it, or nothing. */
const pipelines = fc.constantFrom(wordPipeline, tiedWordPipeline).map((rules) => ({
  rules,
  [fc.toStringMethod]: () => (rules === wordPipeline ? 'words' : 'tied words'),
}))

const options = fc.record({
  workers: fc.integer({ min: 1, max: 3 }),
  maxBatchRecords: fc.integer({ min: 1, max: 8 }),
  maxBatchBytes: fc.constantFrom(1, 20, 1000),
  flushIntervalMs: fc.constantFrom(0, 10, 2000),
})

/** Jitter is drawn from the schedule's own dice, so that a counterexample stays one. */
async function run(dice: number, body: (random: Random) => Promise<void>): Promise<void> {
  const random = new Random(dice)
  const patched = vi.spyOn(Math, 'random').mockImplementation(() => random.next())
  try {
    await body(new Random(dice + 1))
  } finally {
    patched.mockRestore()
  }
}

async function play(world: World, steps: readonly Step[], random: Random): Promise<void> {
  truthfulCache(world, random)
  for (const step of steps) {
    await step.play(world)
    await world.advance(0)
  }
}

function fixEverything({ table, deadLetters }: World): void {
  table.fixAll()
  table.unblock()
  deadLetters.fix()
}

/** Each delivery was acked or nacked, once (twice is a breach that the world reports). */
function assertAllEnded({ engine, source }: World): void {
  assert.equal(engine.outstanding, 0)
  const ended = new Set([...source.acked, ...source.nacked])
  assert.equal(ended.size, source.delivered.length)
}

test('a graceful shutdown leaves what the deliveries require, whatever happened before', async () => {
  await alwaysAsync(
    fc.asyncProperty(
      options,
      pipelines,
      schedules,
      fc.nat(),
      fc.boolean(),
      async (chosen, around, steps, dice, early) => {
        await run(dice, async (random) => {
          const world = new World(chosen, around)
          await play(world, steps, random)
          if (!early) fixEverything(world)
          const stop = world.beginStop()
          await world.advance(7000)
          fixEverything(world)
          await world.advance(amplyMs)
          assert.ok(stop.done, 'the graceful shutdown has not ended')
          assertAllEnded(world)
          assert.equal(world.source.nacked.length, 0)
          assert.deepEqual(world.tableBreaches, [])
          assert.deepEqual([...world.cache.claims], [], 'claims that were not released')
          assert.equal(world.clock.timers, 0)
        })
      },
    ),
    300,
  )
})

test('a forced shutdown, at any moment, nacks exactly what remains', async () => {
  await alwaysAsync(
    fc.asyncProperty(
      options,
      pipelines,
      schedules,
      fc.nat(),
      fc.boolean(),
      async (chosen, around, steps, dice, isGraceful) => {
        await run(dice, async (random) => {
          const world = new World(chosen, around)
          await play(world, steps, random)
          const stop = isGraceful ? world.beginStop() : undefined
          await world.advance(random.below(3000))
          const { outstanding } = world.engine
          assert.equal(world.engine.abort(), outstanding)
          world.source.publish('a 9 late', 'nonsense')
          const stopped = stop ?? world.beginStop()
          await world.advance(0)
          assert.ok(stopped.done, 'stop() has not ended')
          fixEverything(world)
          await world.advance(amplyMs)
          assertAllEnded(world)
          assert.equal(world.clock.timers, 0)
        })
      },
    ),
    300,
  )
})

test('a failure that no row caused dead-letters no row', async () => {
  await alwaysAsync(
    fc.asyncProperty(
      options,
      pipelines,
      environmentFailureSchedules,
      fc.nat(),
      async (chosen, around, steps, dice) => {
        await run(dice, async (random) => {
          const world = new World(chosen, around)
          await play(world, steps, random)
          await world.advance(amplyMs)
          fixEverything(world)
          await world.advance(amplyMs)
          assert.equal(world.engine.outstanding, 0, 'something waits that nothing keeps waiting')
          assert.equal(world.clock.timers, 0)
          await world.stop()
          assert.deepEqual(
            world.deadLetters.stored.filter(({ reason }) => reason !== 'malformed'),
            [],
          )
          assert.deepEqual(world.tableBreaches, [])
        })
      },
    ),
  )
})
