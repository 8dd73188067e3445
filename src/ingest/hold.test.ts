import assert from 'node:assert/strict'
import { test } from 'vitest'
import { WriteFailure } from '#core/failure.ts'
import { noLogger } from '#core/logger.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { Hold } from './hold.ts'

/** Delays of 1, 2, 3 … seconds. */
function newHold() {
  const clock = new VirtualClock()
  const abort = new AbortController()
  const reasons: (string | undefined)[] = []
  let seconds = 0
  const backoff = { next: () => (seconds += 1) * 1000, reset: () => void (seconds = 0) }
  const changed = () => reasons.push(hold.reason)
  const hold = new Hold({ name: 'it', clock, backoff, logger: noLogger, changed, aborted: abort.signal })
  const admitted: string[] = []
  const come = (name: string) =>
    void hold.admission().then((yes) => admitted.push(yes ? name : `${name}: no`))
  return { hold, clock, abort, reasons, admitted, come }
}

const away = new WriteFailure('infrastructure', 'away')

test('while all is well everyone passes', async () => {
  const { hold, clock, admitted, come } = newHold()
  come('a')
  come('b')
  await clock.settle()
  assert.deepEqual(admitted, ['a', 'b'])
  hold.inconclusive()
  hold.succeeded()
  assert.equal(hold.reason, undefined)
  assert.equal(clock.timers, 0)
})

test('while held one at a time passes, each after a longer delay, in order', async () => {
  const { hold, clock, admitted, come } = newHold()
  hold.failed(away)
  for (const name of ['a', 'b', 'c']) come(name)
  await clock.advance(999)
  assert.deepEqual(admitted, [])
  await clock.advance(1)
  assert.deepEqual(admitted, ['a'])
  await clock.advance(3_600_000)
  assert.deepEqual(admitted, ['a'], 'the next one waits for what the first one finds')
  hold.failed(away)
  await clock.advance(1999)
  assert.deepEqual(admitted, ['a'])
  await clock.advance(1)
  assert.deepEqual(admitted, ['a', 'b'])
})

test('many failures at once make one probe', async () => {
  const { hold, clock, admitted, come } = newHold()
  for (const name of ['a', 'b', 'c']) {
    hold.failed(away)
    come(name)
  }
  assert.equal(clock.timers, 1)
  await clock.advance(10_000)
  assert.deepEqual(admitted, ['a'])
})

test('who comes after the delay passes at once, the next one does not', async () => {
  const { hold, clock, admitted, come } = newHold()
  hold.failed(away)
  await clock.advance(5000)
  come('a')
  come('b')
  await clock.settle()
  assert.deepEqual(admitted, ['a'])
})

test('a probe that shows nothing leaves the hold as it is and lets another one try', async () => {
  const { hold, clock, admitted, reasons, come } = newHold()
  hold.failed(away)
  come('a')
  come('b')
  await clock.advance(1000)
  hold.inconclusive()
  assert.equal(hold.reason, 'it: away')
  await clock.advance(2000)
  assert.deepEqual(admitted, ['a', 'b'])
  assert.deepEqual(reasons, ['it: away'])
})

test('a success lets everyone go and begins again with short delays', async () => {
  const { hold, clock, admitted, reasons, come } = newHold()
  hold.failed(away)
  for (const name of ['a', 'b', 'c']) come(name)
  await clock.advance(1000)
  hold.succeeded()
  await clock.settle()
  assert.deepEqual(admitted, ['a', 'b', 'c'])
  assert.deepEqual(reasons, ['it: away', undefined])
  hold.failed(away)
  come('d')
  await clock.advance(1000)
  assert.deepEqual(admitted.at(-1), 'd')
})

test('a change of the reason is told once', () => {
  const { hold, reasons } = newHold()
  hold.failed(away)
  hold.failed(away)
  hold.failed(new WriteFailure('schema-drift', 'no such column'))
  assert.deepEqual(reasons, ['it: away', 'it: no such column'])
})

test('a hard stop lets everyone go unadmitted, and leaves no timer', async () => {
  const { hold, clock, abort, admitted, come } = newHold()
  hold.failed(away)
  come('a')
  abort.abort()
  come('b')
  await clock.settle()
  assert.deepEqual(admitted.toSorted(), ['a: no', 'b: no'])
  assert.equal(clock.timers, 0)
  hold.failed(away)
  assert.equal(clock.timers, 0, 'what fails after it is not waited for')
})
