import assert from 'node:assert/strict'
import { test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { reconnectBackoff } from './backoff.ts'
import { ConnectGate } from './connect-gate.ts'

/** A gate whose delays are 100, 200, 300, … ms, and a server that can be away. */
function newGate() {
  const clock = new VirtualClock()
  let delayMs = 0
  const backoff = { next: () => (delayMs += 100), reset: () => void (delayMs = 0) }
  const gate = new ConnectGate({ clock, backoff })
  const server = { isAway: true, asked: 0 }
  const connect = async () => {
    server.asked += 1
    if (server.isAway) throw new Error(`away ${server.asked}`)
    return server.asked
  }
  const outcomes: string[] = []
  const pass = (signal?: AbortSignal) =>
    void gate.pass(connect, signal).then(
      (at) => outcomes.push(`connected ${at}`),
      (error: Error) => outcomes.push(error.message),
    )
  return { clock, gate, server, pass, outcomes }
}

test('while attempts succeed all connect at once', async () => {
  const { clock, server, pass, outcomes } = newGate()
  server.isAway = false
  for (let i = 0; i < 3; i++) pass()
  await clock.settle()
  assert.deepEqual([outcomes, clock.timers], [['connected 1', 'connected 2', 'connected 3'], 0])
})

test('after a failure one tries when the delay is over, and all that wait share its error', async () => {
  const { clock, server, pass, outcomes } = newGate()
  pass()
  await clock.settle()
  for (let i = 0; i < 3; i++) pass()
  await clock.advance(99)
  assert.deepEqual([server.asked, outcomes], [1, ['away 1']])
  await clock.advance(1)
  assert.deepEqual([server.asked, outcomes], [2, ['away 1', 'away 2', 'away 2', 'away 2']])
  pass()
  await clock.advance(199)
  assert.equal(server.asked, 2)
  await clock.advance(1)
  assert.equal(server.asked, 3)
})

test('attempts that fail together count once', async () => {
  const { clock, server, pass } = newGate()
  for (let i = 0; i < 10; i++) pass()
  await clock.settle()
  pass()
  await clock.advance(100)
  assert.equal(server.asked, 11)
})

test('a successful trial lets all continue, and delays are short again', async () => {
  const { clock, server, pass, outcomes } = newGate()
  for (let i = 0; i < 4; i++) {
    pass()
    await clock.advance(1000)
  }
  server.isAway = false
  for (let i = 0; i < 3; i++) pass()
  await clock.advance(1000)
  assert.deepEqual(outcomes.slice(-3), ['connected 5', 'connected 6', 'connected 7'])
  server.isAway = true
  for (let i = 0; i < 2; i++) pass()
  await clock.settle()
  pass()
  await clock.advance(100)
  assert.equal(outcomes.at(-1), 'away 10')
})

test('a delay that has passed is not waited for again', async () => {
  const { clock, server, pass } = newGate()
  pass()
  await clock.advance(5000)
  pass()
  await clock.settle()
  assert.deepEqual([server.asked, clock.timers], [2, 0])
})

test('a caller that waits for the delay continues at abort', async () => {
  const { clock, pass, outcomes } = newGate()
  pass()
  await clock.settle()
  const abort = new AbortController()
  pass(abort.signal)
  await clock.settle()
  abort.abort()
  await clock.settle()
  assert.deepEqual([outcomes.at(-1), clock.timers], ['away 2', 0])
})

test('a server that is down for an hour is tried about every 4 s, however many callers wait', async () => {
  const clock = new VirtualClock()
  const gate = new ConnectGate({ clock, backoff: reconnectBackoff() })
  let attempts = 0
  const connect = async () => {
    attempts += 1
    throw new Error('away')
  }
  let isOver = false
  const asker = async () => {
    while (!isOver) await gate.pass(connect).catch(() => {})
  }
  for (let i = 0; i < 20; i++) void asker()
  const hour = 3_600_000
  await clock.advance(hour)
  isOver = true
  assert.ok(attempts > hour / 5000 && attempts < hour / 3500 + 30, `${attempts} attempts`)
})
