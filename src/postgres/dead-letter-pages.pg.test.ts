import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, startTestServer } from '../../test/support/postgres.ts'
import type { DeadLetterDetail } from './dead-letters.ts'
import { isWhole, readDeadLetters } from './dead-letters.ts'
import type { Queryable } from './queryable.ts'
import { inReadOnlyTransaction } from './transaction.ts'

const server = await startTestServer()

const insert = `
INSERT INTO dead_letters (pipeline, subscription, message_id, publish_time, ordering_key, attributes, data, reason,
                          detail, delivery_attempt, times_seen)`

async function pagesOf(database: TestDatabase, pipeline = 'scans'): Promise<(readonly DeadLetterDetail[])[]> {
  const connection = await database.connect()
  const pages = await inReadOnlyTransaction(connection, 3, () =>
    Array.fromAsync(readDeadLetters(connection, pipeline)),
  )
  await assertIdle(connection)
  return pages
}

/** Outside a transaction, a statement's time of beginning is its transaction's. */
async function assertIdle(connection: Queryable): Promise<void> {
  const { rows } = await connection.query('SELECT now() = statement_timestamp() AS idle')
  assert.deepEqual(rows, [{ idle: true }])
}

test('everything that is known about each', async () => {
  await using database = await freshDatabase(server)
  await database.query(
    `${insert} VALUES ('scans', 's', 'm1', '2023-11-14 22:13:20.123Z', 'k', '{"a": "é"}', '\\x00ff', 'bad-ip', 'why', 3, 2)`,
  )
  const [[deadLetter] = []] = await pagesOf(database)
  assert.ok(deadLetter && isWhole(deadLetter))
  const { firstSeenAt, lastSeenAt, ...rest } = deadLetter
  for (const at of [firstSeenAt, lastSeenAt]) assert.ok(Math.abs(Date.now() - at.getTime()) < 60_000)
  assert.deepEqual(rest, {
    id: 1,
    pipeline: 'scans',
    subscription: 's',
    messageId: 'm1',
    publishTime: new Date('2023-11-14T22:13:20.123Z'),
    orderingKey: 'k',
    attributes: { a: 'é' },
    data: Buffer.from([0, 255]),
    dataBytes: 2,
    reason: 'bad-ip',
    detail: 'why',
    deliveryAttempt: 3,
    timesSeen: 2,
    status: 'new',
    cut: false,
    escaped: false,
    redriveCount: 0,
  })
})

test('each of the pipeline once, the last first, in pages', async () => {
  await using database = await freshDatabase(server)
  await database.query(
    `${insert} SELECT CASE WHEN n % 3 = 0 THEN 'other' ELSE 'scans' END, 's', n::text, now(), '', '{}', 'x', 'r', 'd', 1, 1
     FROM generate_series(1, 1800) AS n`,
  )
  const pages = await pagesOf(database)
  assert.deepEqual(
    pages.map((page) => page.length),
    [500, 500, 200],
  )
  const expected = Array.from({ length: 1800 }, (_, i) => 1800 - i).filter((n) => n % 3 !== 0)
  assert.deepEqual(
    pages.flat().map((deadLetter) => Number(deadLetter.messageId)),
    expected,
  )
  assert.deepEqual(await pagesOf(database, 'nobody'), [])
})

test('for long data only the beginning and the end', async () => {
  await using database = await freshDatabase(server)
  const lengths = [65_536, 65_537, 1_000_000]
  for (const length of lengths) {
    const data = Buffer.alloc(length, '.')
    data.write('begin')
    data.write('end', length - 3)
    await database.query(`${insert} VALUES ('scans', 's', $1, now(), '', '{}', $2, 'r', 'd', 1, 1)`, [
      String(length),
      data,
    ])
  }
  const deadLetters = (await pagesOf(database)).flat().reverse()
  assert.deepEqual(
    deadLetters.map((deadLetter) => [deadLetter.dataBytes, deadLetter.data.length, isWhole(deadLetter)]),
    [
      [65_536, 65_536, true],
      [65_537, 65_536, false],
      [1_000_000, 65_536, false],
    ],
  )
  for (const { data } of deadLetters) assert.match(data.toString(), /^begin\.+end$/)
})

test('a reader that stops early leaves no transaction open', async () => {
  await using database = await freshDatabase(server)
  await database.query(
    `${insert} SELECT 'scans', 's', n::text, now(), '', '{}', 'x', 'r', 'd', 1, 1 FROM generate_series(1, 600) AS n`,
  )
  const connection = await database.connect()
  await inReadOnlyTransaction(connection, 3, async () => {
    for await (const page of readDeadLetters(connection, 'scans')) {
      assert.equal(page.length, 500)
      break
    }
  })
  await assertIdle(connection)
})
