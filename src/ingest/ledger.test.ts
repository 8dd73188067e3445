import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Delivery } from '#core/delivery.ts'
import { deliveryOf } from '../../test/support/arrivals.ts'
import { Tally } from '../../test/support/tally.ts'
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

const [a, b, c] = [deliveryOf('a 1 x'), deliveryOf('b 1 x'), deliveryOf('c 1 x')]

test('every settlement except a nack is an ack', () => {
  for (const settlement of ['written', 'coalesced', 'stale', 'dead-lettered'] as const) {
    const { ledger, sent, tally } = newLedger()
    ledger.receive([a])
    ledger.settle([a], settlement)
    assert.deepEqual(sent, ['ack a 1 x'])
    assert.deepEqual(tally.ended, { [settlement]: 1 })
  }
})

test('the first settlement wins; later ones neither ack nor count', () => {
  const { ledger, sent, tally } = newLedger()
  ledger.receive([a, b])
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
  ledger.receive([a, b, c])
  ledger.settle([b], 'written')
  assert.equal(ledger.nackAll(), 2)
  assert.deepEqual(sent, ['ack b 1 x', 'nack a 1 x', 'nack c 1 x'])
  assert.equal(ledger.nackAll(), 0)
})

test('the oldest is the first received that is still unsettled', () => {
  const { ledger } = newLedger()
  ledger.receive([a, b])
  ledger.settle([a], 'written')
  ledger.receive([c])
  assert.equal(ledger.oldest, b)
  assert.ok(!ledger.isOpen(a) && ledger.isOpen(c))
  assert.equal(ledger.size, 2)
})

test('idle waits for the last delivery, and for those that arrived in the same tick', async () => {
  const { ledger } = newLedger()
  await ledger.idle()
  ledger.receive([a])
  let idle = false
  const waiting = ledger.idle().then(() => (idle = true))
  ledger.settle([a], 'written')
  ledger.receive([b])
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(idle, false)
  ledger.settle([b], 'written')
  await waiting
})
