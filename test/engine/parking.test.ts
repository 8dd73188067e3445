// What another process is writing waits here a little: long enough to be spared a write, never to be acked for it.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { CacheRecord, Verdict } from '#core/cache.ts'
import { claimLeaseMs } from '#core/cache.ts'
import type { FailureClass } from '#core/write-failure.ts'
import { startUnixMs } from '../support/virtual-clock.ts'
import { nameOf } from '../simulated/ports/source.ts'
import { World } from '../support/world.ts'

const pauseMs = 50
const minuteMs = 60_000
const hourMs = 3_600_000

/** The cache calls these keys so, and all others fresh. */
const only = (verdict: Verdict, ...keys: readonly string[]) => {
  const set = new Set(keys)
  return ({ key }: CacheRecord): Verdict => (set.has(key) ? verdict : 'fresh')
}

/** What the writer was given, a line a statement. */
const statementsOf = ({ table }: World) =>
  table.attempts.map(({ records }) => records.map(({ key, version }) => `${key} ${version}`).join(', '))

/** What the cache was asked about, a line a question. */
const questionsOf = ({ cache }: World) =>
  cache.calls.filter(({ step }) => step === 'begin').map(({ names }) => names)

/** Times that a key was in a statement. */
const writesOf = (world: World, key: string) =>
  world.table.attempts.filter(({ records }) => records.some((record) => record.key === key)).length

test('a busy record waits unwritten and unacked, and is checked again after each pause', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x')
  assert.deepEqual(questionsOf(world), ['a 1 x'])
  await world.advance(pauseMs - 1)
  assert.equal(questionsOf(world).length, 1)
  await world.advance(1)
  assert.equal(questionsOf(world).length, 2)
  await world.advance(10 * pauseMs)
  assert.equal(questionsOf(world).length, 12)
  assert.deepEqual(world.tally.ended, {})
  assert.equal(world.table.attempts.length, 0)
  assert.equal(world.engine.outstanding, 1)
  assert.deepEqual(world.tally.reasons, [], 'it pauses nothing')
})

test('busy, then stale: acked as stale, its losers as coalesced, and never written', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 2 y', 'a 1 x', 'b 1 x')
  await world.advance(300)
  world.rival('a 3 z')
  world.cache.verdict = only('stale', 'a')
  await world.advance(pauseMs)
  assert.deepEqual(world.tally.ended, { stale: 1, coalesced: 1, written: 1 })
  assert.deepEqual(statementsOf(world), ['b 1'])
  assert.equal(world.clock.timers, 0)
})

test('the claim is gone: written at the next check', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x')
  await world.advance(320)
  world.journal.take()
  world.cache.verdict = () => 'fresh'
  await world.advance(pauseMs)
  assert.deepEqual(world.journal.lines, [
    'begin a 1 x',
    'write a 1 x',
    'commit a 1 x',
    'confirm a 1 x',
    'ack a 1 x',
  ])
  assert.equal(world.table.attempts[0]?.atMs, 350)
  assert.deepEqual(world.tally.ended, { written: 1 })
  assert.equal(world.clock.timers, 0)
})

test('when the cache becomes unavailable, all that wait are written in one statement', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x', 'b 1 x')
  await world.advance(10)
  await world.publish('c 1 x')
  assert.equal(world.table.attempts.length, 0)
  world.cache.verdict = () => 'fresh'
  await world.advance(pauseMs)
  assert.deepEqual(statementsOf(world), ['a 1, b 1, c 1'])
  assert.deepEqual(world.tally.ended, { written: 3 })
})

test('after a lease it is written whatever the cache says, and confirmed: to the millisecond', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x')
  await world.advance(claimLeaseMs - 1)
  assert.equal(world.table.attempts.length, 0)
  assert.deepEqual(world.tally.ended, {})
  world.journal.take()
  await world.advance(1)
  assert.deepEqual(world.journal.lines, [
    'begin a 1 x',
    'write a 1 x',
    'commit a 1 x',
    'confirm a 1 x',
    'ack a 1 x',
  ])
  assert.equal(world.clock.timers, 0)
})

test('each record waits for its own lease', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x')
  await world.advance(4000)
  await world.publish('b 1 x')
  await world.advance(minuteMs)
  const [first, second, ...more] = world.table.attempts
  assert.deepEqual(statementsOf(world), ['a 1', 'b 1'])
  assert.deepEqual([first?.atMs, second?.atMs, more.length], [claimLeaseMs, 4000 + claimLeaseMs, 0])
})

test('a failed write despite a claim releases only its own claims, and waits no second lease', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  world.table.fail({ class: 'conflict', times: 3 })
  await world.publish('a 1 x')
  await world.advance(claimLeaseMs + 3 * 50)
  assert.equal(world.table.attempts.length, 4)
  assert.deepEqual(world.tally.ended, { written: 1 })
})

test('a graceful shutdown waits for no claim', async () => {
  const world = new World({ workers: 3, flushIntervalMs: 1000 })
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x', 'b 1 x', 'c 1 x', 'a 2 y')
  await world.advance(1010)
  assert.deepEqual(statementsOf(world), [])
  await world.stop()
  assert.deepEqual(world.tally.ended, { written: 3, coalesced: 1 })
  assert.deepEqual(world.table.contents, ['a 2 y', 'b 1 x', 'c 1 x'])
  assert.equal(world.clock.timers, 0)
})

test('nor does a record of a batch that is being written when the shutdown starts', async () => {
  const world = new World()
  world.cache.verdict = only('busy', 'a', 'c')
  const release = world.table.block()
  await world.publish('a 1 x', 'b 1 x')
  await world.publish('c 1 x')
  const stop = world.beginStop()
  await world.advance(1000)
  release()
  await world.advance(0)
  assert.ok(stop.done)
  assert.deepEqual(world.tally.ended, { written: 3 })
  assert.equal(world.clock.timers, 0)
})

test('when as many wait as a batch holds, the next one is written at once', async () => {
  const world = new World({ maxBatchRecords: 2 })
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x', 'b 1 x', 'c 1 x', 'd 1 x', 'e 1 x')
  assert.deepEqual(statementsOf(world), ['c 1, d 1', 'e 1'])
  assert.deepEqual(world.source.unacked, ['a 1 x', 'b 1 x'])
  world.cache.verdict = () => 'fresh'
  await world.advance(pauseMs)
  assert.deepEqual(world.tally.ended, { written: 5 })
})

test('the others of its batch are written at once, and so are later ones', async () => {
  const world = new World()
  world.cache.verdict = only('busy', 'b')
  await world.publish('a 1 x', 'b 1 x', 'c 1 x')
  await world.publish('d 1 x')
  assert.equal(world.clock.now(), 0)
  assert.deepEqual(statementsOf(world), ['a 1, c 1', 'd 1'])
  assert.deepEqual(world.source.unacked, ['b 1 x'])
  const confirmed = world.cache.calls.filter(({ step }) => step === 'confirm').map(({ names }) => names)
  assert.deepEqual(confirmed, ['a 1 x, c 1 x', 'd 1 x'])
})

test('older and newer arrivals that come one by one become one row with it', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  for (const text of ['a 2 y', 'a 1 x', 'a 3 z', 'a 3 z']) {
    await world.publish(text)
    await world.advance(10)
  }
  assert.equal(world.engine.outstanding, 4)
  world.cache.verdict = () => 'fresh'
  await world.advance(pauseMs)
  assert.deepEqual(statementsOf(world), ['a 3'])
  assert.deepEqual(world.tally.ended, { written: 1, coalesced: 3 })
  await world.advance(minuteMs)
  assert.equal(writesOf(world, 'a'), 1)
})

test('older and newer arrivals that wait for the lane become one row with it', async () => {
  const world = new World()
  world.cache.verdict = only('busy', 'a')
  const release = world.table.block()
  await world.publish('a 2 y', 'b 1 x')
  await world.publish('a 1 x', 'a 3 z')
  await world.advance(200)
  assert.deepEqual(questionsOf(world), ['a 2 y, b 1 x'])
  world.cache.verdict = () => 'fresh'
  release()
  await world.advance(0)
  assert.deepEqual(questionsOf(world).slice(1), ['a 3 z'])
  assert.deepEqual(statementsOf(world), ['b 1', 'a 3'])
  assert.deepEqual(world.tally.ended, { written: 2, coalesced: 2 })
})

test('a parked record is due an interval after it was found busy, together with what joined it', async () => {
  const world = new World({ flushIntervalMs: 60 })
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x')
  await world.advance(70)
  await world.publish('a 2 y')
  world.cache.verdict = () => 'fresh'
  // Parked at 60, back at 110, due at 120; what came at 70 would be due at 130.
  await world.advance(49)
  assert.equal(world.table.attempts.length, 0)
  await world.advance(1)
  assert.deepEqual(statementsOf(world), ['a 2'])
  assert.deepEqual(world.tally.ended, { written: 1, coalesced: 1 })
})

test('the wait is that of a lease, however long the interval is', async () => {
  for (const flushIntervalMs of [0, 100, 2000, 9000]) {
    const world = new World({ flushIntervalMs })
    world.cache.verdict = () => 'busy'
    await world.publish('a 1 x')
    await world.advance(flushIntervalMs + claimLeaseMs - 1)
    assert.equal(world.table.attempts.length, 0)
    await world.advance(1 + pauseMs)
    assert.equal(world.table.attempts.length, 1, `interval ${flushIntervalMs}`)
  }
})

test('its bytes count from its return until it is written, together with those that joined it', async () => {
  const world = new World({ flushIntervalMs: 1000, maxBatchBytes: 20 })
  world.cache.verdict = only('busy', 'a')
  await world.publish('a 1 x')
  await world.advance(1010)
  world.cache.verdict = () => 'fresh'
  await world.publish('b 1 x', 'c 1 x')
  await world.advance(pauseMs)
  assert.deepEqual(statementsOf(world), [], '15 of 20 bytes')
  await world.publish('a 2 y')
  assert.deepEqual(statementsOf(world), ['b 1, c 1, a 2'])
  await world.publish('d 1 x', 'e 1 x', 'f 1 x')
  assert.equal(world.table.attempts.length, 1, '15 of 20 bytes again')
  await world.publish('g 1 x')
  assert.equal(world.table.attempts.length, 2)
})

test('records that joined it are stale with it: the newest as stale, the others as coalesced', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  for (const text of ['a 1 x', 'a 3 z', 'a 2 y']) await world.publish(text)
  world.rival('a 4 w')
  world.cache.verdict = () => 'stale'
  await world.advance(pauseMs)
  assert.deepEqual(world.tally.ended, { stale: 1, coalesced: 2 })
  assert.equal(world.table.attempts.length, 0)
})

test('the same message once more while it waits: one row, two acks', async () => {
  const world = new World()
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x')
  world.source.redeliver('1')
  await world.advance(20)
  world.cache.verdict = () => 'fresh'
  await world.advance(pauseMs)
  assert.deepEqual(world.tally.ended, { written: 1, coalesced: 1 })
  assert.deepEqual(world.source.acked.map(nameOf).sort(), ['1/1', '1/2'])
})

test('a newer record without another writer does not wait for the older one', async () => {
  const world = new World()
  world.cache.verdict = ({ version }) => (version === 1n ? 'busy' : 'fresh')
  await world.publish('a 1 x')
  await world.advance(10)
  await world.publish('a 2 y')
  assert.deepEqual(world.tally.ended, { written: 1 })
  assert.equal(world.clock.now(), 10)
  await world.advance(claimLeaseMs)
  assert.deepEqual(world.tally.ended, { written: 1, stale: 1 }, 'the guard decides about the older one')
  assert.deepEqual(world.table.contents, ['a 2 y'])
})

for (const [how, everyMs, options] of [
  ['sooner than the pause', 10, {}],
  ['later than the pause', 70, {}],
  ['sooner than the interval', 20, { flushIntervalMs: 100 }],
  ['later than the interval', 170, { flushIntervalMs: 100 }],
] as const) {
  test(`a hot key that is always busy, with newer ones ${how}: written when the first has waited a lease`, async () => {
    const world = new World(options)
    world.cache.verdict = () => 'busy'
    const interval = 'flushIntervalMs' in options ? options.flushIntervalMs : 0
    const patienceMs = interval + claimLeaseMs
    let count = 0
    while (world.clock.now() < patienceMs + 1000) {
      await world.publish(`a ${(count += 1)} x`)
      await world.advance(everyMs)
    }
    const atMs = world.table.attempts[0]?.atMs ?? Infinity
    assert.ok(atMs >= patienceMs && atMs <= patienceMs + pauseMs + interval, `written at ${atMs} ms`)
    const { written = 0, coalesced = 0 } = world.tally.ended
    assert.ok(
      written >= 1 && written + coalesced > claimLeaseMs / everyMs / 2,
      'all that came by then are acked',
    )
  })
}

const failures: readonly FailureClass[] = [
  'infrastructure',
  'no-rights',
  'schema-drift',
  'conflict',
  'too-big',
  'bad-row',
  'unknown',
]

for (const failureClass of failures) {
  test(`a batch that fails (${failureClass}) does not recall the records that it parked`, async () => {
    const world = new World()
    let questions = 0
    // Busy at the first call: a second one in the same batch may write it.
    world.cache.verdict = ({ key }) => (key === 'a' && (questions += 1) === 1 ? 'busy' : 'fresh')
    world.table.fail({ class: failureClass, times: 1 })
    await world.publish('a 1 x', 'b 1 x', 'c 1 x', 'd 1 x')
    await world.advance(minuteMs)
    assert.deepEqual(world.tally.ended, { written: 4 })
    assert.equal(writesOf(world, 'a'), 1)
    assert.equal(questions, 2)
    const tokens = world.cache.calls.filter(({ names }) => names.includes('a 1 x')).map(({ token }) => token)
    assert.equal(new Set(tokens).size, 2, 'it was asked about again in a batch of its own')
    assert.equal(world.clock.timers, 0)
  })
}

test('a record parked during a search for bad rows is not retried in that search', async () => {
  const world = new World()
  let questions = 0
  world.cache.verdict = ({ key }) => (key === 'a' && (questions += 1) === 2 ? 'busy' : 'fresh')
  world.table.refuse(['bad'])
  await world.publish('a 1 x', 'bad 1 x', 'c 1 x', 'd 1 x')
  assert.deepEqual(world.deadLetters.texts, ['bad 1 x'])
  assert.equal(questions, 2, 'once with all, once with its half')
  await world.advance(pauseMs)
  assert.equal(writesOf(world, 'a'), 2, 'with all, and when it came back')
  assert.deepEqual(world.tally.ended, { written: 3, 'dead-lettered': 1 })
})

test('an arrival for a key that was parked during a search is not acked before it is written', async () => {
  const world = new World()
  let questions = 0
  world.cache.verdict = ({ key }) => {
    if (key !== 'a') return 'fresh'
    questions += 1
    if (questions === 3) world.table.block()
    return questions === 2 ? 'busy' : 'fresh'
  }
  world.table.refuse(['bad'])
  await world.publish('a 1 x', 'bad 1 x', 'c 1 x', 'd 1 x')
  await world.advance(2 * pauseMs)
  await world.publish('a 2 y')
  world.table.unblock()
  await world.advance(0)
  assert.deepEqual(world.table.contents, ['a 2 y', 'c 1 x', 'd 1 x'])
  assert.deepEqual(world.tally.ended, { written: 4, 'dead-lettered': 1 })
})

test('in an outage it stays parked: nothing nacked, nothing acked, and the cache is not polled', async () => {
  const world = new World()
  const fix = world.table.fail({ class: 'infrastructure' })
  world.cache.verdict = only('busy', 'a', 'c')
  await world.publish('a 1 x', 'b 1 x', 'c 1 x')
  await world.advance(hourMs)
  assert.deepEqual(world.tally.ended, {})
  assert.ok(world.source.held)
  assert.ok(questionsOf(world).length < 1500, `${questionsOf(world).length} questions in an hour`)
  assert.ok(world.table.attempts.every(({ records }) => records.map(({ key }) => key).join() === 'b'))
  fix()
  await world.advance(10_000 + claimLeaseMs)
  assert.deepEqual(world.tally.ended, { written: 3 })
  assert.equal(world.source.nacked.length, 0)
  assert.equal(world.clock.timers, 0)
})

/** Keys in different lanes of two. */
async function keysApart(): Promise<[string, string]> {
  const world = new World({ workers: 2 })
  await world.publish(...Array.from({ length: 20 }, (_, i) => `k${i} 1 x`))
  const [a, b] = world.table.attempts.map(({ records }) => records[0]?.key ?? '')
  assert.ok(a && b)
  return [a, b]
}

test('a probe that finds everything busy does not end the pause, and lets another one try', async () => {
  const [away, busy] = await keysApart()
  const world = new World({ workers: 2 })
  const fix = world.table.refuse([away], { class: 'infrastructure' })
  await world.publish(`${away} 1 x`)
  world.cache.verdict = only('busy', busy)
  world.source.held = false
  await world.publish(`${busy} 1 x`)
  await world.advance(claimLeaseMs - 1000)
  assert.ok(questionsOf(world).filter((names) => names.startsWith(busy)).length > 1, 'it was a probe')
  assert.deepEqual(world.engine.pausedBecause.length, 1)
  assert.ok(!world.tally.reasons.includes(undefined))
  fix()
  await world.advance(minuteMs)
  assert.deepEqual(world.tally.ended, { written: 2 })
  assert.equal(world.clock.timers, 0)
})

test('a forced shutdown nacks it with the rest, and leaves no timer', async () => {
  const world = new World({ workers: 2 })
  world.cache.verdict = () => 'busy'
  await world.publish('a 1 x', 'b 1 x', 'c 1 x', 'a 2 y')
  await world.advance(10)
  const stop = world.beginStop()
  assert.equal(world.engine.abort(), 4)
  await world.advance(0)
  assert.ok(stop.done)
  assert.equal(world.clock.timers, 0)
  await world.advance(minuteMs)
  assert.deepEqual(world.tally.ended, { nacked: 4 })
  assert.equal(world.table.attempts.length, 0)
})

test('a forced shutdown without a graceful one: parked records are nacked, once, and never written', async () => {
  const world = new World()
  world.cache.verdict = only('busy', 'a')
  const release = world.table.block()
  await world.publish('a 1 x', 'b 1 x')
  assert.equal(world.engine.abort(), 2)
  world.cache.verdict = () => 'fresh'
  release()
  await world.advance(pauseMs)
  assert.equal(world.clock.timers, 0)
  await world.advance(minuteMs)
  assert.deepEqual(world.tally.ended, { nacked: 2 })
  assert.equal(writesOf(world, 'a'), 0)
})

for (const [how, more] of [
  ['alone', []],
  ['with the same record once more', ['bad 1 x']],
] as const) {
  test(`the strikes of a rejected row survive its parking ${how}, which adds none`, async () => {
    const world = new World()
    world.table.refuse(['bad'], { class: 'unknown', code: 'XX000' })
    // Time for the one pause after the failure of the whole.
    const turn = async (...texts: readonly string[]) => {
      await world.publish(...texts)
      await world.advance(900)
    }
    await turn('bad 1 x', 'good1 1 x')
    await turn('good2 1 x')
    world.cache.verdict = only('busy', 'bad')
    await turn('good3 1 x')
    assert.equal(writesOf(world, 'good3'), 1, 'it went without the busy one')
    await turn('good4 1 x', ...more)
    world.cache.verdict = () => 'fresh'
    await world.advance(900)
    assert.deepEqual(world.deadLetters.texts, [], 'alone it gets no strike')
    await turn('good5 1 x')
    assert.deepEqual(world.deadLetters.texts, ['bad 1 x', ...more])
    assert.deepEqual(world.tally.ended, { written: 5, 'dead-lettered': 1 + more.length })
  })
}

test('another replica claims A and fails for good: the older B is not acked on that claim, and is written', async () => {
  const world = new World()
  let claimed = true
  // A is `a 2 new`; it has claimed the key for that version, and covers whatever is older.
  world.cache.verdict = ({ version }) => (claimed && version <= 2n ? 'busy' : 'fresh')
  await world.publish('a 1 old')
  await world.advance(3000)
  assert.deepEqual(world.tally.ended, {}, 'a claim is no fact')
  assert.equal(world.table.attempts.length, 0)
  claimed = false
  await world.advance(pauseMs)
  assert.deepEqual(world.table.contents, ['a 1 old'])
  assert.deepEqual(world.tally.ended, { written: 1 })
})

test('another replica claims A and dies: B is written when the lease is over; A is redelivered to us and replaces it', async () => {
  const world = new World()
  const leaseEndsMs = startUnixMs + claimLeaseMs - 1500
  world.cache.verdict = () => (world.clock.unixMs() < leaseEndsMs ? 'busy' : 'fresh')
  await world.publish('a 1 old')
  await world.advance(claimLeaseMs - 1500 - 1)
  assert.deepEqual(world.tally.ended, {})
  await world.advance(1 + pauseMs)
  assert.deepEqual(world.table.contents, ['a 1 old'])
  await world.publish('a 2 new')
  assert.deepEqual(world.table.contents, ['a 2 new'])
  assert.deepEqual(world.tally.ended, { written: 2 })
})
