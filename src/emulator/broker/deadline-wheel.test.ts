import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { alwaysAsync } from '../../../test/support/seed.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { Entry } from './entry.ts'
import { newMessage } from './message.ts'

/** How late an entry may be told. */
const lateMs = 20

const message = newMessage({ data: Buffer.from('x') }, '1', 0)
const newEntry = (sequence = 1) => new Entry(message, sequence)

/** A wheel that notes what came due, and when. */
function newWheel(onDue: (entry: Entry) => void = () => {}) {
  const clock = new VirtualClock()
  const came: { sequence: number; atMs: number }[] = []
  const wheel = new DeadlineWheel(clock, (entry) => {
    assert.equal(entry.list, undefined, 'it is in no list when it is due')
    came.push({ sequence: entry.sequence, atMs: clock.now() })
    onDue(entry)
  })
  const sequences = () => came.map(({ sequence }) => sequence)
  return { clock, wheel, came, sequences }
}

describe('a timer wheel', () => {
  test('reports each entry once, never early, and at most 20 ms late', async () => {
    const times = fc.array(
      fc.record({ addAtMs: fc.nat({ max: 500 }), inMs: fc.nat({ max: 8000 }).map((n) => n / 8) }),
      { minLength: 1, maxLength: 30 },
    )
    await alwaysAsync(
      fc.asyncProperty(times, async (adds) => {
        const { clock, wheel, came } = newWheel()
        const sorted = adds.toSorted((a, b) => a.addAtMs - b.addAtMs)
        for (const [sequence, { addAtMs, inMs }] of sorted.entries()) {
          await clock.advance(addAtMs - clock.now())
          wheel.add(newEntry(sequence), inMs)
        }
        await clock.advance(2000)
        assert.equal(came.length, adds.length)
        for (const { sequence, atMs } of came) {
          const { addAtMs, inMs } = sorted[sequence] as (typeof sorted)[number]
          const late = atMs - (addAtMs + inMs)
          assert.ok(late >= 0 && late <= lateMs, `${late} ms late`)
        }
      }),
      50,
    )
  })

  test('reports in order of time; entries of one moment in the order in which they were added', async () => {
    const { clock, wheel, sequences } = newWheel()
    for (const [sequence, inMs] of [300, 100, 200, 100, 300].entries()) wheel.add(newEntry(sequence), inMs)
    await clock.advance(1000)
    assert.deepEqual(sequences(), [1, 3, 2, 0, 4])
  })

  test('needs one timer for 100,000 entries, and none when nothing is left', async () => {
    const { clock, wheel, came } = newWheel()
    for (let i = 0; i < 100_000; i += 1) wheel.add(newEntry(i), 1000 + (i % 5000))
    assert.equal(clock.timers, 1)
    await clock.advance(3000)
    assert.equal(clock.timers, 1)
    assert.ok(came.length > 0 && came.length < 100_000)
    await clock.advance(4000)
    assert.equal(came.length, 100_000)
    assert.equal(clock.timers, 0)
  })

  test('resets its one timer only for an earlier entry', async () => {
    const { clock, wheel, came } = newWheel()
    wheel.add(newEntry(1), 1000)
    wheel.add(newEntry(2), 100)
    wheel.add(newEntry(3), 500)
    assert.equal(clock.timers, 1)
    await clock.advance(1000)
    assert.deepEqual(came, [
      { sequence: 2, atMs: 100 },
      { sequence: 3, atMs: 500 },
      { sequence: 1, atMs: 1000 },
    ])
  })

  test('forgets removed entries, wherever they are among those of their moment', async () => {
    const { clock, wheel, sequences } = newWheel()
    const entries = [1, 2, 3, 4].map((sequence) => newEntry(sequence))
    for (const entry of entries) wheel.add(entry, 100)
    const alone = newEntry(5)
    wheel.add(alone, 200)
    for (const entry of [entries[0], entries[2], alone]) wheel.remove(entry as Entry)
    await clock.advance(1000)
    assert.deepEqual(sequences(), [2, 4])
  })

  test('reports an entry that was removed and added again only at its new time', async () => {
    const { clock, wheel, came } = newWheel()
    const entry = newEntry()
    wheel.add(entry, 100)
    wheel.remove(entry)
    wheel.add(entry, 400)
    await clock.advance(1000)
    assert.deepEqual(came, [{ sequence: 1, atMs: 400 }])
  })

  test('lets a callback add and remove others, also of the same moment', async () => {
    const [first, second, later] = [newEntry(1), newEntry(2), newEntry(3)]
    const { clock, wheel, came } = newWheel((entry) => {
      if (entry !== first) return
      wheel.remove(second)
      wheel.remove(later)
      wheel.add(newEntry(4), 1)
      wheel.add(newEntry(5), 60)
    })
    wheel.add(first, 100)
    wheel.add(second, 100)
    wheel.add(later, 200)
    await clock.advance(1000)
    assert.deepEqual(came, [
      { sequence: 1, atMs: 100 },
      { sequence: 4, atMs: 120 },
      { sequence: 5, atMs: 160 },
    ])
    assert.equal(clock.timers, 0)
  })

  test('continues when each due entry adds the next', async () => {
    const { clock, wheel, came } = newWheel((entry) => {
      if (entry.sequence < 10) wheel.add(newEntry(entry.sequence + 1), 20)
    })
    wheel.add(newEntry(1), 20)
    await clock.advance(1000)
    assert.deepEqual(
      came.map(({ atMs }) => atMs),
      [20, 40, 60, 80, 100, 120, 140, 160, 180, 200],
    )
  })

  test('handles a timer that fires a moment early or late', () => {
    const timers: (() => void)[] = []
    let nowMs = 0
    const inexact = {
      now: () => nowMs,
      unixMs: () => nowMs,
      after: (_: number, fn: () => void) => {
        timers.push(fn)
        return () => {}
      },
    }
    const came: number[] = []
    const wheel = new DeadlineWheel(inexact, ({ sequence }) => came.push(sequence))
    for (const [sequence, inMs] of [300, 100, 200, 400].entries()) wheel.add(newEntry(sequence), inMs)
    nowMs = 99.5
    timers.at(-1)?.()
    assert.deepEqual(came, [])
    nowMs = 100
    timers.at(-1)?.()
    assert.deepEqual(came, [1])
    nowMs = 310
    timers.at(-1)?.()
    assert.deepEqual(came, [1, 2, 0], 'what is overdue comes in the order of its times')
    nowMs = 400
    timers.at(-1)?.()
    assert.deepEqual(came, [1, 2, 0, 3])
  })

  test('leaves no timer behind when disposed, and reports nothing more', async () => {
    const { clock, wheel, came } = newWheel()
    wheel.add(newEntry(1), 100)
    wheel[Symbol.dispose]()
    assert.equal(clock.timers, 0)
    await clock.advance(1000)
    assert.deepEqual(came, [])
    wheel.add(newEntry(2), 100)
    await clock.advance(100)
    assert.deepEqual(came, [{ sequence: 2, atMs: 1100 }])
  })
})
