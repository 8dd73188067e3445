import assert from 'node:assert/strict'
import { test } from 'vitest'
import { noLogger } from '#core/logger.ts'
import { WriteFailure } from '#core/write-failure.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { Evidence } from './store-gate.ts'
import { StoreGate, noEvidence, notAttempted, works } from './store-gate.ts'

/** Delays of 1, 2, 3 … seconds. */
function newGate() {
  const clock = new VirtualClock()
  const abort = new AbortController()
  const reasons: (string | undefined)[] = []
  let seconds = 0
  const backoff = { next: () => (seconds += 1) * 1000, reset: () => void (seconds = 0) }
  const changed = () => reasons.push(gate.reason)
  const gate = new StoreGate({ name: 'it', clock, backoff, logger: noLogger, changed, aborted: abort.signal })
  const admitted: string[] = []
  const turnedAway: string[] = []
  /** An attempt that ends when it is told to, with this evidence. */
  const come = (name: string) => {
    const ending = Promise.withResolvers<Evidence>()
    let openEarly = () => {}
    const attempt = (open: () => void) => {
      admitted.push(name)
      openEarly = open
      return ending.promise
    }
    const run = gate.run(attempt).then((ran) => void (ran || turnedAway.push(name)))
    const shows = async (evidence: Evidence) => {
      ending.resolve(evidence)
      await run
    }
    return { shows, fails: ending.reject, run, open: () => openEarly() }
  }
  /** An attempt that ends at once. */
  const show = (evidence: Evidence) => gate.run(async () => evidence)
  return { gate, clock, abort, reasons, admitted, turnedAway, come, show }
}

const away: Evidence = { shows: 'failed', failure: new WriteFailure('infrastructure', 'away') }
const refused: Evidence = { shows: 'refused', failure: new WriteFailure('bad-row', 'no', '23514') }

test('an open gate lets all pass', async () => {
  const { gate, clock, admitted, come, show } = newGate()
  come('a')
  come('b')
  await clock.settle()
  assert.deepEqual(admitted, ['a', 'b'])
  for (const evidence of [noEvidence, notAttempted, works, refused]) await show(evidence)
  assert.equal(gate.reason, undefined)
  assert.equal(clock.timers, 0)
})

test('a closed gate lets one at a time pass, each after a longer delay, in order', async () => {
  const { clock, admitted, come, show } = newGate()
  await show(away)
  const [a] = ['a', 'b', 'c'].map(come)
  await clock.advance(999)
  assert.deepEqual(admitted, [])
  await clock.advance(1)
  assert.deepEqual(admitted, ['a'])
  await clock.advance(3_600_000)
  assert.deepEqual(admitted, ['a'], 'the next one waits for what the first one finds')
  await a?.shows(away)
  await clock.advance(1999)
  assert.deepEqual(admitted, ['a'])
  await clock.advance(1)
  assert.deepEqual(admitted, ['a', 'b'])
})

test('many simultaneous failures make one probe', async () => {
  const { clock, admitted, come } = newGate()
  const all = ['a', 'b', 'c'].map(come)
  await clock.settle()
  for (const one of all) {
    await one.shows(away)
    come('next')
  }
  assert.equal(clock.timers, 1)
  await clock.advance(10_000)
  assert.deepEqual(admitted, ['a', 'b', 'c', 'next'])
})

test('the first one after the delay passes at once, the next one does not', async () => {
  const { gate, clock, admitted, come, show } = newGate()
  await show(away)
  assert.equal(gate.isClosed, true)
  await clock.advance(5000)
  assert.equal(gate.isClosed, false, 'a caller may come and probe')
  come('a')
  come('b')
  await clock.settle()
  assert.deepEqual(admitted, ['a'])
  assert.equal(gate.isClosed, true)
})

test('a probe without evidence leaves the gate as it is and lets another one try', async () => {
  const { gate, clock, admitted, reasons, come, show } = newGate()
  await show(away)
  const a = come('a')
  come('b')
  await clock.advance(1000)
  await a.shows(noEvidence)
  assert.equal(gate.reason, 'away')
  assert.deepEqual(admitted, ['a'])
  await clock.advance(2000)
  assert.deepEqual(admitted, ['a', 'b'])
  assert.deepEqual(reasons, ['away'])
})

test('a probe with nothing to write lets another one try at once', async () => {
  const { gate, clock, admitted, come, show } = newGate()
  await show(away)
  const a = come('a')
  come('b')
  await clock.advance(1000)
  await a.shows(notAttempted)
  await clock.settle()
  assert.deepEqual(admitted, ['a', 'b'])
  assert.equal(gate.reason, 'away')
})

test('a success lets all pass, and delays are short again', async () => {
  const { clock, admitted, reasons, come, show } = newGate()
  await show(away)
  const [a] = ['a', 'b', 'c'].map(come)
  await clock.advance(1000)
  await a?.shows(works)
  await clock.settle()
  assert.deepEqual(admitted, ['a', 'b', 'c'])
  assert.deepEqual(reasons, ['away', undefined])
  await show(away)
  come('d')
  await clock.advance(1000)
  assert.deepEqual(admitted.at(-1), 'd')
})

test('an attempt of many statements opens the gate at its first commit', async () => {
  const { gate, clock, admitted, come, show } = newGate()
  await show(away)
  const a = come('a')
  come('b')
  await clock.advance(1000)
  a.open()
  await clock.settle()
  assert.deepEqual(admitted, ['a', 'b'])
  await a.shows(away)
  assert.equal(gate.reason, 'away', 'its end counts all the same')
})

test('three rejections in a row open it, unless they are of the kind that closed it', async () => {
  for (const [code, isOpen] of [
    ['23502', true],
    ['23514', false],
  ] as const) {
    const { gate, clock, show } = newGate()
    await show({ shows: 'failed', failure: new WriteFailure('schema-drift', 'twenty', code) })
    for (let i = 1; i <= 3; i++) {
      await clock.advance(10_000)
      assert.ok(gate.reason)
      await show(refused)
    }
    assert.equal(gate.reason === undefined, isOpen)
  }
})

test('an attempt that throws is no evidence, and the next one gets its turn', async () => {
  const { clock, admitted, come, show } = newGate()
  await show(away)
  const a = come('a')
  come('b')
  await clock.advance(1000)
  const fault = new TypeError('a fault of ours')
  a.fails(fault)
  await assert.rejects(a.run, (error) => error === fault)
  await clock.advance(2000)
  assert.deepEqual(admitted, ['a', 'b'])
})

test('a changed reason is logged once', async () => {
  const { reasons, come, clock } = newGate()
  const all = ['a', 'b', 'c'].map(come)
  await clock.settle()
  const drift: Evidence = { shows: 'failed', failure: new WriteFailure('schema-drift', 'no such column') }
  await all[0]?.shows(away)
  await all[1]?.shows(away)
  await all[2]?.shows(drift)
  assert.deepEqual(reasons, ['away', 'no such column'])
})

test('a forced shutdown releases all without an attempt, and leaves no timer', async () => {
  const { clock, abort, admitted, turnedAway, come, show } = newGate()
  const underWay = come('under way')
  await clock.settle()
  await show(away)
  come('a')
  abort.abort()
  come('b')
  await clock.settle()
  assert.deepEqual(turnedAway.toSorted(), ['a', 'b'])
  assert.equal(clock.timers, 0)
  await underWay.shows(away)
  assert.equal(clock.timers, 0, 'what fails after it is not waited for')
  assert.deepEqual(admitted, ['under way'])
})
