// A write that fails releases its own claims: no watermark, and no claim of another process.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { claimLeaseMs } from '#core/cache.ts'
import { until } from '../support/postgres.ts'
import { Fleet, startStores } from '../support/fleet.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const { database, redis } = await startStores()

const promptMs = claimLeaseMs / 2

describe('after a failed write', { concurrent: true }, () => {
  test('commits are remembered, claims are free: 8 stands, 10 fails, 7 is stale, 9 is written', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    fleet.publish(['k 8 x'], first)
    await fleet.settled()
    first.writer.fail({ class: 'infrastructure', times: Infinity })
    fleet.publish(['k 10 x'], first)
    await until(async () => first.cache.releases >= 1)

    fleet.publish(['k 7 x'], second)
    await until(async () => fleet.isAcked('k 7 x'), promptMs)
    assert.deepEqual([second.tally.ended, second.tally.offered], [{ stale: 1 }, 0])

    fleet.publish(['k 9 x'], second)
    await until(async () => fleet.isAcked('k 9 x'), promptMs)
    assert.deepEqual(await fleet.rows(), ['k 9 x'])
    assert.equal(second.tally.ended.written, 1)

    assert.equal(fleet.isAcked('k 10 x'), false)
    first.writer.fix()
    await fleet.settled()
    await fleet.assertConverged()
  })

  test('its claims are gone from Redis, and its watermarks are not', async () => {
    await using fleet = await Fleet.of(database, redis)
    const replica = await fleet.replica()
    fleet.publish(['k 8 x'], replica)
    await fleet.settled()
    const release = replica.writer.block()
    replica.writer.fail({ class: 'infrastructure', times: 1 })
    fleet.publish(['k 10 x', 'l 1 x'], replica)
    await until(async () => replica.writer.waiting === 2)
    const watermarks = await fleet.stored('w')
    assert.deepEqual([watermarks.length, (await fleet.stored('c')).length], [1, 2])
    replica.writer.fail({ class: 'infrastructure', times: Infinity })
    release()
    await until(async () => (await fleet.stored('c')).length === 0, promptMs)
    assert.deepEqual(await fleet.stored('w'), watermarks)
    replica.writer.fix()
    await fleet.settled()
    await fleet.assertConverged()
  })

  test('a newer claim of another replica survives this rollback', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const releaseFirst = first.writer.block()
    fleet.publish(['k 5 x'], first)
    await until(async () => first.writer.waiting === 1)
    const releaseSecond = second.writer.block()
    fleet.publish(['k 9 x'], second)
    await until(async () => second.writer.waiting === 1)
    const [claim] = await fleet.claimed()
    assert.match(claim?.value ?? '', /^0+9\|/, 'the newer one has taken it over')

    first.writer.fail({ class: 'infrastructure', times: 1 })
    releaseFirst()
    // Its second attempt finds the key busy, and waits.
    await until(async () => first.cache.releases === 1 && first.tally.judgedCount.busy >= 1)
    assert.deepEqual(
      (await fleet.claimed()).map(({ value }) => value),
      [claim?.value],
    )
    assert.equal(fleet.isAcked('k 5 x'), false)
    releaseSecond()
    await fleet.settled(promptMs)
    assert.deepEqual([first.tally.ended, first.tally.offered], [{ stale: 1 }, 1])
    await fleet.assertConverged()
  })

  test('rows that PostgreSQL rejects delay no other row: each attempt releases its claims', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair({ engine: { workers: 1 } })
    // Refused alone, without a neighbour, it waits and is tried once a second.
    fleet.publish(['k 9 bad'], first)
    await until(async () => first.cache.releases >= 1)
    fleet.publish(['k 5 x'], second)
    await until(async () => fleet.isAcked('k 5 x'), promptMs)
    fleet.publish(['neighbour 1 x'], first)
    await fleet.settled()
    assert.deepEqual(await fleet.deadLettered(), ['k 9 bad'])
    await fleet.assertConverged()
  })

  test('Redis is down: the claim stays, the record is written anyway, and an older one waits at most a lease', async () => {
    await using fleet = await Fleet.of(database, redis)
    await using proxy = await TcpProxy.to(redis.port)
    const first = await fleet.replica({ redisPort: proxy.port })
    const second = await fleet.replica()
    const release = first.writer.block()
    fleet.publish(['k 10 bad'], first)
    await until(async () => first.writer.waiting === 1)
    await proxy.refuse()
    release()
    await until(async () => first.cache.releases >= 1)
    assert.equal((await fleet.stored('c')).length, 1)
    fleet.publish(['k 9 x'], second)
    await until(async () => second.tally.judgedCount.busy >= 1)
    fleet.publish(['neighbour 1 x'], first)
    await fleet.settled(claimLeaseMs + promptMs)
    assert.ok((first.tally.bypassedCount.disconnected ?? 0) >= 1)
    assert.deepEqual(await fleet.deadLettered(), ['k 10 bad'])
    await fleet.assertConverged()
  })
})

describe('an operation that was executed although its reply was lost', { concurrent: true }, () => {
  for (const operation of ['begin', 'confirm', 'release'] as const) {
    test(`${operation}: counted as timeout, and the result is the same`, async () => {
      await using fleet = await Fleet.of(database, redis)
      await using proxy = await TcpProxy.to(redis.port)
      const first = await fleet.replica({ redisPort: proxy.port })
      const second = await fleet.replica()
      const release = first.writer.block()
      if (operation === 'release') first.writer.fail({ class: 'infrastructure', times: 1 })
      if (operation === 'begin') proxy.loseReplies()
      fleet.publish(['k 5 x'], first)
      await until(async () => first.writer.waiting === 1)
      assert.equal((await fleet.stored('c')).length, 1)
      if (operation === 'begin') {
        assert.equal(first.tally.bypassedCount.timeout, 1)
        proxy.bringReplies()
      } else {
        proxy.loseReplies()
      }
      release()
      if (operation !== 'begin') {
        await until(async () => (await fleet.stored('c')).length === 0)
        await until(async () => first.tally.bypassedCount.timeout !== undefined)
        assert.equal((await fleet.stored('w')).length, operation === 'confirm' ? 1 : 0)
        proxy.bringReplies()
      }
      await fleet.settled()
      // Another message of the key is not in doubt afterwards, on any replica.
      fleet.publish(['k 4 x', 'k 6 x', 'k 5 y'], second)
      fleet.publish(['k 6 x', 'k 5 x'], first)
      await fleet.settled()
      await fleet.assertConverged()
    })
  }
})
