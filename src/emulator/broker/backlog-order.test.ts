import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { RandomDeliveryFaults } from '../faults/delivery-faults.ts'
import type { BacklogRules, Delivery, TakeLimits } from './backlog.ts'
import { Backlog } from './backlog.ts'
import type { Entry } from './entry.ts'
import { newMessage } from './message.ts'

const plain: BacklogRules = {
  ordered: true,
  retainAcked: false,
  retentionMs: 1e9,
  backoffMs: () => 0,
  deadLetter: () => false,
}

const leaseMs = 10_000

/** A backlog with these messages: each text is its key and a number, or `-` and a number for one without a key. */
function newBacklog(texts: readonly string[], rules: Partial<BacklogRules> = {}) {
  const clock = new VirtualClock()
  const released: string[] = []
  const backlog = new Backlog({
    clock,
    number: 1,
    rules: { ...plain, ...rules },
    faults: new RandomDeliveryFaults(() => 0),
    history: false,
    onAvailable: () => {},
  })
  const holder = { leased: () => {}, released: ({ id }: { id: string }) => void released.push(id) }
  const publish = (...ids: readonly string[]) => {
    for (const id of ids) {
      const orderingKey = id.startsWith('-') ? '' : id.slice(0, 1)
      backlog.add(newMessage({ data: Buffer.from('x'), orderingKey }, id, clock.unixMs()))
    }
  }
  const newest = new Map<string, Delivery>()
  const take = (limits: Partial<TakeLimits> = {}, ms = leaseMs) => {
    const all = { share: Infinity, messages: Infinity, bytes: Infinity, orOne: true, ...limits }
    const deliveries = backlog.take(all, ms, holder)
    for (const delivery of deliveries) newest.set(delivery.message.id, delivery)
    return deliveries.map(({ message }) => message.id)
  }
  const of = (id: string) => backlog.find(newest.get(id)?.ackId ?? '')
  const ack = (...ids: readonly string[]) => {
    for (const id of ids) backlog.acknowledge(of(id) as Entry)
  }
  const nack = (...ids: readonly string[]) => {
    for (const id of ids) backlog.nack(of(id) as Entry)
  }
  publish(...texts)
  return { clock, backlog, released, publish, take, of, ack, nack, newest }
}

describe('ordering keys in a backlog', () => {
  test('messages of a key are delivered together and in order, as many as there is room for', () => {
    const { take, ack } = newBacklog(['a1', 'b1', 'a2', '-1', 'a3'])
    assert.deepEqual(take({ messages: 2 }), ['a1', 'a2'])
    assert.deepEqual(take(), ['b1', '-1'], 'a3 waits for those that are out')
    ack('a1')
    assert.deepEqual(take(), [])
    ack('a2')
    assert.deepEqual(take(), ['a3'])
  })

  test('following messages do not count toward a share', () => {
    const { take } = newBacklog(['a1', 'a2', 'b1', 'b2', 'c1'])
    assert.deepEqual(take({ share: 2 }), ['a1', 'a2', 'b1', 'b2'])
  })

  test('bytes count for following messages, too', () => {
    const { size } = newMessage({ data: Buffer.from('x'), orderingKey: 'a' }, 'a1', 1_767_225_600_000)
    const { take } = newBacklog(['a1', 'a2', 'a3'])
    assert.deepEqual(take({ bytes: 2 * size }), ['a1', 'a2'])
  })

  test('a message published while one is outstanding waits for it', () => {
    const { take, ack, publish } = newBacklog(['a1'])
    assert.deepEqual(take(), ['a1'])
    publish('a2', 'a3')
    assert.deepEqual(take(), [])
    ack('a1')
    assert.deepEqual(take(), ['a2', 'a3'])
  })

  test('out-of-order acks do not let the next one overtake', () => {
    const { take, ack } = newBacklog(['a1', 'a2', 'a3', 'a4'])
    assert.deepEqual(take({ messages: 3 }), ['a1', 'a2', 'a3'])
    ack('a3', 'a1')
    assert.deepEqual(take(), [])
    ack('a2')
    assert.deepEqual(take(), ['a4'])
  })

  test('a nack redelivers it and those behind it, whose ack ids are then stale', () => {
    const { take, ack, nack, of, released } = newBacklog(['a1', 'a2', 'a3', 'a4'])
    take({ messages: 3 })
    ack('a1')
    nack('a2')
    assert.deepEqual(released, ['a1', 'a2', 'a3'])
    assert.equal(of('a3'), undefined, 'it is no longer leased')
    assert.deepEqual(take(), ['a2', 'a3', 'a4'])
    assert.deepEqual(of('a3')?.failures, 0, 'which is no failure of its own')
    assert.deepEqual(of('a2')?.failures, 1)
  })

  test('a failure also redelivers acked messages behind it, as long as an earlier one is not acked', async () => {
    const { backlog, clock, take, ack, nack, of, released } = newBacklog(['a1', 'a2', 'a3', 'a4'])
    const states = () => Array.from(backlog.entries(), ({ message, state }) => `${message.id} ${state}`)
    take({ messages: 3 })
    ack('a3', 'a2')
    assert.deepEqual(states(), ['a1 leased', 'a2 acked', 'a3 acked', 'a4 available'])
    assert.deepEqual(released, ['a3', 'a2'])
    assert.equal(of('a2'), undefined, 'its ack id is used up')
    await clock.advance(leaseMs)
    assert.deepEqual(released, ['a3', 'a2', 'a1'], 'each once')
    assert.deepEqual(take(), ['a1', 'a2', 'a3', 'a4'])
    ack('a1', 'a2', 'a4')
    nack('a3')
    assert.deepEqual(take(), ['a3', 'a4'])
    ack('a3', 'a4')
    assert.deepEqual([states(), backlog.available], [[], 0])
  })

  test('a nack leaves earlier messages alone, and waits for them', () => {
    const { take, ack, nack, of } = newBacklog(['a1', 'a2', 'a3'])
    take()
    nack('a2')
    assert.ok(of('a1'))
    assert.deepEqual(take(), [])
    ack('a1')
    assert.deepEqual(take(), ['a2', 'a3'])
  })

  test('nacks from the back to the front redeliver all of them, in order', () => {
    const { take, nack } = newBacklog(['a1', 'a2', 'a3'])
    take()
    nack('a3', 'a2', 'a1')
    assert.deepEqual(take(), ['a1', 'a2', 'a3'])
  })

  test('an expired deadline redelivers it and those behind it, whatever their own deadlines', async () => {
    const { clock, backlog, take, ack, of, released } = newBacklog(['a1', 'a2', 'a3'])
    take()
    ack('a1')
    backlog.extend(of('a3') as Entry, 600_000)
    await clock.advance(leaseMs)
    assert.deepEqual(released, ['a1', 'a2', 'a3'])
    assert.deepEqual(take(), ['a2', 'a3'])
    await clock.advance(600_000)
    assert.deepEqual(released, ['a1', 'a2', 'a3', 'a2', 'a3'], 'the old deadline is forgotten')
  })

  test('messages with the same deadline fail once, all together', async () => {
    const { clock, take, newest } = newBacklog(['a1', 'a2', 'a3'])
    take()
    await clock.advance(leaseMs)
    assert.deepEqual(take(), ['a1', 'a2', 'a3'])
    const attempts = [...newest.values()].map(({ attempt }) => attempt)
    assert.deepEqual(attempts, [2, 1, 1])
  })

  test('other keys, and messages without one, are not delayed', async () => {
    const { take, nack, clock } = newBacklog(['a1', 'a2', 'b1', '-1'], { backoffMs: () => 5000 })
    take()
    nack('a1')
    nack('-1')
    assert.deepEqual(take(), [])
    nack('b1')
    await clock.advance(5000)
    assert.deepEqual(take().sort(), ['-1', 'a1', 'a2', 'b1'])
  })

  test('while the first of a key backs off, so do those behind it', async () => {
    const { take, nack, publish, clock } = newBacklog(['a1', 'a2'], { backoffMs: () => 5000 })
    take()
    nack('a1')
    publish('a3')
    await clock.advance(4999)
    assert.deepEqual(take(), [])
    await clock.advance(1)
    assert.deepEqual(take(), ['a1', 'a2', 'a3'])
  })

  test('a failed message also backs off if it has to wait for earlier ones', async () => {
    const { take, ack, nack, clock } = newBacklog(['a1', 'a2'], { backoffMs: () => 5000 })
    take()
    nack('a2')
    ack('a1')
    assert.deepEqual(take(), [])
    await clock.advance(5000)
    assert.deepEqual(take(), ['a2'])
  })

  test('a dead letter lets the next ones pass, and leaves outstanding ones alone', () => {
    const { take, nack, ack, of } = newBacklog(['a1', 'a2', 'a3'], { deadLetter: () => true })
    take({ messages: 2 })
    nack('a1')
    assert.ok(of('a2'))
    assert.deepEqual(take(), [])
    ack('a2')
    assert.deepEqual(take(), ['a3'])
  })

  test('a dead letter is not redelivered with those before it', () => {
    const { take, nack } = newBacklog(['a1', 'a2', 'a3'], { deadLetter: ({ id }) => id === 'a2' })
    take()
    nack('a2')
    nack('a1')
    assert.deepEqual(take(), ['a1', 'a3'])
  })

  test('a seek backward redelivers all of a key, in order', () => {
    const { clock, backlog, take, ack, publish, of } = newBacklog(['a1', 'a2', 'a3'], { retainAcked: true })
    take({ messages: 2 })
    ack('a2')
    backlog.seek(clock.unixMs())
    assert.equal(of('a1'), undefined)
    publish('a4')
    assert.deepEqual(take({ messages: 1 }), ['a1'])
    ack('a1')
    assert.deepEqual(take(), ['a2', 'a3', 'a4'])
  })

  test('a seek forward frees a key', async () => {
    const { clock, backlog, take, publish, of } = newBacklog(['a1', 'a2', 'a3'])
    take({ messages: 1 })
    await clock.advance(1)
    backlog.seek(clock.unixMs())
    assert.equal(of('a1'), undefined)
    publish('a4')
    assert.deepEqual(take(), ['a4'])
  })

  test('a message past its retention does not block the next', async () => {
    const { clock, backlog, take, publish } = newBacklog(['a1', 'a2', 'b1'], { retentionMs: 1000 })
    await clock.advance(600)
    publish('a3', 'b2')
    await clock.advance(600)
    backlog.sweep()
    assert.equal(backlog.available, 2)
    assert.deepEqual(take().sort(), ['a3', 'b2'])
  })

  test('nor before a sweep', async () => {
    const { clock, take, publish } = newBacklog(['a1', 'a2'], { retentionMs: 1000 })
    await clock.advance(600)
    publish('a3')
    await clock.advance(600)
    assert.deepEqual(take(), ['a3'])
  })

  test('keys have no meaning without ordering', () => {
    const { take, nack, of } = newBacklog(['a1', 'a2', 'a3'], { ordered: false })
    assert.deepEqual(take({ messages: 1 }), ['a1'])
    assert.deepEqual(take(), ['a2', 'a3'])
    nack('a1')
    assert.ok(of('a2'))
    assert.deepEqual(take(), ['a1'])
  })
})
