import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { withSeed } from '../../../test/support/seed.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import type { Delivery } from '../broker/backlog.ts'
import { Backlog } from '../broker/backlog.ts'
import type { Entry } from '../broker/entry.ts'
import { newMessage } from '../broker/message.ts'
import { RandomDeliveryFaults } from './delivery-faults.ts'
import { seededRandom } from './random.ts'

function newBacklog(options: Partial<RandomDeliveryFaults>, { ordered = false, seed = 1 } = {}) {
  const clock = new VirtualClock()
  const faults = Object.assign(new RandomDeliveryFaults(seededRandom(seed)), options)
  const released: string[] = []
  const rules = {
    ordered,
    retainAcked: false,
    retentionMs: 1e9,
    backoffMs: () => 0,
    deadLetter: () => false,
  }
  const backlog = new Backlog({ clock, number: 1, rules, faults, history: false, onAvailable: () => {} })
  const publish = (count: number) => {
    for (let i = 0; i < count; i += 1) {
      backlog.add(newMessage({ data: Buffer.from('x'), orderingKey: 'k' }, String(i), clock.unixMs()))
    }
  }
  const take = (messages = Infinity) => {
    const holder = { leased: () => {}, released: ({ id }: { id: string }) => void released.push(id) }
    return backlog.take({ share: Infinity, messages, bytes: Infinity, orOne: true }, 10_000, holder)
  }
  return { clock, backlog, faults, released, publish, take }
}

const numbersOf = (deliveries: readonly Delivery[]) => deliveries.map(({ message }) => Number(message.id))
const sorted = (deliveries: readonly Delivery[]) => numbersOf(deliveries).sort((a, b) => a - b)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('duplicate deliveries', () => {
  test('arrive once for each delivery, with another ack id and the same attempt', () => {
    const { publish, take } = newBacklog({ duplicateShare: 1 })
    publish(3)
    const deliveries = take()
    assert.deepEqual(sorted(deliveries), [0, 0, 1, 1, 2, 2])
    assert.equal(new Set(deliveries.map(({ ackId }) => ackId)).size, 6)
    assert.deepEqual(new Set(deliveries.map(({ attempt }) => attempt)), new Set([1]))
    assert.deepEqual(take(), [])
  })

  for (const which of [0, 1]) {
    test(`an ack of the ${which === 0 ? 'first' : 'second'} settles it, and the other is stale`, async () => {
      const { clock, backlog, released, publish, take } = newBacklog({ duplicateShare: 1 })
      publish(1)
      const deliveries = take()
      const ids = deliveries.map(({ ackId }) => ackId) as [string, string]
      assert.equal(backlog.find(ids[0]), backlog.find(ids[1]))
      backlog.acknowledge(backlog.find(ids[which] as string) as Entry)
      assert.equal(backlog.find(ids[1 - which] as string), undefined)
      assert.deepEqual(released, ['0'])
      await clock.advance(20_000)
      assert.deepEqual(take(), [])
    })
  }

  test('also arrive if the message is settled by then, and cannot be acked', () => {
    const { backlog, publish, take } = newBacklog({ duplicateShare: 1 })
    publish(1)
    const [first] = take(1)
    backlog.acknowledge(backlog.find(first?.ackId ?? '') as Entry)
    const [second] = take()
    assert.equal(second?.message.id, '0')
    assert.equal(backlog.find(second.ackId), undefined)
  })

  test('of a message that was nacked meanwhile do not count as its redelivery', () => {
    const { backlog, faults, publish, take } = newBacklog({ duplicateShare: 1 })
    publish(1)
    const [first] = take(1)
    faults.duplicateShare = 0
    backlog.nack(backlog.find(first?.ackId ?? '') as Entry)
    const [echo] = take(1)
    assert.equal(backlog.find(echo?.ackId ?? ''), undefined, 'it is not leased')
    const [again] = take(1)
    assert.equal(again?.attempt, 2)
    assert.ok(backlog.find(again.ackId))
    assert.equal(backlog.find(echo?.ackId ?? ''), undefined)
  })

  test('take room in a response, but none among the leases', () => {
    const { backlog, publish } = newBacklog({ duplicateShare: 1 })
    publish(2)
    const [entry] = Array.from(backlog.entries())
    const bytes = 3 * (entry?.message.size ?? 0)
    const held: string[] = []
    const holder = { leased: ({ id }: { id: string }) => void held.push(id), released: () => {} }
    const limits = { share: Infinity, messages: Infinity, bytes, orOne: false }
    assert.deepEqual(numbersOf(backlog.take(limits, 1000, holder)), [0, 1, 0])
    assert.deepEqual(numbersOf(backlog.take(limits, 1000, holder)), [1])
    assert.deepEqual(held, ['0', '1'])
  })

  test('are made of a share of the deliveries', () => {
    withSeed((seed) => {
      const { publish, take } = newBacklog({ duplicateShare: 0.2 }, { seed })
      publish(5000)
      const extra = take().length - 5000
      assert.ok(extra > 800 && extra < 1200, `${extra} of 5000`)
    })
  })

  test('are made of what is leased at the time of the request, and leave the lease alone', async () => {
    const { clock, backlog, publish, take } = newBacklog({})
    publish(3)
    const first = take(2)
    await clock.advance(5000)
    backlog.repeat(({ message }) => message.id !== '0')
    const again = take()
    assert.deepEqual(sorted(again), [1, 2])
    assert.ok(backlog.find(first[1]?.ackId ?? ''))
    await clock.advance(5000)
    assert.equal(backlog.find(first[1]?.ackId ?? ''), undefined, 'after the time of the first delivery')
  })

  test('are not made if there is an order to keep', () => {
    const { backlog, publish, take } = newBacklog({ duplicateShare: 1, shuffleWindow: 5 }, { ordered: true })
    publish(3)
    assert.deepEqual(numbersOf(take()), [0, 1, 2])
    backlog.repeat(() => true)
    assert.deepEqual(take(), [])
  })

  test('are dropped by a seek', () => {
    const { backlog, publish, take } = newBacklog({ duplicateShare: 1 })
    publish(2)
    take(2)
    backlog.seek(Number.MAX_SAFE_INTEGER)
    assert.deepEqual([backlog.available, take()], [0, []])
  })
})

describe('shuffling', () => {
  test('changes the order, loses nothing, and lets no message overtake by more than the window', () => {
    withSeed((seed) => {
      const { publish, take } = newBacklog({ shuffleWindow: 5 }, { seed })
      publish(200)
      const numbers = numbersOf(take())
      assert.notDeepEqual(numbers, upTo(200))
      assert.deepEqual(
        numbers.toSorted((a, b) => a - b),
        upTo(200),
      )
      const overtaken = upTo(200).map(
        (number) => numbers.slice(numbers.indexOf(number)).filter((other) => other < number).length,
      )
      assert.equal(Math.max(...overtaken), 5)
    })
  })

  test('is the same for the same seed', () => {
    withSeed((seed) => {
      const [one, other] = [1, 2].map(() => {
        const { publish, take } = newBacklog({ shuffleWindow: 50 }, { seed })
        publish(100)
        return numbersOf(take())
      })
      assert.deepEqual(one, other)
    })
  })
})

describe('delays', () => {
  test('delay each message, some longer than others, none longer than the maximum', async () => {
    const { clock, backlog, publish, take } = newBacklog({ maxDelayMs: 1000 })
    publish(200)
    assert.deepEqual(new Set(Array.from(backlog.entries(), ({ state }) => state)), new Set(['waiting']))
    await clock.advance(500)
    const early = take().length
    assert.ok(early > 60 && early < 140, `${early} of 200 after half of the time`)
    await clock.advance(520)
    assert.equal(early + take().length, 200)
  })

  test('are drawn anew for each delivery, on top of a backoff', async () => {
    const { clock, backlog, publish, take } = newBacklog({ maxDelayMs: 1000 })
    publish(1)
    await clock.advance(1020)
    backlog.nack(backlog.find(take()[0]?.ackId ?? '') as Entry)
    assert.deepEqual(take(), [])
    await clock.advance(1020)
    assert.equal(take().length, 1)
  })

  test('keep the order of a key', async () => {
    const { clock, publish, take } = newBacklog({ maxDelayMs: 1000 }, { ordered: true })
    publish(5)
    assert.deepEqual(take(), [])
    await clock.advance(1020)
    assert.deepEqual(numbersOf(take()), [0, 1, 2, 3, 4])
  })
})
