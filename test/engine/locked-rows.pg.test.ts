// Rows that an application holds, on a real PostgreSQL: the others are fresh all the time, in every replica.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type pg from 'pg'
import { Broker } from '../simulated/ports/broker.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { freshDatabase, startTestServer, until } from '../support/postgres.ts'
import { TableReplica } from '../support/table-replica.ts'
import { wordPipeline } from '../support/word-pipeline.ts'

const server = await startTestServer()

const words = (prefix: string, count: number, version: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}${i} ${version} x`)

interface Fleet extends AsyncDisposable {
  readonly database: TestDatabase
  readonly broker: Broker
  readonly replicas: readonly TableReplica[]
  /** How many rows have this version. */
  rowsOf(version: number, prefix?: string): Promise<number>
  settled(): Promise<void>
}

async function fleetOf(size: number, statementTimeoutMs = 20_000): Promise<Fleet> {
  const database = await freshDatabase(server)
  await database.query(
    'CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL, content text NOT NULL)',
  )
  const broker = new Broker(async () => [])
  const make = () => new TableReplica(wordPipeline, broker, database, { statementTimeoutMs })
  const replicas = Array.from({ length: size }, make)
  return {
    database,
    broker,
    replicas,
    rowsOf: async (version, prefix = '') => {
      const text = 'SELECT FROM words WHERE version = $1 AND key LIKE $2'
      return (await database.query(text, [version, `${prefix}%`])).length
    },
    settled: () => until(async () => replicas.every(({ engine }) => engine.outstanding === 0)),
    [Symbol.asyncDispose]: async () => {
      for (const replica of replicas) await replica[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** An application in the middle of a transaction. */
async function application(database: TestDatabase, text: string): Promise<pg.Client> {
  const client = await database.connect()
  await client.query(`BEGIN; ${text}`)
  return client
}

const waitingIn = ({ replicas }: Fleet) => replicas.flatMap(({ engine }) => engine.waitingBecause).join()

test('100 of 600 rows are locked: the others are fresh in both replicas, and these once they are free', async () => {
  await using fleet = await fleetOf(2)
  const { broker, database, replicas } = fleet
  broker.publish([...words('held', 100, 1), ...words('free', 500, 1)], [])
  await fleet.settled()
  const holder = await application(database, `SELECT FROM words WHERE key LIKE 'held%' FOR UPDATE`)
  for (const version of [2, 3, 4]) {
    // To each of them half of the keys, held ones among them.
    const texts = [...words('held', 100, version), ...words('free', 500, version)]
    replicas.forEach(({ inbox }, i) =>
      broker.publish(
        texts.filter((_, at) => at % 2 === i),
        [inbox],
      ),
    )
    await until(async () => (await fleet.rowsOf(version, 'free')) === 500, 5000)
  }
  assert.equal(await fleet.rowsOf(1, 'held'), 100, 'the lock still stands')
  await until(async () => replicas.every(({ engine }) => engine.lockedRecords === 50))
  await until(async () => waitingIn(fleet).startsWith('words: 50 rows are locked by other transactions'))
  for (const { engine, inbox } of replicas) {
    assert.deepEqual(engine.pausedBecause, [])
    assert.equal(engine.outstanding, 150, 'the held ones, in three versions')
    assert.equal(inbox.held, false)
  }
  await holder.query('COMMIT')
  await fleet.settled()
  assert.equal(await fleet.rowsOf(4), 600)
  assert.deepEqual(await database.query('SELECT FROM dead_letters'), [])
})

test('one of 5,000 rows is locked: nothing else waits', async () => {
  await using fleet = await fleetOf(1)
  const { broker, database } = fleet
  broker.publish(words('k', 5000, 1), [])
  await fleet.settled()
  const holder = await application(database, `SELECT FROM words WHERE key = 'k2500' FOR UPDATE`)
  for (const version of [2, 3]) {
    broker.publish(words('k', 5000, version), [])
    await until(async () => (await fleet.rowsOf(version)) === 4999, 10_000)
  }
  await holder.query('COMMIT')
  await fleet.settled()
  assert.equal(await fleet.rowsOf(3), 5000)
})

for (const [how, kept] of [
  ['committed', 9],
  ['rolled back', 2],
] as const) {
  test(`rows that another transaction is inserting are waited for, the others are not; then it is ${how}`, async () => {
    await using fleet = await fleetOf(1)
    const { broker, database, replicas } = fleet
    const insert = `INSERT INTO words SELECT 'new' || i, 9, 'theirs' FROM generate_series(0, 39) AS i`
    const inserter = await application(database, insert)
    broker.publish([...words('new', 40, 2), ...words('free', 200, 2)], [])
    await until(async () => (await fleet.rowsOf(2)) === 200, 10_000)
    await until(async () => replicas[0]?.engine.lockedRecords === 40)
    await inserter.query(how === 'committed' ? 'COMMIT' : 'ROLLBACK')
    await fleet.settled()
    assert.equal(await fleet.rowsOf(kept, 'new'), 40)
  })
}

test('the locks of foreign keys that refer to a row block no write', async () => {
  await using fleet = await fleetOf(1)
  const { broker, database, replicas } = fleet
  broker.publish(words('k', 10, 1), [])
  await fleet.settled()
  await application(database, 'SELECT FROM words FOR KEY SHARE')
  broker.publish(words('k', 10, 2), [])
  await fleet.settled()
  assert.equal(await fleet.rowsOf(2), 10)
  assert.deepEqual(replicas[0]?.tally.failures, [])
})

for (const mode of ['SHARE', 'ACCESS EXCLUSIVE']) {
  test(`the whole table is locked (${mode}): pauses, with the reason; resumes automatically`, async () => {
    await using fleet = await fleetOf(1, 300)
    const { broker, database, replicas } = fleet
    const holder = await application(database, `LOCK TABLE words IN ${mode} MODE`)
    broker.publish(words('k', 50, 1), [])
    const reason = () => replicas[0]?.engine.pausedBecause.join() ?? ''
    await until(async () => reason() !== '')
    assert.match(reason(), /table words: locked as a whole by another session \(\w+Lock, pid \d+\) \[57014\]/)
    assert.ok((replicas[0]?.tally.failures.length ?? 0) < 5, 'it is not searched for')
    await holder.query('COMMIT')
    await fleet.settled()
    assert.equal(await fleet.rowsOf(1), 50)
  })
}

test('a locked dead letter waits aside; the others are stored', async () => {
  await using fleet = await fleetOf(1)
  const { broker, database, replicas } = fleet
  const stored = async () => (await database.query('SELECT FROM dead_letters')).length
  broker.publish(['nonsense'], [])
  await until(async () => (await stored()) === 1)
  const redrive = await application(database, 'SELECT FROM dead_letters FOR UPDATE')
  const [replica] = replicas
  const [first] = broker.messages
  assert.ok(replica && first)
  replica.inbox.queue.push(first)
  broker.publish(['more', 'and', 'again'], [])
  await until(async () => (await stored()) === 4, 10_000)
  assert.equal(replica.engine.outstanding, 1)
  assert.deepEqual(replica.engine.pausedBecause, [])
  await redrive.query('COMMIT')
  await fleet.settled()
  const [row] = await database.query('SELECT max(times_seen) AS times FROM dead_letters')
  assert.equal(row?.['times'], 2)
})
