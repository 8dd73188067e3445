import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'vitest'
import fc from 'fast-check'
import { explain } from '#connect/explain.ts'
import type { DeadLetter } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, patient, startTestServer, untilBlocked } from '../../test/support/postgres.ts'
import { alwaysAsync } from '../../test/support/seed.ts'
import { anyCharacter } from '../../test/support/text.ts'
import { DeadLetterTable } from './dead-letter-table.ts'
import type { LockWaits } from './lock-wait.ts'

const server = await startTestServer({ deadlock_timeout: '100ms' })
const subscription = 'projects/p/subscriptions/s'
const publishTimeMs = Date.UTC(2024, 1, 29, 12, 34, 56, 789)

function deadLetter(delivery: Partial<Delivery> = {}, said: Partial<DeadLetter> = {}): DeadLetter {
  return {
    reason: 'bad-ip',
    detail: 'why',
    ...said,
    delivery: {
      messageId: '1',
      publishTimeMs,
      orderingKey: '',
      attributes: {},
      data: Buffer.from('data'),
      deliveryAttempt: 1,
      bytes: 100,
      receivedAtMs: 0,
      ...delivery,
    },
  }
}

const tableIn = (database: TestDatabase, options: { subscription?: string; waits?: LockWaits } = {}) =>
  new DeadLetterTable(database.pool(), { pipeline: 'scans', subscription, maxMessageBytes: 1000, ...options })

const seen = ({ query }: TestDatabase) =>
  query('SELECT message_id AS id, times_seen AS times, reason FROM dead_letters ORDER BY id')

test('everything that is known about the message', async () => {
  await using database = await freshDatabase(server)
  const stored = {
    messageId: '12345',
    orderingKey: 'key "1", {}',
    attributes: { 'content-type': 'application/json', é: '😀 \\ "', ['__proto__']: 'x' },
    data: Buffer.from([0, 1, 0xff, 0x5c, 0x22]),
    deliveryAttempt: 5,
  }
  await tableIn(database).store([deadLetter(stored, { reason: 'bad-json', detail: 'at "x", line\n2' })])
  const [row] = await database.query(
    `SELECT *, id::int AS id, now() - first_seen_at < '1 min' AND now() >= first_seen_at AS recent,
            last_seen_at = first_seen_at AS once FROM dead_letters`,
  )
  const { first_seen_at: _, last_seen_at: __, ...rest } = row ?? {}
  assert.deepEqual(rest, {
    id: 1,
    pipeline: 'scans',
    subscription,
    message_id: '12345',
    publish_time: new Date(publishTimeMs),
    ordering_key: stored.orderingKey,
    attributes: stored.attributes,
    data: stored.data,
    reason: 'bad-json',
    detail: 'at "x", line\n2',
    delivery_attempt: 5,
    times_seen: 1,
    status: 'new',
    recent: true,
    once: true,
  })
})

test('text that PostgreSQL cannot store is escaped', async () => {
  await using database = await freshDatabase(server)
  const bad = 'a\0b\uD800c\uDFFF😀'
  const visible = String.raw`a\u0000b\ud800c\udfff😀`
  await tableIn(database).store([
    deadLetter(
      { messageId: bad, orderingKey: bad, attributes: { [bad]: bad } },
      { reason: bad, detail: bad },
    ),
  ])
  const rows = await database.query(
    'SELECT message_id, ordering_key, attributes, reason, detail FROM dead_letters',
  )
  assert.deepEqual(rows, [
    {
      message_id: visible,
      ordering_key: visible,
      attributes: { [visible]: visible },
      reason: visible,
      detail: visible,
    },
  ])
})

test('any text at all can be stored, and well-formed text comes back identical', async () => {
  await using database = await freshDatabase(server)
  const table = tableIn(database)
  const hostile = fc.string({
    maxLength: 10,
    unit: fc.oneof(fc.constantFrom('\0', '\uD83D', '\uDE00', '"', '\\', '{', '\\u0000', '\n'), anyCharacter),
  })
  const parts = fc.record({
    attributes: fc.dictionary(hostile, hostile, { maxKeys: 3 }),
    orderingKey: hostile,
    detail: hostile,
  })
  const property = fc.asyncProperty(fc.array(parts, { minLength: 1, maxLength: 20 }), async (all) => {
    await database.query('TRUNCATE dead_letters')
    await table.store(
      all.map(({ detail, ...delivery }, at) => deadLetter({ ...delivery, messageId: `${at}` }, { detail })),
    )
    const rows = await database.query(
      'SELECT attributes, ordering_key, detail FROM dead_letters ORDER BY message_id::int',
    )
    assert.equal(rows.length, all.length)
    for (const [at, { attributes, orderingKey, detail }] of all.entries()) {
      if (storable(orderingKey)) assert.equal(rows[at]?.['ordering_key'], orderingKey)
      if (storable(detail)) assert.equal(rows[at]?.['detail'], detail)
      if (Object.entries(attributes).flat().every(storable)) {
        assert.deepEqual({ ...(rows[at]?.['attributes'] as object) }, { ...attributes })
      }
    }
  })
  await alwaysAsync(property, 60)
})

const storable = (text: string) => text.isWellFormed() && !text.includes('\0')

test('a message is one row, however often it arrives, in one batch or in several', async () => {
  await using database = await freshDatabase(server)
  const table = tableIn(database)
  const again = deadLetter({ deliveryAttempt: 2 }, { reason: 'bad-port' })
  await table.store([deadLetter(), deadLetter({ messageId: '2' }), deadLetter(), again])
  assert.deepEqual(await seen(database), [
    { id: '1', times: 3, reason: 'bad-port' },
    { id: '2', times: 1, reason: 'bad-ip' },
  ])
  await table.store([
    again,
    deadLetter({ deliveryAttempt: 7 }, { reason: 'bad-json', detail: 'last' }),
    deadLetter({ messageId: '3' }),
  ])
  assert.deepEqual(await seen(database), [
    { id: '1', times: 5, reason: 'bad-json' },
    { id: '2', times: 1, reason: 'bad-ip' },
    { id: '3', times: 1, reason: 'bad-ip' },
  ])
  const [first] = await database.query(
    `SELECT delivery_attempt, detail, last_seen_at > first_seen_at AS later FROM dead_letters WHERE message_id = '1'`,
  )
  assert.deepEqual(first, { delivery_attempt: 7, detail: 'last', later: true })
})

test('a repeated message id after a restart of ids, and another subscription, are other messages', async () => {
  await using database = await freshDatabase(server)
  await tableIn(database).store([deadLetter(), deadLetter({ publishTimeMs: publishTimeMs + 1 })])
  await tableIn(database, { subscription: `${subscription}-2` }).store([deadLetter()])
  assert.deepEqual(
    (await seen(database)).map(({ times }) => times),
    [1, 1, 1],
  )
})

test('of data over the limit the first 64 KiB are kept; empty data is empty', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool()
  const maxMessageBytes = 100_000
  const table = new DeadLetterTable(pool, { pipeline: 'scans', subscription, maxMessageBytes })
  const big = randomBytes(maxMessageBytes + 1)
  const datas = [big, big.subarray(1), Buffer.alloc(0)]
  await table.store(datas.map((data, at) => deadLetter({ messageId: `${at}`, data })))
  const rows = await database.query<{ data: Buffer }>('SELECT data FROM dead_letters ORDER BY message_id')
  const kept = [big.subarray(0, 64 * 1024), big.subarray(1), Buffer.alloc(0)]
  assert.deepEqual(
    rows.map(({ data }) => data.length),
    kept.map((data) => data.length),
  )
  // Compared by length only: a difference of this many bytes takes minutes to print.
  for (const [at, data] of kept.entries()) assert.ok(rows[at]?.data.equals(data), `letter ${at}`)
})

test('500 dead letters in one call', async () => {
  await using database = await freshDatabase(server)
  const data = randomBytes(1000)
  const deadLetters = Array.from({ length: 500 }, (_, at) => deadLetter({ messageId: `${at % 400}`, data }))
  await tableIn(database).store(deadLetters)
  const [sum] = await database.query(
    'SELECT count(*)::int AS rows, sum(times_seen)::int AS times FROM dead_letters',
  )
  assert.deepEqual(sum, { rows: 400, times: 500 })
})

test('none at all', async () => {
  await using database = await freshDatabase(server)
  await tableIn(database).store([])
  assert.deepEqual(await seen(database), [])
})

test('replicas that store the same dead letters in opposite orders do not deadlock', async () => {
  await using database = await freshDatabase(server)
  const table = tableIn(database, { waits: patient })
  const deadLetters = ['1', '2', '3'].map((messageId) => deadLetter({ messageId }))
  await table.store(deadLetters)
  const holder = await database.connect()
  await holder.query(`BEGIN; SELECT FROM dead_letters WHERE message_id = '2' FOR UPDATE`)
  const first = table.store(deadLetters)
  await untilBlocked(database, 1)
  const second = table.store(deadLetters.toReversed())
  await untilBlocked(database, 2)
  await holder.query('COMMIT')
  await Promise.all([first, second])
  assert.deepEqual(
    (await seen(database)).map(({ times }) => times),
    [3, 3, 3],
  )
})

test('a store that fails says so, without the payload', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const store = tableIn(database).store([deadLetter({ data: Buffer.from('hunter2') }, { detail: 'hunter2' })])
  await assert.rejects(store, (error: Error) => {
    assert.match(explain(error), /^table dead_letters: .*\[42P01\].*migrate up/)
    assert.doesNotMatch(error.message, /hunter2/)
    return true
  })
})
