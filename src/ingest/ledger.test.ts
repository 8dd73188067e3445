import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Delivery, Settlement } from '#core/delivery.ts'
import { settlements } from '#core/delivery.ts'
import { deliveryOf } from '../../test/support/arrivals.ts'
import { Tally } from '../../test/support/tally.ts'
import type { Part } from './ledger.ts'
import { Ledger } from './ledger.ts'

function newLedger() {
  const sent: string[] = []
  const note = (verb: string) => (deliveries: readonly Delivery[]) => {
    for (const { messageId } of deliveries) sent.push(`${verb} ${messageId}`)
  }
  const tally = new Tally()
  const unused = async () => {}
  const source = {
    start: () => {},
    ack: note('ack'),
    nack: note('nack'),
    hold: () => {},
    resume: () => {},
    stop: unused,
    close: unused,
  }
  return { ledger: new Ledger(source, tally), sent, tally }
}

/** Each is all of its delivery. */
const [a, b, c] = ['a 1 x', 'b 1 x', 'c 1 x'].map((text) => ({ delivery: deliveryOf(text) })) as [
  Part,
  Part,
  Part,
]

test('a delivery that waits does not keep those that came with it', () => {
  const { ledger } = newLedger()
  const parts = Array.from({ length: 9 }, (_, at) => ({ delivery: deliveryOf(`k${at} 1 x`) }))
  ledger.receive(parts.map(({ delivery }) => delivery))
  const waiting = parts[4]?.delivery ?? assert.fail()
  const { receipt } = waiting
  for (const part of parts) if (part.delivery !== waiting) ledger.settle([part], 'written')
  assert.deepEqual(receipt?.deliveries, [waiting])
  assert.deepEqual([ledger.size, ledger.oldest, ledger.nackAll(), ledger.size], [1, waiting, 1, 0])
})

test('every settlement except a nack is an ack', () => {
  for (const settlement of settlements.filter((name) => name !== 'nacked')) {
    const { ledger, sent, tally } = newLedger()
    ledger.receive([a.delivery])
    ledger.settle([a], settlement)
    assert.deepEqual(sent, ['ack a 1 x'])
    assert.deepEqual(tally.ended, { [settlement]: 1 })
  }
})

test('the first settlement wins; later ones neither ack nor count', () => {
  const { ledger, sent, tally } = newLedger()
  ledger.receive([a.delivery, b.delivery])
  ledger.settle([a], 'nacked')
  ledger.settle([a, b, b], 'written')
  ledger.settle([a, b], 'stale')
  assert.deepEqual(sent, ['nack a 1 x', 'ack b 1 x'])
  assert.deepEqual(tally.ended, { nacked: 1, written: 1 })
})

test('a delivery that was never received is not settled', () => {
  const { ledger, sent } = newLedger()
  ledger.settle([a], 'written')
  assert.deepEqual(sent, [])
})

test('nackAll nacks what remains and returns the number', () => {
  const { ledger, sent } = newLedger()
  ledger.receive([a.delivery, b.delivery, c.delivery])
  ledger.settle([b], 'written')
  assert.equal(ledger.nackAll(), 2)
  assert.deepEqual(sent, ['ack b 1 x', 'nack a 1 x', 'nack c 1 x'])
  assert.equal(ledger.nackAll(), 0)
})

test('the oldest is the first received that is still unsettled', () => {
  const { ledger } = newLedger()
  ledger.receive([a.delivery, b.delivery])
  ledger.settle([a], 'written')
  ledger.receive([c.delivery])
  assert.equal(ledger.oldest, b.delivery)
  assert.ok(!ledger.isOpen(a) && ledger.isOpen(c))
  assert.equal(ledger.size, 2)
})

test('idle waits for the last delivery, and for those that arrived in the same tick', async () => {
  const { ledger } = newLedger()
  await ledger.idle()
  ledger.receive([a.delivery])
  let idle = false
  const waiting = ledger.idle().then(() => (idle = true))
  ledger.settle([a], 'written')
  ledger.receive([b.delivery])
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(idle, false)
  ledger.settle([b], 'written')
  await waiting
})

describe('a delivery of several parts', () => {
  /** One delivery, split into three. */
  function newSplit() {
    const { delivery } = a
    const parts = [{ delivery }, { delivery }, { delivery }] as const
    const rig = newLedger()
    rig.ledger.receive([delivery, b.delivery])
    rig.ledger.split(delivery, parts)
    return { ...rig, parts }
  }

  test('ends once, with the last of them', () => {
    const { ledger, sent, tally, parts } = newSplit()
    const [first, second, third] = parts
    ledger.settle([first, second], 'written')
    ledger.settle([first], 'written')
    assert.deepEqual([ledger.isOpen(first), ledger.isOpen(third), ledger.size], [false, true, 2])
    assert.deepEqual(sent, [], 'the third is still open')
    ledger.settle([b, third], 'written')
    assert.deepEqual(sent, ['ack b 1 x', 'ack a 1 x'])
    assert.deepEqual(tally.ended, { written: 2 })
    ledger.settle(parts, 'stale')
    assert.deepEqual([sent.length, tally.ended], [2, { written: 2 }])
  })

  test('ends as the strongest of their settlements, in whatever order they come', () => {
    for (const [strong, weak] of [
      ['dead-lettered', 'written'],
      ['written', 'coalesced'],
      ['coalesced', 'duplicate'],
      ['duplicate', 'stale'],
      ['stale', 'ignored'],
    ] as const) {
      for (const order of [
        [strong, weak, weak],
        [weak, strong, weak],
        [weak, weak, strong],
      ] as const) {
        const { ledger, tally, parts } = newSplit()
        parts.forEach((part, at) => ledger.settle([part], order[at] as Settlement))
        assert.deepEqual(tally.ended, { [strong]: 1 })
      }
    }
  })

  test('is nacked once while one is open; what follows is a no-op', () => {
    const { ledger, sent, parts } = newSplit()
    ledger.settle([parts[0]], 'written')
    assert.equal(ledger.nackAll(), 2)
    assert.deepEqual(sent, ['nack a 1 x', 'nack b 1 x'])
    assert.equal(ledger.isOpen(parts[1]), false)
    ledger.settle(parts, 'written')
    assert.deepEqual([sent.length, ledger.size], [2, 0])
  })
})
