// Several pipelines of one process, on one pool of connections and one registry of metrics: whatever happens to some of
// them, the others go on, and each is counted under its own name.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { noLogger } from '#core/logger.ts'
import type { Sink } from '#core/sink.ts'
import { ConnectionSlots } from '#postgres/connection-slots.ts'
import { emptyMetrics, measured } from '../support/measured.ts'
import { alwaysAsync } from '../support/seed.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { World } from '../support/world.ts'
import type { WholeSink } from '../support/whole-sink.ts'

const mostPipelines = 3
const faults = ['frozen', 'away', 'changed', 'no dead letters'] as const

const who = fc.nat(mostPipelines - 1)
const word = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 5 }), fc.constantFrom('x', 'y'))
  .map((parts) => parts.join(' '))
const text = fc.oneof(
  { weight: 6, arbitrary: word },
  { weight: 1, arbitrary: fc.constant('nonsense') },
  { weight: 2, arbitrary: fc.array(word, { maxLength: 3 }).map((words) => `${words.join(';')};`) },
)
const step = fc.oneof(
  fc.record({ publish: fc.array(text, { minLength: 1, maxLength: 6 }), who }),
  fc.record({ fault: fc.constantFrom(...faults), who }),
  fc.record({ heal: fc.constant(true), who }),
  fc.record({ advanceMs: fc.constantFrom(0, 10, 1000, 30_000) }),
)

/** The pool, as far as it decides who waits for whom. */
function sharedPool(clock: VirtualClock, size: number) {
  const slots = new ConnectionSlots({
    size,
    connected: () => size,
    open: () => size,
    backoff: { next: () => 1000, reset: () => {} },
    clock,
    logger: noLogger,
  })
  return () => {
    const sharer = slots.newSharer()
    const onConnection = async <T>(work: () => Promise<T>): Promise<T> => {
      await slots.turn(sharer)
      try {
        return await work()
      } finally {
        slots.free(sharer)
      }
    }
    return (table: WholeSink): Sink => ({
      write: (records, wait) => onConnection(() => table.write(records, wait)),
      locked: (records) => onConnection(() => table.locked(records)),
      rewriteExistingRow: () => onConnection(() => table.rewriteExistingRow()),
    })
  }
}

function strike(world: World, fault: (typeof faults)[number]): void {
  if (fault === 'frozen') world.table.block()
  else if (fault === 'away') world.table.fail({ class: 'infrastructure' })
  else if (fault === 'changed') world.table.fail({ class: 'schema-drift' })
  else world.deadLetters.fail('infrastructure')
}

function heal(world: World): void {
  world.table.unblock()
  world.table.fixAll()
  world.deadLetters.fix()
}

const metrics = emptyMetrics()
let runs = 0

/** By reason. */
async function settledAs(pipeline: string): Promise<Record<string, number>> {
  const lines = (await metrics.text()).matchAll(
    /^ingester_messages_settled_total\{reason="(\w+)",pipeline="([^"]+)"\} (\d+)$/gm,
  )
  return Object.fromEntries(
    [...lines].flatMap(([, reason = '', name, count]) =>
      name === pipeline ? [[reason, Number(count)]] : [],
    ),
  )
}

test('what some of them suffer holds no other up, and each is counted under its own name', async () => {
  const plan = fc.record({
    pipelines: fc.integer({ min: 2, max: mostPipelines }),
    workers: fc.integer({ min: 1, max: 3 }),
    connections: fc.integer({ min: 1, max: 3 }),
    steps: fc.array(step, { minLength: 5, maxLength: 40 }),
  })
  await alwaysAsync(
    fc.asyncProperty(plan, async ({ pipelines, workers, connections, steps }) => {
      const clock = new VirtualClock()
      // A server may allow fewer connections than there are workers.
      const share = sharedPool(clock, pipelines * connections)
      const shares = Array.from({ length: pipelines }, share)
      runs += 1
      const worlds = shares.map((sinkOf, i) => {
        const name = `${runs}-${i}`
        const observer = metrics.observe(measured({ name }))
        return Object.assign(new World({ workers }, { clock, sinkOf, observer }), { name })
      })
      const struck = new Set<World>()
      for (const one of steps) {
        if ('advanceMs' in one) {
          await clock.advance(one.advanceMs)
          continue
        }
        const world = worlds[one.who % pipelines] as World
        if ('publish' in one) await world.publish(...one.publish)
        else if ('fault' in one) {
          strike(world, one.fault)
          struck.add(world)
        } else {
          heal(world)
          struck.delete(world)
        }
      }
      // Those that suffer come first, and want as much as they can have.
      for (const world of worlds.toSorted((a, b) => Number(struck.has(b)) - Number(struck.has(a))))
        await world.publish('a 9 x', 'b 9 x', 'c 9 x', 'd 9 x')
      await clock.advance(120_000)
      for (const world of worlds) {
        world.check()
        if (struck.has(world)) continue
        assert.equal(world.engine.outstanding, 0, 'nothing is wrong with it, and yet it waits')
        assert.deepEqual(world.engine.pausedBecause, [])
      }
      for (const world of worlds) heal(world)
      await clock.advance(120_000)
      for (const world of worlds) {
        assert.equal(world.engine.outstanding, 0)
        assert.deepEqual(world.tableBreaches, [])
        const { 'dead-lettered': dead_lettered, ...settled } = world.tally.settledCount
        assert.deepEqual(await settledAs(world.name), { ...settled, dead_lettered })
      }
    }),
    60,
  )
})
