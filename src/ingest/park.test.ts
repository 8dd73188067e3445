import assert from 'node:assert/strict'
import { test } from 'vitest'
import { claimLeaseMs } from '#core/cache.ts'
import { entryOf } from '../../test/support/arrivals.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { Entry } from './entry.ts'
import { Park } from './park.ts'

const pauseMs = 50

interface Return {
  readonly atMs: number
  readonly entries: readonly Entry[]
}

/** Its clock does not stand at 0: what is reckoned from the start of the process shows. */
async function newPark(maxEntries = 100) {
  const clock = new VirtualClock()
  await clock.advance(777)
  const startMs = clock.now()
  const returns: Return[] = []
  const reenter = (entries: readonly Entry[]) => returns.push({ atMs: clock.now() - startMs, entries })
  const park = new Park({ clock, maxEntries, reenter })
  return { park, clock, returns, admit: (entry: Entry) => admitTo(park, clock, entry) }
}

/** As a batch does that ends at once. */
function admitTo(park: Park, clock: VirtualClock, entry: Entry): boolean {
  const isAccepted = park.accepts(entry, 0)
  if (isAccepted) park.admit([entry], clock.now())
  return isAccepted
}

test('an entry returns after the pause, to the millisecond', async () => {
  const { admit, clock, returns } = await newPark()
  const a = entryOf('a 1 x')
  assert.equal(admit(a), true)
  await clock.advance(pauseMs - 1)
  assert.equal(returns.length, 0)
  await clock.advance(1)
  assert.deepEqual(returns, [{ atMs: pauseMs, entries: [a] }])
  assert.ok(returns[0]?.entries[0] === a, 'the same entry, with all that it knows')
})

test('all return together, in order, with the first of them, on one timer', async () => {
  const { admit, clock, returns } = await newPark()
  const [a, b, c] = [entryOf('a 1 x'), entryOf('b 1 x'), entryOf('c 1 x')]
  admit(a)
  admit(b)
  await clock.advance(30)
  admit(c)
  assert.equal(clock.timers, 1)
  await clock.advance(20)
  assert.deepEqual(returns, [{ atMs: 50, entries: [a, b, c] }])
})

test('each returns once; the next one has its own pause, and an empty park has no timer', async () => {
  const { admit, clock, returns } = await newPark()
  const [a, b] = [entryOf('a 1 x'), entryOf('b 1 x')]
  assert.equal(clock.timers, 0)
  admit(a)
  await clock.advance(60)
  assert.equal(clock.timers, 0)
  admit(b)
  await clock.advance(1000)
  assert.deepEqual(returns, [
    { atMs: 50, entries: [a] },
    { atMs: 110, entries: [b] },
  ])
  assert.equal(clock.timers, 0)
})

test('an entry that is busy again in the same tick waits another pause', async () => {
  const clock = new VirtualClock()
  const times: number[] = []
  const reenter = (entries: readonly Entry[]) => {
    times.push(clock.now())
    for (const entry of entries) admitTo(park, clock, entry)
  }
  const park = new Park({ clock, maxEntries: 1, reenter })
  admitTo(park, clock, entryOf('a 1 x'))
  await clock.advance(60_000)
  // No longer accepted when its time is over.
  assert.deepEqual(
    times,
    Array.from({ length: claimLeaseMs / pauseMs }, (_, i) => (i + 1) * pauseMs),
  )
  assert.equal(clock.timers, 0)
})

test('an entry waits at most a lease from the first time it was busy, to the millisecond', async () => {
  const { admit, clock } = await newPark()
  const [a, b] = [entryOf('a 1 x'), entryOf('b 1 x')]
  assert.equal(admit(a), true)
  await clock.advance(4000)
  assert.equal(admit(b), true)
  await clock.advance(5999)
  assert.equal(admit(a), true)
  await clock.advance(1)
  assert.equal(admit(a), false)
  assert.equal(admit(b), true, 'each has its own')
  await clock.advance(60_000)
  assert.equal(admit(a), false, 'and it is not given anew')
  assert.equal(admit(b), false)
})

test('that time starts even if there was no room', async () => {
  const { admit, clock } = await newPark(1)
  const a = entryOf('a 1 x')
  admit(entryOf('b 1 x'))
  assert.equal(admit(a), false)
  await clock.advance(claimLeaseMs)
  assert.equal(admit(a), false)
})

test('an entry without room does not return, and sets no timer', async () => {
  const { admit, clock, returns } = await newPark()
  const a = entryOf('a 1 x')
  admit(a)
  await clock.advance(claimLeaseMs)
  returns.length = 0
  admit(a)
  assert.equal(clock.timers, 0)
  await clock.advance(1000)
  assert.deepEqual(returns, [])
})

test('accepts no more than it has room for, and has room again after the pause', async () => {
  const { admit, clock, returns } = await newPark(2)
  const [a, b, c] = [entryOf('a 1 x'), entryOf('b 1 x'), entryOf('c 1 x')]
  assert.deepEqual(
    [a, b, c].map((entry) => admit(entry)),
    [true, true, false],
  )
  await clock.advance(pauseMs)
  assert.deepEqual(returns, [{ atMs: 50, entries: [a, b] }])
  assert.deepEqual(
    [c, b, a].map((entry) => admit(entry)),
    [true, true, false],
  )
})

test('the pause runs from when they were parked, however long their batch took', async () => {
  const { park, clock, returns } = await newPark()
  const [a, b] = [entryOf('a 1 x'), entryOf('b 1 x')]
  const sinceMs = clock.now()
  await clock.advance(30)
  park.admit([a], sinceMs)
  await clock.advance(19)
  assert.equal(returns.length, 0)
  await clock.advance(1)
  park.admit([b], sinceMs)
  assert.deepEqual(returns, [
    { atMs: 50, entries: [a] },
    { atMs: 50, entries: [b] },
  ])
  assert.equal(clock.timers, 0)
})

test('entries parked by the same batch already count', async () => {
  const { park } = await newPark(2)
  assert.equal(park.accepts(entryOf('a 1 x'), 1), true)
  assert.equal(park.accepts(entryOf('b 1 x'), 2), false)
})

test('an entry accepted before draining that arrives after it returns at once', async () => {
  const { park, clock, returns } = await newPark()
  const a = entryOf('a 1 x')
  assert.equal(park.accepts(a, 0), true)
  park.drain()
  park.admit([a], clock.now())
  assert.deepEqual(returns, [{ atMs: 0, entries: [a] }])
  assert.equal(clock.timers, 0)
})

test('draining returns everything at once, accepts nothing and leaves no timer', async () => {
  const { park, admit, clock, returns } = await newPark()
  const [a, b] = [entryOf('a 1 x'), entryOf('b 1 x')]
  admit(a)
  await clock.advance(10)
  park.drain()
  assert.deepEqual(returns, [{ atMs: 10, entries: [a] }])
  assert.equal(clock.timers, 0)
  assert.deepEqual([admit(a), admit(b)], [false, false])
  assert.equal(clock.timers, 0)
  park.drain()
  await clock.advance(1000)
  assert.equal(returns.length, 1)
})

test('an empty park returns nothing when it is drained', async () => {
  const { park, returns } = await newPark()
  park.drain()
  assert.deepEqual(returns, [])
})
