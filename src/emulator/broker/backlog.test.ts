import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { RandomDeliveryFaults } from '../faults/delivery-faults.ts'
import type { BacklogRules, Delivery, TakeLimits } from './backlog.ts'
import { Backlog } from './backlog.ts'
import type { Entry } from './entry.ts'
import type { Message } from './message.ts'
import { newMessage } from './message.ts'

const plain: BacklogRules = {
  ordered: false,
  retainAcked: false,
  retentionMs: 1e9,
  backoffMs: () => 0,
  deadLetter: () => false,
}

const leaseMs = 10_000

/** A backlog with this many messages: `1`, `2`, … */
function newBacklog(count = 0, rules: Partial<BacklogRules> = {}) {
  const clock = new VirtualClock()
  const told = { available: 0, released: [] as string[] }
  const backlog = new Backlog({
    clock,
    number: 7,
    rules: { ...plain, ...rules },
    faults: new RandomDeliveryFaults(() => 0),
    history: false,
    onAvailable: () => (told.available += 1),
  })
  const holder = { leased: () => {}, released: ({ id }: Message) => told.released.push(id) }
  let published = 0
  const publish = (bytes = 1) =>
    backlog.add(newMessage({ data: Buffer.alloc(bytes) }, String(++published), clock.unixMs()))
  const take = (limits: Partial<TakeLimits> = {}, ms = leaseMs) =>
    backlog.take({ share: Infinity, messages: Infinity, bytes: Infinity, orOne: true, ...limits }, ms, holder)
  const leased = ({ ackId }: Delivery) => backlog.find(ackId) as Entry
  const states = () => Array.from(backlog.entries(), ({ state }) => state)
  for (let i = 0; i < count; i += 1) publish()
  return { clock, backlog, told, publish, take, leased, states }
}

const idsOf = (deliveries: readonly Delivery[]) => deliveries.map(({ message }) => message.id)
const first = (deliveries: readonly Delivery[]) => deliveries[0] as Delivery

describe('the life of a message', () => {
  test('available, leased, gone', () => {
    const { backlog, told, take, leased, states } = newBacklog(2)
    assert.deepEqual([states(), backlog.available, told.available], [['available', 'available'], 2, 2])
    const deliveries = take()
    assert.deepEqual(idsOf(deliveries), ['1', '2'])
    assert.deepEqual([states(), backlog.available], [['leased', 'leased'], 0])
    assert.deepEqual(take(), [])
    backlog.acknowledge(leased(first(deliveries)))
    assert.deepEqual(states(), ['leased'])
    assert.deepEqual(told.released, ['1'])
  })

  test('the oldest are delivered first', () => {
    const { take } = newBacklog(5)
    assert.deepEqual(idsOf(take({ messages: 2 })), ['1', '2'])
    assert.deepEqual(idsOf(take({ messages: 2 })), ['3', '4'])
  })

  test('an acked message is never redelivered, however much time passes', async () => {
    const { backlog, clock, take, leased } = newBacklog(1)
    backlog.acknowledge(leased(first(take())))
    await clock.advance(1e6)
    assert.deepEqual([take(), backlog.available], [[], 0])
  })

  test('a nacked message is redelivered at once, behind those that wait', () => {
    const { backlog, told, take, leased } = newBacklog(2)
    backlog.nack(leased(first(take({ messages: 1 }))))
    assert.deepEqual(told, { available: 3, released: ['1'] })
    assert.deepEqual(
      take().map(({ message, attempt }) => [message.id, attempt]),
      [
        ['2', 1],
        ['1', 2],
      ],
    )
  })

  test('it counts its events', async () => {
    const { backlog, clock, take, leased } = newBacklog(1)
    const [entry] = backlog.entries() as Iterable<Entry> & Entry[]
    backlog.nack(leased(first(take())))
    take()
    await clock.advance(leaseMs)
    const third = first(take())
    backlog.extend(leased(third), leaseMs)
    backlog.extend(leased(third), leaseMs)
    backlog.acknowledge(leased(third))
    const { deliveries, failures, acks, nacks, modacks } = entry as Entry
    const counts = { deliveries: 3, failures: 2, acks: 1, nacks: 1, modacks: 2 }
    assert.deepEqual({ deliveries, failures, acks, nacks, modacks }, counts)
  })
})

describe('ack ids', () => {
  test('each delivery has its own, and only the newest is valid', () => {
    const { backlog, take, leased } = newBacklog(1)
    const old = first(take())
    assert.equal(leased(old).message.id, '1')
    backlog.nack(leased(old))
    assert.equal(backlog.find(old.ackId), undefined, 'it is not leased')
    const again = first(take())
    assert.notEqual(again.ackId, old.ackId)
    assert.equal(backlog.find(old.ackId), undefined, 'it is leased again, under another id')
    backlog.acknowledge(leased(again))
    assert.equal(backlog.find(again.ackId), undefined)
  })

  test('not issued yet are as stale as old ones', () => {
    const { backlog, take } = newBacklog(1)
    take()
    for (const id of ['7-1-2', '7-2-1', '8-1-1', '1-2-3']) assert.equal(backlog.find(id), undefined, id)
    assert.ok(backlog.find('7-1-1'))
  })

  test('that were never possible are rejected', () => {
    const { backlog } = newBacklog(1)
    for (const id of [
      '',
      'x',
      '7',
      '7-',
      '7-1',
      '7-1-',
      '7-1-x',
      '7-0-1',
      '7-1-0',
      '7--1-1',
      '-1-1',
      '7-1.5-1',
    ]) {
      const message = `Invalid ack id (ack_id=${id})`
      assert.throws(() => backlog.find(id), { status: 'INVALID_ARGUMENT', message }, id)
    }
  })
})

describe('deadlines', () => {
  test('a message is redelivered when its deadline has passed, not before', async () => {
    const { backlog, clock, told, take } = newBacklog(1)
    const { ackId } = first(take())
    await clock.advance(leaseMs - 1)
    assert.ok(backlog.find(ackId))
    assert.deepEqual([backlog.available, told.released], [0, []])
    await clock.advance(1)
    assert.equal(backlog.find(ackId), undefined)
    assert.deepEqual([backlog.available, told.released, told.available], [1, ['1'], 2])
    assert.equal(first(take()).attempt, 2)
  })

  test('each delivery has its own', async () => {
    const { clock, take, states } = newBacklog(2)
    take({ messages: 1 }, 1000)
    take({ messages: 1 }, 2000)
    await clock.advance(1000)
    assert.deepEqual(states(), ['available', 'leased'])
    await clock.advance(1000)
    assert.deepEqual(states(), ['available', 'available'])
  })

  for (const [what, ms] of [
    ['puts it off', 15_000],
    ['brings it forward', 3000],
  ] as const) {
    test(`an extension ${what}, from now on`, async () => {
      const { backlog, clock, told, take, leased } = newBacklog(1)
      const delivery = first(take())
      await clock.advance(4000)
      backlog.extend(leased(delivery), ms)
      await clock.advance(ms - 1)
      assert.ok(leased(delivery), 'under the same id')
      await clock.advance(1)
      assert.deepEqual([backlog.available, told.released], [1, ['1']])
    })
  }

  test('a requested expiry works like a deadline that passes', async () => {
    const { backlog, clock, told, take, states } = newBacklog(3)
    const [one] = take({ messages: 2 })
    backlog.expire(({ message }) => message.id !== '2')
    assert.deepEqual(states(), ['available', 'leased', 'available'])
    assert.deepEqual(told.released, ['1'])
    assert.equal(backlog.find(one?.ackId ?? ''), undefined)
    assert.deepEqual(
      take().map(({ message, attempt }) => [message.id, attempt]),
      [
        ['3', 1],
        ['1', 2],
      ],
    )
    await clock.advance(leaseMs - 1)
    assert.equal(backlog.available, 0, 'and the deadline that it had is forgotten')
  })

  test('when everything is settled or cleared, no more deadlines are reported', async () => {
    const { backlog, clock, told, take, leased } = newBacklog(3)
    const [one, two] = take({ messages: 2 })
    backlog.acknowledge(leased(one as Delivery))
    backlog.clear()
    assert.equal(clock.timers, 0)
    assert.equal(backlog.find(two?.ackId ?? ''), undefined)
    assert.deepEqual([...backlog.entries()], [])
    assert.deepEqual(told.released, ['1', '2'])
    await clock.advance(1e6)
    assert.deepEqual([take(), told.available], [[], 3])
  })
})

describe('a policy', () => {
  test('for retries delays a message after each failure, with growing delays', async () => {
    const { backlog, clock, told, take, leased, states } = newBacklog(1, {
      backoffMs: (failures) => 1000 * 2 ** (failures - 1),
    })
    for (const restMs of [1000, 2000, 4000]) {
      backlog.nack(leased(first(take())))
      assert.deepEqual([states(), backlog.available], [['waiting'], 0])
      await clock.advance(restMs - 1)
      assert.equal(backlog.available, 0, `not before ${restMs} ms`)
      const before = told.available
      await clock.advance(1)
      assert.deepEqual([states(), backlog.available, told.available], [['available'], 1, before + 1])
    }
    take()
    await clock.advance(leaseMs)
    assert.deepEqual(states(), ['waiting'], 'a deadline that passes is a failure, too')
  })

  test('for dead letters forwards a message after that many failures, of either kind', async () => {
    const dead: string[] = []
    const { backlog, clock, told, take, leased, states } = newBacklog(1, {
      deadLetter: ({ id }, failures) => failures >= 3 && dead.push(`${id} after ${failures}`) > 0,
    })
    backlog.nack(leased(first(take())))
    take()
    await clock.advance(leaseMs)
    const { attempt, ackId } = first(take())
    assert.equal(attempt, 3)
    assert.deepEqual(dead, [])
    await clock.advance(leaseMs)
    assert.deepEqual(dead, ['1 after 3'])
    assert.deepEqual([states(), backlog.available, backlog.find(ackId)], [[], 0, undefined])
    assert.equal(told.released.length, 3)
  })

  test('for dead letters that forwards nothing leaves it in place', () => {
    const { backlog, take, leased } = newBacklog(1)
    for (let attempt = 1; attempt < 20; attempt += 1) {
      const delivery = first(take())
      assert.equal(delivery.attempt, attempt)
      backlog.nack(leased(delivery))
    }
  })
})

describe('a take', () => {
  const { size } = newMessage({ data: Buffer.alloc(50) }, '1', 1_767_225_600_000)

  test('returns no more messages than requested', () => {
    const { take } = newBacklog(5)
    assert.deepEqual(idsOf(take({ messages: 0 })), [])
    assert.deepEqual(idsOf(take({ messages: 3 })), ['1', '2', '3'])
    assert.deepEqual(idsOf(take({ messages: 3 })), ['4', '5'])
  })

  test('returns no more than a share', () => {
    const { take } = newBacklog(5)
    assert.deepEqual(idsOf(take({ share: 0 })), [])
    assert.deepEqual(idsOf(take({ share: 3 })), ['1', '2', '3'])
    assert.deepEqual(idsOf(take({ share: 3, messages: 1 })), ['4'])
  })

  test('returns no more bytes than requested', () => {
    const { publish, take } = newBacklog()
    for (let i = 0; i < 5; i += 1) publish(50)
    assert.deepEqual(idsOf(take({ bytes: 2 * size })), ['1', '2'])
    assert.deepEqual(idsOf(take({ bytes: 2 * size - 1 })), ['3'])
    assert.deepEqual(idsOf(take({ bytes: size - 1, orOne: false })), [])
  })

  test('returns a message that is too large only if allowed, and only as the first', () => {
    const { publish, take } = newBacklog(1)
    publish(500)
    publish(500)
    assert.deepEqual(idsOf(take({ bytes: 100 })), ['1'])
    assert.deepEqual(idsOf(take({ bytes: 100, orOne: false })), [])
    assert.deepEqual(idsOf(take({ bytes: 100 })), ['2'])
    assert.deepEqual(idsOf(take({ bytes: 100 })), ['3'])
  })
})
