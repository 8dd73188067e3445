// However long a store is away, nothing is given up, little is tried, and all is written in the end.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { FailureClass } from '#core/write-failure.ts'
import { World } from '../support/world.ts'

const hourMs = 3_600_000
const good = (count: number) => Array.from({ length: count }, (_, i) => `good${i} 1 x`)

const holding: readonly FailureClass[] = ['infrastructure', 'no-rights', 'schema-drift']

for (const failureClass of holding) {
  test(`${failureClass} for a day: paused, probed rarely, then everything is written`, async () => {
    const world = new World({ workers: 4 })
    const fix = world.table.fail({ class: failureClass })
    await world.publish(...good(100))
    assert.ok(world.source.held)
    assert.match(world.engine.pausedBecause.join(), new RegExp(`^the table says ${failureClass}`))
    await world.publish(...good(20).map((text) => `late-${text}`))
    await world.advance(24 * hourMs)
    assert.equal(world.source.backlog, 20, 'nothing is taken while it lasts')
    assert.deepEqual(world.tally.ended, {})
    assert.deepEqual(world.deadLetters.stored, [])
    const perHour = world.table.attempts.length / 24
    assert.ok(perHour < 1500, `${perHour} statements an hour`)
    assert.equal(world.source.holds, 1)

    fix()
    await world.advance(5000)
    assert.ok(!world.source.held)
    assert.deepEqual(world.engine.pausedBecause, [])
    assert.deepEqual(world.tally.ended, { written: 120 })
    assert.equal(world.clock.timers, 0)
  })
}

test('one probe at a time, however many lanes wait', async () => {
  const world = new World({ workers: 8 })
  world.table.fail({ class: 'infrastructure' })
  await world.publish(...good(200))
  const first = world.table.attempts.length
  assert.equal(first, 8, 'each lane runs into it once')
  await world.advance(60_000)
  world.table.maxInFlight = 0
  world.table.block()
  const before = world.table.attempts.length
  await world.advance(hourMs)
  assert.equal(world.table.attempts.length, before + 1, 'a probe that hangs is the only one')
  assert.equal(world.table.maxInFlight, 1)
})

/** Two keys that do not share a lane of two. */
async function keysApart(): Promise<[string, string]> {
  const world = new World({ workers: 2 })
  await world.publish(...good(20))
  const [a, b] = world.table.attempts.map(({ records }) => records[0]?.key ?? '')
  assert.ok(a && b)
  return [a, b]
}

test('a probe that only finds a row rejected does not end the pause', async () => {
  const [away, bad] = await keysApart()
  const world = new World({ workers: 2 })
  world.table.refuse([away], { class: 'infrastructure' })
  world.table.refuse([bad])
  await world.publish(`${away} 1 x`, `${bad} 1 x`)
  await world.advance(hourMs)
  assert.equal(world.source.holds, 1)
  assert.ok(!world.tally.reasons.includes(undefined))
  assert.ok(world.table.attempts.length < 1500, `${world.table.attempts.length} statements in an hour`)
})

for (const refusal of ['bad-row', 'unknown'] as const) {
  test(`a rejected row (${refusal}) that is all that is left in flight does not prolong the outage`, async () => {
    const world = new World()
    const fix = world.table.fail({ class: 'infrastructure' })
    world.table.refuse(['bad'], { class: refusal, code: 'XX000' })
    await world.publish('bad 1 x')
    await world.advance(60_000)
    assert.ok(world.source.held)
    fix()
    await world.advance(30_000)
    assert.ok(!world.source.held, 'nothing comes that could show that the table works')
    for (let i = 0; i < 3; i++) {
      await world.publish(`z ${i} x`)
      await world.advance(2000)
    }
    assert.deepEqual(world.deadLetters.texts, ['bad 1 x'])
  })
}

test('a row that fails with an unknown error is no outage once it is all that is left in flight', async () => {
  const world = new World({ maxBatchRecords: 2 })
  world.table.refuse(['odd'], { class: 'unknown', code: 'XX000' })
  const fix = world.table.refuse(['z'], { class: 'unknown', code: 'XX000' })
  await world.publish('odd 1 x', 'z 1 x')
  await world.advance(5000)
  assert.ok(world.source.held)
  fix()
  world.rival('z 1 x')
  world.cache.verdict = ({ key }) => (key === 'z' ? 'stale' : 'fresh')
  await world.advance(60_000)
  assert.deepEqual(world.tally.ended, { stale: 1 })
  assert.ok(!world.source.held, 'nothing comes that could show that the table works')
})

test('records that need no write are not delayed by an outage', async () => {
  const world = new World({ maxBatchRecords: 1 })
  world.table.fail({ class: 'infrastructure' })
  const texts = Array.from({ length: 50 }, (_, at) => `k${at} 1 x`)
  await world.publish(...texts)
  for (const text of texts) world.rival(text)
  world.cache.verdict = () => 'stale'
  await world.advance(6000)
  assert.deepEqual(world.tally.ended, { stale: 50 })
})

test('an outage ends even if what was in flight is settled without the table', async () => {
  const world = new World()
  world.table.fail({ class: 'infrastructure', times: 1, commits: true })
  await world.publish('a 1 x')
  assert.ok(world.source.held)
  world.cache.verdict = () => 'stale'
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { stale: 1 })
  world.cache.verdict = () => 'fresh'
  await world.publish('a 2 x')
  await world.advance(10_000)
  assert.deepEqual(world.table.contents, ['a 2 x'])
  assert.deepEqual(world.engine.pausedBecause, [])
  assert.ok(!world.source.held)
})

test('a probe that finds everything stale does not end the pause', async () => {
  const [away, stale] = await keysApart()
  const world = new World({ workers: 2 })
  world.table.fail({ class: 'infrastructure' })
  await world.publish(`${away} 1 x`, `${stale} 1 x`)
  world.rival(`${stale} 1 x`)
  world.cache.verdict = ({ key }) => (key === stale ? 'stale' : 'fresh')
  await world.advance(hourMs)
  assert.deepEqual(world.tally.ended, { stale: 1 })
  assert.equal(world.source.holds, 1)
  assert.ok(!world.tally.reasons.includes(undefined))
})

test('the delays between probes grow to five seconds, and no further', async () => {
  const world = new World()
  world.table.fail({ class: 'infrastructure' })
  await world.publish('a 1 x')
  await world.advance(hourMs)
  const times = world.table.attempts.map(({ atMs }) => atMs)
  const pauses = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0))
  assert.ok((pauses[0] ?? 0) >= 50 && (pauses[0] ?? 0) <= 100, `${pauses[0]}`)
  assert.ok(pauses.every((ms) => ms <= 5000))
  assert.ok(pauses.slice(-100).every((ms) => ms >= 2500))
})

test('after the outage every lane continues at once', async () => {
  const world = new World({ workers: 4, flushIntervalMs: 1000 })
  const fix = world.table.fail({ class: 'infrastructure' })
  await world.publish(...good(40))
  await world.advance(60_000)
  fix()
  await world.advance(5000)
  assert.deepEqual(world.tally.ended, { written: 40 })
  const last = world.table.attempts.slice(-4).map(({ atMs }) => atMs)
  assert.equal(new Set(last).size, 1)
})

test('an outage during a search for bad rows dead-letters nothing', async () => {
  const world = new World()
  world.table.refuse(['bad'])
  let statements = 0
  const fix = world.table.fail({ class: 'infrastructure', when: () => (statements += 1) > 3 })
  await world.publish(...good(16), 'bad 1 x')
  await world.advance(hourMs)
  assert.deepEqual(world.deadLetters.stored, [])
  assert.ok(world.source.held)
  fix()
  await world.advance(10_000)
  await world.publish('z 1 x')
  assert.deepEqual(world.deadLetters.texts, ['bad 1 x'])
  assert.deepEqual(world.tally.ended, { written: 17, 'dead-lettered': 1 })
})

for (const failureClass of ['infrastructure', 'bad-row', 'unknown'] as const) {
  test(`a dead-letter store that fails (${failureClass}) pauses; nothing is acked, nothing lost`, async () => {
    const world = new World()
    const fix = world.deadLetters.fail(failureClass)
    await world.publish('nonsense', 'a 1 x')
    assert.ok(world.source.held)
    assert.match(world.engine.pausedBecause.join(), /^the dead-letter store says /)
    await world.advance(24 * hourMs)
    assert.deepEqual(world.tally.ended, { written: 1 }, 'the table is not held up')
    assert.deepEqual(world.source.unacked, ['nonsense'])
    assert.ok(world.deadLetters.attempts < 24 * 1500, `${world.deadLetters.attempts} attempts in a day`)
    fix()
    await world.advance(5000)
    assert.deepEqual(world.deadLetters.texts, ['nonsense'])
    assert.deepEqual(world.tally.ended, { written: 1, 'dead-lettered': 1 })
    assert.ok(!world.source.held)
  })
}

test('the pause of one store does not end that of the other', async () => {
  const world = new World()
  const fixTable = world.table.fail({ class: 'infrastructure' })
  const fixDeadLetters = world.deadLetters.fail('infrastructure')
  await world.publish('a 1 x', 'nonsense')
  assert.equal(world.engine.pausedBecause.length, 2)
  fixTable()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { written: 1 })
  assert.equal(world.engine.pausedBecause.length, 1)
  assert.ok(world.source.held, 'the dead-letter store is still away')
  fixDeadLetters()
  await world.advance(10_000)
  assert.ok(!world.source.held)
  assert.equal(world.source.holds, 1)
})

test('a conflict is retried at once, and pauses nothing', async () => {
  const world = new World()
  world.table.fail({ class: 'conflict', code: '40P01', times: 5 })
  await world.publish(...good(10))
  await world.advance(250)
  assert.deepEqual(world.tally.ended, { written: 10 })
  assert.deepEqual(world.tally.reasons, [])
  const times = world.table.attempts.map(({ atMs }) => atMs)
  const pauses = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0))
  assert.ok(
    pauses.every((ms) => ms >= 5 && ms <= 50),
    pauses.join(),
  )
})

test('a persistent conflict is an outage: paused, probed rarely, nothing lost', async () => {
  const world = new World()
  const fix = world.table.fail({ class: 'conflict', code: '0A000' })
  await world.publish('a 1 x')
  await world.advance(60_000)
  assert.match(world.engine.pausedBecause.join(), /the table says conflict/)
  assert.ok(world.table.attempts.length < 60, `${world.table.attempts.length} statements in a minute`)
  fix()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { written: 1 })
})

test('a statement that is too big is halved until it fits, and pauses nothing', async () => {
  const world = new World()
  world.table.fail({ class: 'too-big', when: (records) => records.length > 3 })
  await world.publish(...good(20))
  assert.deepEqual(world.tally.ended, { written: 20 })
  assert.deepEqual(world.tally.reasons, [])
  const committed = world.table.attempts.map(({ records }) => records.length).filter((count) => count <= 3)
  assert.equal(
    committed.reduce((sum, count) => sum + count, 0),
    20,
  )
})

test('a single row that takes too long is an outage, not a bad row', async () => {
  const world = new World()
  const fix = world.table.fail({ class: 'too-big' })
  await world.publish(...good(3))
  await world.advance(hourMs)
  assert.deepEqual(world.tally.ended, {})
  assert.ok(world.source.held)
  assert.ok(world.table.attempts.length < 1500)
  fix()
  await world.advance(10_000)
  assert.deepEqual(world.tally.ended, { written: 3 })
})
