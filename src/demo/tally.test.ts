import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Settlement } from '#core/delivery.ts'
import { settlements } from '#core/delivery.ts'
import { delivery } from '../../test/support/scan-message.ts'
import { Tally } from './tally.ts'

/** A tally of an ingester that holds what it has received and not yet settled. */
function counting() {
  let outstanding = 0
  const tally = new Tally(() => outstanding)
  return {
    tally,
    receive: (...messageIds: string[]) => {
      outstanding += messageIds.length
      tally.observer.received?.(messageIds.map((messageId) => delivery('{}', { messageId })))
    },
    settle: (settlement: Settlement, count: number) => {
      outstanding -= count
      tally.observer.settled?.(settlement, count)
    },
  }
}

/** Whether it has resolved, once everything that needs no time has happened. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false
  void promise.then(() => (over = true))
  await new Promise((resolve) => setImmediate(resolve))
  return over
}

describe('the tally', () => {
  test('counts deliveries, repeated ones, and their outcomes', () => {
    const { tally, receive, settle } = counting()
    receive('1', '2', '1')
    receive('2', '3')
    for (const [i, settlement] of settlements.entries()) settle(settlement, i)
    settle('written', 10)
    assert.deepEqual([tally.received, tally.redelivered], [5, 2])
    const all = {
      written: 10,
      coalesced: 1,
      stale: 2,
      duplicate: 3,
      ignored: 4,
      'dead-lettered': 5,
      nacked: 6,
    }
    assert.deepEqual(tally.settled, all)
  })

  test('counts the records sent to the database, including repeats', () => {
    const { tally, receive, settle } = counting()
    assert.equal(tally.offered, 0)
    receive('1', '2', '3')
    settle('written', 3)
    assert.equal(tally.offered, 0, 'what was received or settled need not have been sent')
    for (const records of [3, 2, 2]) tally.observer.batchSealed?.(records)
    assert.equal(tally.offered, 7)
    assert.deepEqual([tally.received, tally.settled.written], [3, 3])
  })

  test('is drained when every message was received and nothing is outstanding', async () => {
    const { tally, receive, settle } = counting()
    const drained = tally.drained(3)
    assert.equal(await isOver(drained), false, 'nothing yet')
    receive('1', '2')
    settle('written', 2)
    assert.equal(await isOver(drained), false, 'all settled, one still to come')
    receive('3')
    assert.equal(await isOver(drained), false, 'all received, one not settled')
    settle('dead-lettered', 1)
    assert.equal(await isOver(drained), true)
  })

  test('does not count a redelivery as a message', async () => {
    const { tally, receive, settle } = counting()
    const drained = tally.drained(2)
    receive('1', '1')
    settle('written', 2)
    assert.equal(await isOver(drained), false)
    receive('2')
    settle('stale', 1)
    assert.equal(await isOver(drained), true)
  })

  test('is not drained while a redelivery is outstanding', async () => {
    const { tally, receive, settle } = counting()
    const drained = tally.drained(1)
    receive('1', '1')
    settle('written', 1)
    assert.equal(await isOver(drained), false)
    settle('coalesced', 1)
    assert.equal(await isOver(drained), true)
  })

  test('is drained at once if everything has happened before it is asked', async () => {
    const { tally, receive, settle } = counting()
    receive('1')
    settle('written', 1)
    assert.equal(await isOver(tally.drained(1)), true)
    assert.equal(await isOver(counting().tally.drained(0)), true)
  })

  test('sums up several ingesters', () => {
    const { tally, receive } = counting()
    receive('1')
    receive('1')
    assert.deepEqual([tally.received, tally.redelivered], [2, 1])
  })

  test('sums up the cache verdicts by number of records', () => {
    const { tally } = counting()
    for (const verdict of ['fresh', 'stale', 'stale', 'busy'] as const)
      tally.observer.cacheVerdicts?.(verdict, 10)
    assert.deepEqual(tally.cacheVerdicts, { fresh: 10, stale: 20, busy: 10 })
  })

  test('knows the slowest commit since the last query', () => {
    const { tally } = counting()
    assert.equal(tally.takeSlowestCommit(), undefined)
    for (const seconds of [0.2, 0.5, 0.1]) tally.observer.committed?.(seconds)
    assert.equal(tally.takeSlowestCommit(), 0.5)
    assert.equal(tally.takeSlowestCommit(), undefined)
    tally.observer.committed?.(0)
    assert.equal(tally.takeSlowestCommit(), 0)
  })
})
