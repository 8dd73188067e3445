import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { DoorMessage } from '#core/door.ts'
import { noLogger } from '#core/logger.ts'
import type { PublishOutcome } from '#core/publishing.ts'
import type { PublishCall } from '../../test/support/fake-publisher.ts'
import { FakePublisher, grpcError } from '../../test/support/fake-publisher.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { PublishQueueOptions } from './publish-queue.ts'
import { PublishQueue } from './publish-queue.ts'

const topic = 'projects/p/topics/t'
const refusedConnection = grpcError(
  14,
  'No connection established. Last error: connect ECONNREFUSED',
  'client',
)
const lostAnswer = grpcError(14, 'Connection dropped', 'client')
const invalid = grpcError(3, 'the message is invalid')

function setUp(options: Partial<PublishQueueOptions> = {}) {
  const clock = new VirtualClock(10_000)
  const server = new FakePublisher()
  const logged: string[] = []
  const note = (_: unknown, message: string) => logged.push(message)
  const logger = { ...noLogger, info: note, warn: note }
  const queue = new PublishQueue({ clients: server.clients, logger, clock, ...options })
  const outcomes = new Map<string, PublishOutcome>()
  /** One request each; the outcome is kept by its name. */
  const publish = (...names: string[]) => {
    for (const name of names) publishAll(name, [{ data: Buffer.from(name) }])
  }
  const publishAll = (name: string, messages: readonly DoorMessage[], to = topic) => {
    void queue.publish(to, messages).then((outcome) => outcomes.set(name, outcome))
  }
  const outcomeOf = (name: string) => outcomes.get(name)?.outcome
  const call = (at: number): PublishCall => server.calls[at] ?? assert.fail(`there is no call ${at}`)
  return { clock, server, queue, outcomes, outcomeOf, publish, publishAll, call, logged }
}

const named = (count: number) => Array.from({ length: count }, (_, at) => `m${at}`)
const of = (text: string, orderingKey = ''): DoorMessage => ({ data: Buffer.from(text), orderingKey })

test('what waits for a topic that may not be published to is not sent; it is, when that may', async () => {
  let withheld: string | undefined
  const { clock, server, publish, outcomeOf, call } = setUp({ withheldBecause: () => withheld })
  publish('a')
  withheld = 'its subscription is being created'
  await clock.advance(500)
  assert.equal(server.calls.length, 0)
  withheld = undefined
  await clock.advance(2000)
  call(0).confirm()
  await clock.settle()
  assert.equal(outcomeOf('a'), 'confirmed')
  publish('b')
  withheld = 'it is gone'
  await clock.advance(10_000)
  assert.equal(outcomeOf('b'), 'not-sent')
})

describe('batches', () => {
  test('what arrives within the linger is one call, and each request is answered', async () => {
    const { clock, server, publish, outcomes, outcomeOf, call, queue } = setUp()
    publish('a', 'b')
    await clock.advance(1)
    publish('c')
    assert.equal(server.calls.length, 0)
    assert.equal(queue.queued, 3)
    await clock.advance(1)
    assert.deepEqual(
      server.calls.map(({ texts }) => texts),
      [['a', 'b', 'c']],
    )
    assert.equal(outcomes.size, 0)
    call(0).confirm()
    await clock.settle()
    assert.deepEqual(['a', 'b', 'c'].map(outcomeOf), ['confirmed', 'confirmed', 'confirmed'])
    assert.equal(queue.queued, 0)
  })

  test('a full one does not linger; a few calls are in flight, and no more', async () => {
    const { clock, server, publish, outcomes, call } = setUp({ maxCalls: 2 })
    publish(...named(2500))
    await clock.settle()
    assert.deepEqual(
      server.calls.map(({ texts }) => texts.length),
      [1000, 1000],
    )
    await clock.advance(100)
    assert.equal(server.calls.length, 2)
    call(0).confirm()
    await clock.advance(3)
    assert.deepEqual(
      server.calls.map(({ texts }) => texts.length),
      [1000, 1000, 500],
    )
    call(1).confirm()
    call(2).confirm()
    await clock.settle()
    assert.equal(outcomes.size, 2500)
  })

  test('large messages go in more calls', async () => {
    const { clock, server, publishAll } = setUp()
    for (const name of ['a', 'b', 'c']) publishAll(name, [{ data: Buffer.alloc(4_000_000) }])
    await clock.advance(3)
    assert.deepEqual(
      server.calls.map(({ texts }) => texts.length),
      [2, 1],
    )
  })

  test('topics are apart: one that fails delays no other', async () => {
    const { clock, server, publishAll, outcomeOf } = setUp()
    server.answer = (texts) => {
      if (texts.includes('a')) throw refusedConnection
    }
    publishAll('a', [of('a')])
    publishAll('b', [of('b')], 'projects/p/topics/other')
    await clock.advance(3)
    assert.equal(outcomeOf('b'), 'confirmed')
    assert.equal(outcomeOf('a'), undefined)
  })

  test('a request without messages is confirmed', async () => {
    const { queue, server } = setUp()
    assert.deepEqual(await queue.publish(topic, []), { outcome: 'confirmed' })
    assert.equal(server.calls.length, 0)
  })
})

describe('ordering keys', () => {
  test('are not mixed in a call; each has one call in flight, in order', async () => {
    const { clock, server, publishAll, call } = setUp()
    for (const [name, key] of [
      ['a1', 'a'],
      ['b1', 'b'],
      ['n1', ''],
      ['a2', 'a'],
    ] as const)
      publishAll(name, [of(name, key)])
    await clock.advance(3)
    assert.deepEqual(
      server.calls.map(({ texts }) => texts),
      [['a1', 'a2'], ['b1'], ['n1']],
    )
    publishAll('a3', [of('a3', 'a')])
    await clock.advance(50)
    assert.equal(server.calls.length, 3)
    call(0).confirm()
    await clock.settle()
    assert.deepEqual(call(3).texts, ['a3'])
  })

  test('a call that is tried again goes before what came later', async () => {
    const { clock, publishAll, call } = setUp()
    publishAll('a1', [of('a1', 'a')])
    await clock.advance(3)
    publishAll('a2', [of('a2', 'a')])
    call(0).fail(lostAnswer)
    await clock.advance(100)
    assert.deepEqual(call(1).texts, ['a1', 'a2'])
  })

  test('calls of many keys are bounded, and all have their turn', async () => {
    const { clock, server, publishAll, outcomes } = setUp({ maxKeyedCalls: 2 })
    for (const name of named(6)) publishAll(name, [of(name, name)])
    for (let round = 1; round <= 3; round++) {
      await clock.advance(3)
      assert.equal(server.calls.length, 2 * round)
      for (const call of server.calls) call.confirm()
    }
    await clock.settle()
    assert.equal(outcomes.size, 6)
  })

  test('a request with several keys is confirmed when the last call is', async () => {
    const { clock, publishAll, outcomeOf, call } = setUp()
    publishAll('r', [of('1', 'a'), of('2', 'b')])
    await clock.advance(3)
    call(0).confirm()
    await clock.settle()
    assert.equal(outcomeOf('r'), undefined)
    call(1).confirm()
    await clock.settle()
    assert.equal(outcomeOf('r'), 'confirmed')
  })

  test('a request of which one part arrived and the other was refused is unknown', async () => {
    const { clock, publishAll, outcomes, call } = setUp()
    publishAll('r', [of('1', 'a'), of('2', 'b')])
    await clock.advance(3)
    call(0).confirm()
    call(1).fail(invalid)
    await clock.settle()
    assert.deepEqual(outcomes.get('r'), { outcome: 'unknown', why: '3 the message is invalid' })
  })
})

describe('failures', () => {
  test('certainly not sent: tried again with growing delays by one call at a time, then confirmed', async () => {
    const { clock, server, publish, outcomeOf, logged, queue } = setUp()
    server.answer = () => {
      throw refusedConnection
    }
    publish('a')
    await clock.advance(3)
    publish('b')
    await clock.advance(3000)
    const failed = server.calls.length
    assert.ok(failed > 4 && failed < 12, `${failed} calls in 3 s`)
    assert.deepEqual(server.calls.at(-1)?.texts, ['a', 'b'])
    assert.match(queue.failingBecause ?? '', /ECONNREFUSED/)
    server.answer = () => {}
    await clock.advance(1000)
    assert.equal(server.calls.length, failed + 1)
    assert.deepEqual([outcomeOf('a'), outcomeOf('b')], ['confirmed', 'confirmed'])
    assert.equal(queue.failingBecause, undefined)
    assert.deepEqual(logged, ['publishing failed; retrying', 'publishing resumed'])
  })

  test('while calls fail one alone is in flight; when it succeeds the rest follows', async () => {
    const { clock, server, publish, publishAll, call } = setUp()
    publish(...named(1500))
    publishAll('keyed', [of('keyed', 'k')])
    await clock.advance(3)
    assert.equal(server.calls.length, 3)
    for (const one of server.calls) one.fail(refusedConnection)
    await clock.advance(2000)
    assert.equal(server.calls.length, 4)
    call(3).confirm()
    await clock.settle()
    assert.equal(server.calls.length, 6)
  })

  test('certainly not sent until the time is up: not-sent, with the reason', async () => {
    const { clock, server, publish, outcomes } = setUp()
    server.answer = () => {
      throw refusedConnection
    }
    publish('a')
    await clock.advance(9999)
    assert.equal(outcomes.size, 0)
    await clock.advance(1)
    assert.equal(outcomes.get('a')?.outcome, 'not-sent')
    assert.match((outcomes.get('a') as { why: string }).why, /ECONNREFUSED/)
    const calls = server.calls.length
    await clock.advance(20_000)
    assert.equal(server.calls.length, calls, 'what is answered is not sent')
  })

  test('an answer that was lost: tried again, and a later confirmation counts', async () => {
    const { clock, publish, outcomeOf, call } = setUp()
    publish('a')
    await clock.advance(3)
    call(0).fail(lostAnswer)
    await clock.advance(100)
    call(1).confirm()
    await clock.settle()
    assert.equal(outcomeOf('a'), 'confirmed')
  })

  for (const [what, error] of [
    ['certainly not sent', refusedConnection],
    ['refused', grpcError(5, 'no such topic')],
    ['an invalid message', invalid],
  ] as const) {
    test(`an answer that was lost, then ${what}: unknown`, async () => {
      const { clock, server, publish, outcomeOf, call } = setUp()
      publish('a')
      await clock.advance(3)
      call(0).fail(lostAnswer)
      server.answer = () => {
        throw error
      }
      await clock.advance(10_000)
      assert.equal(outcomeOf('a'), 'unknown')
    })
  }

  test('no answer within the time: unknown for what was sent, not-sent for what waited', async () => {
    const { clock, publish, outcomes, outcomeOf, queue } = setUp({ maxCalls: 1 })
    publish('a')
    await clock.advance(3)
    publish('b')
    await clock.advance(10_000)
    assert.deepEqual([outcomeOf('a'), outcomeOf('b')], ['unknown', 'not-sent'])
    assert.match((outcomes.get('a') as { why: string }).why, /not confirmed it within 10 s/)
    assert.equal(queue.queued, 0)
  })

  test('a confirmation after the time changes nothing', async () => {
    const { clock, publish, outcomeOf, call, queue } = setUp()
    publish('a')
    await clock.advance(10_003)
    call(0).confirm()
    await clock.settle()
    assert.equal(outcomeOf('a'), 'unknown')
    assert.equal(queue.queued, 0)
  })

  test('a channel that is connecting: nothing is sent before it is connected', async () => {
    const { clock, server, publish, outcomeOf } = setUp()
    const connected = Promise.withResolvers<void>()
    server.connecting = connected.promise
    publish('a')
    await clock.advance(10_000)
    publish('b')
    await clock.advance(1000)
    assert.equal(outcomeOf('a'), 'not-sent')
    assert.equal(server.calls.length, 0)
    server.connecting = undefined
    server.answer = () => {}
    connected.resolve()
    await clock.settle()
    assert.deepEqual(
      server.calls.map(({ texts }) => texts),
      [['b']],
    )
    assert.equal(outcomeOf('b'), 'confirmed')
  })

  for (const code of [5, 7, 9, 12, 16]) {
    test(`refused with status ${code}: not-sent at once`, async () => {
      const { clock, server, publish, outcomeOf, queue } = setUp()
      server.answer = () => {
        throw grpcError(code, 'no')
      }
      publish('a')
      await clock.advance(3)
      assert.equal(outcomeOf('a'), 'not-sent')
      assert.equal(queue.failingBecause, `${code} no`)
      server.answer = () => {}
      publish('b')
      await clock.advance(3)
      assert.equal(outcomeOf('b'), 'confirmed')
      assert.equal(queue.failingBecause, undefined)
    })
  }

  test('messages that the broker rejects fail their own requests and no others', async () => {
    const { clock, server, publish, outcomes } = setUp()
    const bad = new Set(['m3', 'm77', 'm78'])
    const arrived: string[] = []
    server.answer = (texts) => {
      if (texts.some((text) => bad.has(text))) throw invalid
      arrived.push(...texts)
    }
    const all = named(100)
    publish(...all)
    await clock.advance(3)
    for (const name of all) {
      const expected = bad.has(name)
        ? { outcome: 'not-sent', why: '3 the message is invalid' }
        : { outcome: 'confirmed' }
      assert.deepEqual(outcomes.get(name), expected, name)
    }
    assert.deepEqual(
      arrived,
      all.filter((name) => !bad.has(name)),
    )
  })

  test('a connection that is lost while rejected messages are looked for: the rest is tried again', async () => {
    const { clock, server, publish, outcomeOf } = setUp()
    let calls = 0
    server.answer = (texts) => {
      calls += 1
      if (calls === 2) throw lostAnswer
      if (texts.includes('m2')) throw invalid
    }
    publish(...named(4))
    await clock.advance(1000)
    assert.deepEqual(named(4).map(outcomeOf), ['confirmed', 'confirmed', 'not-sent', 'confirmed'])
  })
})

describe('bounds', () => {
  test('a full queue answers at once; it has room again when something is settled', async () => {
    const { clock, publish, outcomes, outcomeOf, call } = setUp({ maxMessages: 2 })
    publish('a', 'b', 'c')
    await clock.settle()
    assert.deepEqual(outcomes.get('c'), {
      outcome: 'not-sent',
      why: 'the queue is full: 2 messages wait to be published',
    })
    await clock.advance(3)
    call(0).confirm()
    await clock.settle()
    publish('d')
    await clock.advance(3)
    call(1).confirm()
    await clock.settle()
    assert.equal(outcomeOf('d'), 'confirmed')
  })

  test('bytes count, too; a request takes all its room or none', async () => {
    const { clock, publishAll, outcomeOf, queue } = setUp({ maxBytes: 1000 })
    publishAll('a', [of('x'.repeat(600))])
    publishAll('b', [of('1'), of('x'.repeat(500))])
    await clock.settle()
    assert.equal(outcomeOf('b'), 'not-sent')
    assert.equal(queue.queued, 1)
  })

  test('a long outage leaves nothing behind', async () => {
    const { clock, server, publish, outcomes, queue } = setUp({ maxMessages: 50 })
    server.answer = () => {
      throw refusedConnection
    }
    for (let second = 0; second < 60; second++) {
      publish(...named(20).map((name) => `${second} ${name}`))
      await clock.advance(1000)
    }
    assert.ok(queue.queued <= 50)
    assert.ok((server.calls.at(-1)?.texts.length ?? 0) <= 50)
    await clock.advance(10_000)
    assert.equal(queue.queued, 0)
    assert.equal(outcomes.size, 1200)
    assert.ok([...outcomes.values()].every(({ outcome }) => outcome === 'not-sent'))
    await clock.advance(5000)
    assert.equal(clock.timers, 0)
  })
})

describe('closing', () => {
  test('sends what lingers, waits for it, and takes no more', async () => {
    const { clock, publish, outcomes, outcomeOf, call, queue } = setUp()
    publish('a')
    let isClosed = false
    void queue.close(1000).then(() => (isClosed = true))
    publish('b')
    await clock.settle()
    assert.deepEqual(outcomes.get('b'), { outcome: 'not-sent', why: 'the gateway is shutting down' })
    assert.equal(isClosed, false)
    call(0).confirm()
    await clock.settle()
    assert.equal(outcomeOf('a'), 'confirmed')
    assert.ok(isClosed)
    assert.equal(clock.timers, 0)
  })

  test('at the limit what was sent is unknown, and what was not is not-sent', async () => {
    const { clock, server, publish, outcomeOf, queue } = setUp({ maxCalls: 1 })
    publish('a')
    await clock.advance(3)
    publish('b')
    void queue.close(1000)
    await clock.advance(1000)
    assert.deepEqual([outcomeOf('a'), outcomeOf('b')], ['unknown', 'not-sent'])
    server.calls[0]?.confirm()
    await clock.advance(60_000)
    assert.equal(server.calls.length, 1)
  })
})
