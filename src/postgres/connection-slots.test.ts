import assert from 'node:assert/strict'
import { test } from 'vitest'
import { problemText } from '#connect/explain.ts'
import { noLogger } from '#core/logger.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { ConnectionSlots } from './connection-slots.ts'

/**
 * A pool of four, with a server that has `open` connections of it, and others `opening`; it is left alone for 1 s, 2 s,
 * 3 s …
 */
function newSlots() {
  const clock = new VirtualClock()
  const server = { open: 0, opening: 0 }
  const lines: string[] = []
  const note = (_: unknown, line: string) => void lines.push(line)
  let delayMs = 0
  const slots = new ConnectionSlots({
    size: 4,
    connected: () => server.open + server.opening,
    open: () => server.open,
    backoff: { next: () => (delayMs += 1000), reset: () => void (delayMs = 0) },
    clock,
    logger: { ...noLogger, info: note, warn: note },
    explain: problemText,
  })
  const served: number[] = []
  const ask = (name: number) =>
    void slots.turn().then(
      () => served.push(name),
      () => served.push(-name),
    )
  /** The turn that came next led to this. */
  const opened = () => {
    server.open += 1
    slots.opened()
  }
  const refused = () => {
    assert.equal(slots.refused(new Error('too many connections')), true)
    slots.free()
  }
  return { clock, server, lines, slots, served, ask, opened, refused }
}

test('as many as configured, then in order of arrival', async () => {
  const { clock, slots, served, ask } = newSlots()
  for (let name = 1; name <= 6; name++) ask(name)
  await clock.settle()
  assert.deepEqual(served, [1, 2, 3, 4])
  slots.free()
  await clock.settle()
  ask(7)
  slots.free()
  await clock.settle()
  assert.deepEqual(served, [1, 2, 3, 4, 5, 6])
})

test('those who share it have equal parts; one that waits takes nothing of another part', async () => {
  const { clock, slots, served } = newSlots()
  const [one, other] = [slots.newSharer(), slots.newSharer()]
  const ask = (name: number, sharer?: symbol) => void slots.turn(sharer).then(() => served.push(name))
  for (const name of [11, 12, 13, 14, 15]) ask(name, one)
  await clock.settle()
  assert.deepEqual(served, [11, 12], 'half of four')
  ask(21, other)
  await clock.settle()
  assert.deepEqual(served, [11, 12, 21], 'who waits longer is passed')
  // Who is none of them takes what is left.
  ask(1)
  await clock.settle()
  assert.deepEqual(served, [11, 12, 21, 1])
  ask(22, other)
  slots.free()
  slots.free(one)
  await clock.settle()
  assert.deepEqual(served, [11, 12, 21, 1, 22, 13])
  slots.free(other)
  slots.free(other)
  await clock.settle()
  assert.deepEqual(served, [11, 12, 21, 1, 22, 13], 'what one does not use is not lent to the other')
})

test('a server that allows fewer connections: their parts shrink, but each has one', async () => {
  const { clock, server, slots, served } = newSlots()
  const [one, other] = [slots.newSharer(), slots.newSharer()]
  const ask = (name: number, sharer: symbol) => void slots.turn(sharer).then(() => served.push(name))
  server.open = 1
  ask(11, one)
  ask(12, one)
  await clock.settle()
  assert.deepEqual(served, [11, 12])
  assert.equal(slots.refused(new Error('too many connections')), true)
  slots.free(one)
  for (const name of [13, 14]) ask(name, one)
  ask(21, other)
  await clock.settle()
  assert.deepEqual(served, [11, 12], 'the only connection is lent')
  for (const sharer of [one, one, one]) {
    slots.free(sharer)
    await clock.settle()
  }
  assert.deepEqual(served, [11, 12, 13, 14, 21])
})

test('rejected: continues with the open ones, says so once, and tries one more with growing delays', async () => {
  const { clock, lines, served, ask, opened, refused } = newSlots()
  for (let name = 1; name <= 8; name++) ask(name)
  await clock.settle()
  opened()
  opened()
  refused()
  refused()
  await clock.settle()
  assert.deepEqual(served, [1, 2, 3, 4], 'two are lent out, and that is all there are')
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /continuing with those that are open; raise its limit to 4/)
  for (const [delayMs, name] of [
    [1000, 5],
    [2000, 6],
    [3000, 7],
  ] as const) {
    await clock.advance(delayMs - 1)
    assert.equal(served.at(-1), name - 1)
    await clock.advance(1)
    assert.equal(served.at(-1), name, 'one tries')
    refused()
    await clock.settle()
  }
  assert.equal(lines.length, 1)
})

test('grows by one as long as that works, and says when all are open', async () => {
  const { clock, lines, served, ask, opened, refused } = newSlots()
  for (let name = 1; name <= 8; name++) ask(name)
  await clock.settle()
  opened()
  for (let i = 0; i < 3; i++) refused()
  await clock.advance(1000)
  assert.deepEqual(served.length, 5)
  opened()
  await clock.settle()
  assert.deepEqual(served.length, 6)
  opened()
  await clock.settle()
  assert.equal(lines.length, 1)
  opened()
  assert.match(lines[1] ?? '', /accepts all connections/)
  assert.deepEqual([lines.length, clock.timers], [2, 0])
})

test('a connection that is still being opened does not count as accepted', async () => {
  const { clock, server, lines, served, ask, opened, refused } = newSlots()
  for (let name = 1; name <= 4; name++) ask(name)
  await clock.settle()
  assert.deepEqual(served, [1, 2, 3, 4])
  server.opening = 3
  refused()
  server.opening = 2
  opened()
  ask(5)
  await clock.settle()
  server.opening = 3
  opened()
  server.opening = 1
  refused()
  assert.equal(lines.length, 1, lines.join())
})

test('rejected with none open: an outage, and one at a time may try', async () => {
  const { clock, server, slots, served, ask, opened, refused } = newSlots()
  assert.equal(slots.refused(new Error('too many connections')), false)
  for (let name = 1; name <= 6; name++) ask(name)
  await clock.settle()
  opened()
  for (let i = 0; i < 3; i++) refused()
  server.open = 0
  slots.free()
  await clock.settle()
  assert.deepEqual(served, [1, 2, 3, 4, 5])
})

test('closed: waiting callers are rejected, and no timer is left', async () => {
  const { clock, slots, served, ask, opened, refused } = newSlots()
  for (let name = 1; name <= 5; name++) ask(name)
  await clock.settle()
  opened()
  refused()
  slots.close(new Error('closed'))
  ask(6)
  await clock.settle()
  assert.deepEqual([new Set(served.slice(4)), clock.timers], [new Set([-5, -6]), 0])
})
