// A watermark is about one state of the table. What the table has lost, the cache must not remember.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { bumpEpoch } from '#postgres/epoch.ts'
import { until } from '../support/postgres.ts'
import type { Replica } from '../support/replica.ts'
import { Fleet, startStores } from '../support/fleet.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const { database, redis } = await startStores()

const texts = Array.from({ length: 50 }, (_, i) => `k${i} 5 x`)
const sorted = [...texts].sort()

/** A table that holds them, and watermarks that say so. */
async function filled(redisPort = redis.port): Promise<{ fleet: Fleet; replicas: [Replica, Replica] }> {
  const fleet = await Fleet.of(database, redis)
  const replicas = await fleet.pair({ redisPort })
  fleet.publish(texts, replicas[0])
  await fleet.settled()
  fleet.publish(texts, replicas[1])
  await fleet.settled()
  assert.deepEqual(replicas[1].tally.ended, { stale: texts.length })
  assert.equal(replicas[1].tally.offered, 0, 'the cache is in use')
  return { fleet, replicas }
}

/** Publishes all of it again, to one and then to the other. */
async function replay(fleet: Fleet, replicas: readonly Replica[]): Promise<void> {
  for (const replica of replicas) {
    fleet.publish(texts, replica)
    await fleet.settled()
  }
}

const readAll = (replicas: readonly Replica[]) => Promise.all(replicas.map(({ watch }) => watch.read()))

describe('published again', { concurrent: true }, () => {
  test('after TRUNCATE: all rows are back, as soon as the epoch has been read', async () => {
    const { fleet, replicas } = await filled()
    await using _ = fleet
    await database.query(`TRUNCATE ${fleet.table}`)
    await readAll(replicas)
    await replay(fleet, replicas)
    assert.deepEqual(await fleet.rows(), sorted)
    assert.equal(replicas[1].tally.offered, 0, 'what is there again is known again')
  })

  test('after TRUNCATE, without a notification: the watch sees it within its 5 s', async () => {
    const { fleet, replicas } = await filled()
    await using _ = fleet
    const epochs = replicas.map(({ watch }) => watch.current)
    await database.query(`TRUNCATE ${fleet.table}`)
    await until(async () => replicas.every(({ watch }, i) => watch.current !== epochs[i]), 6000)
    await replay(fleet, replicas)
    assert.deepEqual(await fleet.rows(), sorted)
  })

  test('after DROP and CREATE: all rows are back', async () => {
    const { fleet, replicas } = await filled()
    await using _ = fleet
    await database.query(
      `CREATE TABLE ${fleet.table}_new (LIKE ${fleet.table} INCLUDING ALL); DROP TABLE ${fleet.table};
       ALTER TABLE ${fleet.table}_new RENAME TO ${fleet.table}`,
    )
    await readAll(replicas)
    await replay(fleet, replicas)
    assert.deepEqual(await fleet.rows(), sorted)
  })

  test('after DELETE and a bump: all rows are back', async () => {
    const { fleet, replicas } = await filled()
    await using _ = fleet
    await database.query(`DELETE FROM ${fleet.table}`)
    await bumpEpoch(database.options, fleet.pipeline.name)
    await readAll(replicas)
    await replay(fleet, replicas)
    assert.deepEqual(await fleet.rows(), sorted)
  })

  test('after DELETE alone they count as stale: hence the bump', async () => {
    const { fleet, replicas } = await filled()
    await database.query(`DELETE FROM ${fleet.table}`)
    await readAll(replicas)
    fleet.publish(texts, replicas[0])
    await until(async () => fleet.broker.unacked.length === 0 && fleet.broker.judging === 0)
    assert.deepEqual(await fleet.rows(), [])
    assert.equal(fleet.broker.breaches.splice(0).length, texts.length, 'acked on what was a fact once')
    await fleet[Symbol.asyncDispose]()
  })

  test("after another pipeline's bump: still known", async () => {
    const { fleet, replicas } = await filled()
    await using _ = fleet
    await bumpEpoch(database.options, 'another')
    await readAll(replicas)
    await replay(fleet, replicas)
    assert.equal(replicas[1].tally.offered, 0)
  })
})

describe('a confirm of rows that the table has lost meanwhile', { concurrent: true }, () => {
  test('belongs to the table that was written: after the TRUNCATE the row is written again', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    const late: (() => Promise<void>)[] = []
    first.cache.onConfirm = async (send) => void late.push(send)
    fleet.publish(['k 5 x'], first)
    await fleet.settled()
    await database.query(`TRUNCATE ${fleet.table}`)
    await readAll([first, second])
    await Promise.all(late.map((send) => send()))
    assert.equal(late.length, 1)
    fleet.publish(['k 5 x'], second)
    await fleet.settled()
    assert.deepEqual(await fleet.rows(), ['k 5 x'])
  })

  test('written with an unknown epoch: stored nowhere', async () => {
    await using fleet = await Fleet.of(database, redis)
    const [first, second] = await fleet.pair()
    fleet.publish(['known 1 x'], first)
    await fleet.settled()
    await unreadable(async () => {
      await first.terminate()
      await until(async () => first.watch.current === undefined)
      fleet.publish(['k 5 x'], first)
      await fleet.settled()
    })
    await until(async () => first.watch.current !== undefined)
    assert.deepEqual([(await fleet.stored('w')).length, await fleet.stored('c')], [1, []])
    assert.ok((first.tally.bypassedCount.epoch ?? 0) >= 2, 'on its way there and back')
    await database.query(`DELETE FROM ${fleet.table}`)
    fleet.publish(['k 5 x'], second)
    await fleet.settled()
    assert.deepEqual(await fleet.rows(), ['k 5 x'])
  })
})

/** As long as it lasts no epoch can be read. */
async function unreadable(meanwhile: () => Promise<void>): Promise<void> {
  const holder = await database.connect()
  await holder.query('BEGIN; LOCK TABLE cache_epochs IN ACCESS EXCLUSIVE MODE')
  try {
    await meanwhile()
  } finally {
    await holder.query('ROLLBACK')
  }
}

describe('connections to PostgreSQL are lost', () => {
  test('nothing is stale until the epoch has been read again: rows that the other server lacks are written', async () => {
    const { fleet, replicas } = await filled()
    await using _ = fleet
    await unreadable(async () => {
      await Promise.all(replicas.map((replica) => replica.terminate()))
      await until(async () => replicas.every(({ watch }) => watch.current === undefined))
      // As a standby that had not received them.
      await database.query(`DELETE FROM ${fleet.table}`)
      await replay(fleet, replicas)
      assert.deepEqual(await fleet.rows(), sorted)
    })
    for (const { tally } of replicas) assert.ok((tally.bypassedCount.epoch ?? 0) >= texts.length)
    await until(async () => replicas.every(({ watch }) => watch.current !== undefined))
    const offered = replicas.map(({ tally }) => tally.offered)
    await replay(fleet, replicas)
    assert.deepEqual(
      replicas.map(({ tally }) => tally.offered),
      offered,
      'cache back in use',
    )
  })

  test('an answer in progress meanwhile is no longer a fact', async () => {
    await using proxy = await TcpProxy.to(redis.port)
    const { fleet, replicas } = await filled(proxy.port)
    await using _ = fleet
    const [first] = replicas
    await unreadable(async () => {
      // Redis knows that they are stale, and its answer is held up on its way.
      proxy.freeze()
      fleet.publish(texts, first)
      await until(async () => first.cache.pending > 0)
      await first.terminate()
      await until(async () => first.watch.current === undefined)
      await database.query(`DELETE FROM ${fleet.table}`)
      proxy.thaw()
      await fleet.settled()
      assert.deepEqual(await fleet.rows(), sorted)
    })
    assert.equal(first.tally.bypassedCount.timeout, undefined)
    assert.ok((first.tally.bypassedCount.epoch ?? 0) >= texts.length)
  })

  test('under load, repeatedly: nothing is lost', async () => {
    await using fleet = await Fleet.of(database, redis)
    const replicas = await fleet.pair()
    for (let round = 1; round <= 10; round += 1) {
      const some = Array.from({ length: 40 }, (_, i) => `k${i % 20} ${round * 3 - (i % 4)} x${i % 3}`)
      fleet.publish(some.slice(0, 30))
      fleet.publish(some.slice(10), ...replicas)
      await Promise.all(replicas.map((replica) => replica.terminate()))
    }
    await fleet.settled()
    await fleet.assertConverged()
    assert.deepEqual(await fleet.deadLettered(), [])
    const offered = replicas.map(({ tally }) => tally.offered)
    await until(async () => replicas.every(({ watch }) => watch.current !== undefined))
    fleet.publish(await fleet.rows(), replicas[0])
    await fleet.settled()
    fleet.publish(await fleet.rows(), replicas[1])
    await fleet.settled()
    assert.equal(replicas[1].tally.offered, offered[1], 'the cache is used again')
  })
})
