import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { RandomDeliveryFaults } from '../faults/delivery-faults.ts'
import type { BacklogRules, Delivery } from './backlog.ts'
import { Backlog } from './backlog.ts'
import type { Entry } from './entry.ts'
import { newMessage } from './message.ts'

const retentionMs = 60_000

const plain: BacklogRules = {
  ordered: false,
  retainAcked: false,
  retentionMs,
  backoffMs: () => 0,
  deadLetter: () => false,
}

/** A backlog with these messages, published 1 s apart; the clock then stands where the last was published. */
async function newBacklog(texts: readonly string[], rules: Partial<BacklogRules> = {}, history = false) {
  const clock = new VirtualClock()
  const released: string[] = []
  const backlog = new Backlog({
    clock,
    number: 1,
    rules: { ...plain, ...rules },
    faults: new RandomDeliveryFaults(() => 0),
    history,
    onAvailable: () => {},
  })
  const publish = (id: string) => backlog.add(newMessage({ data: Buffer.from('x') }, id, clock.unixMs()))
  const newest = new Map<string, Delivery>()
  const take = (messages = Infinity, leaseMs = 10_000) => {
    const limits = { share: Infinity, messages, bytes: Infinity, orOne: true }
    const holder = { leased: () => {}, released: ({ id }: { id: string }) => void released.push(id) }
    const deliveries = backlog.take(limits, leaseMs, holder)
    for (const delivery of deliveries) newest.set(delivery.message.id, delivery)
    return deliveries.map(({ message }) => message.id)
  }
  const of = (id: string) => backlog.find(newest.get(id)?.ackId ?? '') as Entry
  const states = () => Array.from(backlog.entries(), ({ message, state }) => `${message.id} ${state}`)
  const startMs = clock.unixMs()
  for (const [i, text] of texts.entries()) {
    await clock.advance(i === 0 ? 0 : 1000)
    publish(text)
  }
  return { clock, backlog, released, publish, take, of, states, newest, startMs }
}

describe('acked messages', () => {
  test('are dropped if they are not retained', async () => {
    const { backlog, take, of, states } = await newBacklog(['a', 'b'])
    take(1)
    backlog.acknowledge(of('a'))
    assert.deepEqual(states(), ['b available'])
  })

  test('stay in place, and are not delivered', async () => {
    const { backlog, take, of, states, newest } = await newBacklog(['a', 'b'], { retainAcked: true })
    take(1)
    backlog.acknowledge(of('a'))
    assert.deepEqual(states(), ['a acked', 'b available'])
    assert.equal(backlog.find(newest.get('a')?.ackId ?? ''), undefined)
    assert.deepEqual(take(), ['b'])
  })

  test('are listed with a history, although they are gone', async () => {
    const { backlog, take, of, states } = await newBacklog(['a', 'b', 'c'], {}, true)
    take(2)
    backlog.acknowledge(of('b'))
    assert.deepEqual(states(), ['b acked', 'a leased', 'c available'])
    backlog.seek(0)
    assert.deepEqual(states(), ['b acked', 'a available', 'c available'], 'a seek does not bring them back')
  })
})

describe('a seek', () => {
  test('backward redelivers what was acked since, as if it had never been delivered', async () => {
    const { backlog, take, of, states, startMs, released, newest } = await newBacklog(['a', 'b', 'c', 'd'], {
      retainAcked: true,
    })
    take(3)
    backlog.acknowledge(of('a'))
    backlog.acknowledge(of('b'))
    backlog.nack(of('c'))
    take()
    backlog.seek(startMs + 1000)
    assert.deepEqual(states(), ['a acked', 'b available', 'c available', 'd available'])
    assert.deepEqual(released, ['a', 'b', 'c', 'c', 'd'])
    for (const { ackId } of newest.values())
      assert.equal(backlog.find(ackId), undefined, 'all leases are over')
    assert.deepEqual(take(), ['b', 'c', 'd'])
    assert.deepEqual(
      ['b', 'c', 'd'].map((id) => newest.get(id)?.attempt),
      [1, 1, 1],
    )
  })

  test('forward counts as acked what was published before, in any state', async () => {
    const { clock, backlog, take, of, states, startMs } = await newBacklog(['a', 'b', 'c', 'd'], {
      backoffMs: () => 5000,
    })
    take(2)
    backlog.nack(of('a'))
    assert.deepEqual(states(), ['a waiting', 'b leased', 'c available', 'd available'])
    backlog.seek(startMs + 3000)
    assert.deepEqual(states(), ['d available'])
    await clock.advance(50_000)
    assert.deepEqual(take(), ['d'])
  })

  test('forward retains what it acks if the subscription does; a seek backward redelivers it', async () => {
    const { backlog, take, states, startMs } = await newBacklog(['a', 'b'], { retainAcked: true })
    backlog.seek(startMs + 5000)
    assert.deepEqual([states(), take()], [['a acked', 'b acked'], []])
    backlog.seek(startMs)
    assert.deepEqual(take(), ['a', 'b'])
  })

  test('is to a moment: a message published at that moment is delivered', async () => {
    const { backlog, states, startMs } = await newBacklog(['a', 'b', 'c'])
    backlog.seek(startMs + 1000)
    assert.deepEqual(states(), ['b available', 'c available'])
  })

  test('frees the room of lease holders, once', async () => {
    const { clock, backlog, take, released } = await newBacklog(['a', 'b', 'c'])
    take(2)
    backlog.seek(0)
    assert.deepEqual(released, ['a', 'b'])
    await clock.advance(20_000)
    assert.deepEqual(released, ['a', 'b'], 'the old deadlines are forgotten')
  })

  test('ends a backoff', async () => {
    const { backlog, take, of } = await newBacklog(['a'], { backoffMs: () => 5000 })
    take()
    backlog.nack(of('a'))
    backlog.seek(0)
    assert.deepEqual(take(), ['a'])
  })
})

describe('messages past their retention', () => {
  test('are dropped by a sweep, acked or not', async () => {
    const { clock, backlog, take, of, states } = await newBacklog(['a', 'b', 'c'], { retainAcked: true })
    take(1)
    backlog.acknowledge(of('a'))
    await clock.advance(retentionMs - 2000)
    backlog.sweep()
    assert.deepEqual(
      states(),
      ['a acked', 'b available', 'c available'],
      'not yet: they are no older than that',
    )
    await clock.advance(1)
    backlog.sweep()
    assert.deepEqual(states(), ['b available', 'c available'])
    await clock.advance(1000)
    backlog.sweep()
    assert.deepEqual([states(), backlog.available], [['c available'], 1])
  })

  test('are not delivered, even before the sweep', async () => {
    const { clock, take, states } = await newBacklog(['a', 'b'])
    await clock.advance(retentionMs)
    assert.deepEqual(take(), ['b'])
    assert.deepEqual(states(), ['b leased'])
  })

  test('take no room from the others', async () => {
    const { clock, backlog, publish, states } = await newBacklog([])
    backlog.add(newMessage({ data: Buffer.alloc(500) }, 'large', clock.unixMs()))
    await clock.advance(retentionMs + 1)
    publish('small')
    const limits = { share: Infinity, messages: Infinity, bytes: 100, orOne: false }
    backlog.take(limits, 1000, { leased: () => {}, released: () => {} })
    assert.deepEqual(states(), ['small leased'])
  })

  test('stay with their lease holder, and are then not redelivered', async () => {
    const { clock, backlog, take, of, states } = await newBacklog(['a', 'b'])
    await clock.advance(retentionMs - 5000)
    take()
    await clock.advance(6000)
    backlog.sweep()
    assert.deepEqual(states(), ['a leased', 'b leased'])
    backlog.acknowledge(of('b'))
    backlog.nack(of('a'))
    assert.deepEqual(take(), [])
    assert.deepEqual(states(), [])
  })

  test('are listed with a history, as gone without an ack', async () => {
    const { clock, backlog } = await newBacklog(['a', 'b'], {}, true)
    await clock.advance(retentionMs)
    backlog.sweep()
    assert.deepEqual(
      Array.from(backlog.entries(), ({ message, state, acks }) => [message.id, state, acks]),
      [
        ['a', 'acked', 0],
        ['b', 'available', 0],
      ],
    )
  })

  test('are listed with a history, also if acked messages are retained', async () => {
    const { clock, backlog, take, of, states } = await newBacklog(['a', 'b'], { retainAcked: true }, true)
    take(1)
    backlog.acknowledge(of('a'))
    await clock.advance(retentionMs)
    backlog.sweep()
    assert.deepEqual(states(), ['a acked', 'b available'])
  })
})
