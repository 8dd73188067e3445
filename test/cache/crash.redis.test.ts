// Who has claimed a key may fail for good or be gone: that delays others, and justifies nothing.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { claimLeaseMs } from '#core/cache.ts'
import { until, untilBlocked } from '../support/postgres.ts'
import { Fleet, ask, startStores } from '../support/fleet.ts'

const { database, redis } = await startStores()

/** Surely no lease was waited for. */
const promptMs = claimLeaseMs / 2

describe('a claim is not a fact', { concurrent: true }, () => {
  test("another replica's claim on a newer message does not ack the older one, which is tried later", async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const release = first.writer.block()
    fleet.publish(['k 9 bad'], first)
    await until(async () => first.writer.waiting === 1)
    fleet.publish(['k 5 x'], second)
    await until(async () => second.tally.judgedCount.busy >= 3)
    assert.equal(fleet.isAcked('k 5 x'), false)
    assert.deepEqual([second.engine.outstanding, second.tally.offered], [1, 0])
    fleet.publish(['neighbour 1 x'], first)
    release()
    await fleet.settled(promptMs)
    assert.deepEqual(await fleet.deadLettered(), ['k 9 bad'])
    assert.deepEqual(await fleet.rows(), ['k 5 x', 'neighbour 1 x'])
    assert.equal(fleet.broker.messages.filter(({ attempts }) => attempts > 1).length, 0)
  })

  test('a replica that vanishes before its write: another one stores the message, after the lease', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    first.writer.block()
    fleet.publish(['k 1 x', 'l 1 x'], first)
    await until(async () => first.writer.waiting === 2)
    first.kill()
    await until(async () => second.tally.judgedCount.busy >= 2)
    assert.deepEqual(await fleet.rows(), [])
    const leases = await fleet.claimed()
    assert.equal(leases.length, 2)
    for (const { leaseMs } of leases) {
      assert.ok(leaseMs > 0 && leaseMs <= claimLeaseMs, `it ends in ${leaseMs} ms`)
    }
    await fleet.settled(claimLeaseMs + promptMs)
    assert.deepEqual(second.tally.ended, { written: 2 })
    await fleet.assertConverged()
  })

  test('a claim that never ends delays a record by at most a lease', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    first.writer.block()
    fleet.publish(['k 1 x'], first)
    await until(async () => first.writer.waiting === 1)
    first.kill()
    for (const key of await fleet.stored('c')) await ask(redis, ['PERSIST', key])
    await fleet.settled(claimLeaseMs + promptMs)
    assert.deepEqual(second.tally.ended, { written: 1 })
    await fleet.assertConverged()
  })

  test('a newer message does not wait for the claim of a dead replica, and frees the older one', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    first.writer.block()
    fleet.publish(['k 1 x'], first)
    await until(async () => first.writer.waiting === 1)
    first.kill()
    await until(async () => second.tally.judgedCount.busy >= 1)
    fleet.publish(['k 2 y'], second)
    await fleet.settled(promptMs)
    assert.deepEqual(await fleet.rows(), ['k 2 y'])
  })

  test('a replica that vanishes between commit and confirm: the guard finds the row', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const holder = await database.connect()
    await holder.query(`BEGIN; LOCK TABLE ${fleet.table} IN SHARE MODE`)
    fleet.publish(['k 1 x'], first)
    await untilBlocked(database, 1)
    first.kill()
    await holder.query('COMMIT')
    await until(async () => (await fleet.rows()).length === 1)
    assert.deepEqual(await fleet.stored('w'), [])
    await fleet.settled(claimLeaseMs + promptMs)
    assert.deepEqual([second.tally.ended, second.tally.offered], [{ stale: 1 }, 1])
    await fleet.assertConverged()
  })

  test('a replica that vanishes after the confirm and before its ack: the watermark shows the commit', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const release = first.writer.block()
    fleet.publish(['k 1 x'], first)
    await until(async () => first.writer.waiting === 1)
    first.inbox.gone = true
    release()
    await until(async () => (await fleet.stored('w')).length === 1)
    assert.equal(fleet.isAcked('k 1 x'), false)
    first.kill()
    await fleet.settled(promptMs)
    assert.deepEqual([second.tally.ended, second.tally.offered], [{ stale: 1 }, 0])
    await fleet.assertConverged()
  })
})
