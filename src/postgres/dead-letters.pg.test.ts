import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { DeadLetter } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, patient, startTestServer, untilBlocked } from '../../test/support/postgres.ts'
import { DeadLetterTable, keptOfTooLargeBytes } from './dead-letter-table.ts'
import { lockDeadLetters, markDeadLetters, updateDeadLetterStatus } from './dead-letter-status.ts'
import type { DeadLetterFilter } from './dead-letters.ts'
import { readDeadLetter, readNewest, readReasons, readSummaries, selectDeadLetters } from './dead-letters.ts'
import { inTransaction } from './transaction.ts'

const server = await startTestServer({ deadlock_timeout: '100ms' })
const subscription = 'projects/p/subscriptions/s'
const start = Date.UTC(2024, 0, 29)
const maxMessageBytes = 100_000

interface StoredDeadLetter extends Partial<Omit<Delivery, 'data'>> {
  readonly reason?: string
  readonly detail?: string
  readonly data?: string | Buffer
  readonly pipeline?: string
}

/** Stores dead letters one after the other: their ids are 1, 2, 3, and each was seen later than the one before. */
async function withDeadLetters(deadLetters: readonly StoredDeadLetter[]) {
  const database = await freshDatabase(server)
  for (const [at, deadLetter] of deadLetters.entries()) await store(database, at, deadLetter)
  const client = await database.connect()
  return { ...database, database, client, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() }
}

async function store(database: TestDatabase, at: number, deadLetter: StoredDeadLetter): Promise<void> {
  const {
    reason = 'bad-ip',
    detail = `detail ${at + 1}`,
    pipeline = 'scans',
    data = 'data',
    ...said
  } = deadLetter
  const delivery: Delivery = {
    messageId: `m${at}`,
    publishTimeMs: start + at,
    orderingKey: '',
    attributes: {},
    deliveryAttempt: 1,
    bytes: 100,
    receivedAtMs: 0,
    ...said,
    data: Buffer.from(data),
  }
  const stored: DeadLetter = { reason, detail, delivery }
  const table = new DeadLetterTable(database.pool(), { pipeline, subscription, maxMessageBytes })
  await table.store([stored])
}

const idsOf = (rows: readonly { readonly id: number }[]) => rows.map(({ id }) => id)

test('each filter selects what it names, and filters combine', async () => {
  await using there = await withDeadLetters([
    {},
    { reason: 'bad-port' },
    { reason: 'not-json', pipeline: 'others' },
    {},
    { reason: 'bad-port' },
  ])
  const { client, query } = there
  await query(`UPDATE dead_letters SET status = 'redriven' WHERE id = 4`)
  await query(`UPDATE dead_letters SET status = 'discarded' WHERE id = 5`)
  await query(`UPDATE dead_letters SET last_seen_at = now() - interval '2 h' WHERE id = 2`)
  const expected: readonly (readonly [DeadLetterFilter, readonly number[]])[] = [
    [{}, [1, 2, 3, 4, 5]],
    [{ pipeline: 'others' }, [3]],
    [{ reasons: ['bad-port'] }, [2, 5]],
    [{ reasons: ['bad-port', 'not-json'] }, [2, 3, 5]],
    [{ reasons: ["' OR true --"] }, []],
    [{ status: 'new' }, [1, 2, 3]],
    [{ status: 'redriven' }, [4]],
    [{ status: 'discarded' }, [5]],
    [{ sinceMs: 3_600_000 }, [1, 3, 4, 5]],
    [{ sinceMs: 3 * 3_600_000 }, [1, 2, 3, 4, 5]],
    [{ sinceMs: 876_000 * 3_600_000 }, [1, 2, 3, 4, 5]],
    [{ ids: [5, 1, 99] }, [1, 5]],
    [{ ids: [] }, []],
    [{ pipeline: 'scans', reasons: ['bad-port'], status: 'new', sinceMs: 3_600_000 }, []],
    [{ pipeline: 'scans', reasons: ['bad-port'], status: 'new', ids: [1, 2, 5] }, [2]],
  ]
  for (const [filter, ids] of expected) {
    const name = JSON.stringify(filter)
    assert.deepEqual(idsOf(await selectDeadLetters(client, filter)), ids, name)
    assert.deepEqual(
      idsOf(await readNewest(client, filter, 100)).sort((a, b) => a - b),
      ids,
      name,
    )
    const counted = (await readReasons(client, filter)).reduce((sum, { count }) => sum + count, 0)
    assert.equal(counted, ids.length, name)
  }
})

test('reasons: count, time range, one detail; the most frequent first', async () => {
  await using there = await withDeadLetters([
    { reason: 'a' },
    { reason: 'b' },
    { reason: 'b' },
    { reason: 'c' },
  ])
  const { client, query } = there
  await query(
    `UPDATE dead_letters SET first_seen_at = '2024-01-01', last_seen_at = '2024-01-02' WHERE id = 2`,
  )
  await query(
    `UPDATE dead_letters SET first_seen_at = '2024-01-03', last_seen_at = '2024-01-04' WHERE id = 3`,
  )
  const reasons = await readReasons(client, {})
  assert.deepEqual(
    reasons.map(({ reason, count }) => [reason, count]),
    [
      ['b', 2],
      ['a', 1],
      ['c', 1],
    ],
  )
  const [row] = await query(`SELECT '2024-01-01'::timestamptz AS a, '2024-01-04'::timestamptz AS b`)
  assert.deepEqual([reasons[0]?.oldest, reasons[0]?.newest], [row?.['a'], row?.['b']])
  assert.equal(reasons[0]?.example, 'detail 2')
})

test('the dead letters seen last are first, up to the limit', async () => {
  await using there = await withDeadLetters([{}, {}, {}])
  const { client, database } = there
  assert.deepEqual(idsOf(await readNewest(client, {}, 2)), [3, 2])
  await store(database, 0, {})
  assert.deepEqual(idsOf(await readNewest(client, {}, 2)), [1, 3])
  assert.equal((await readDeadLetter(client, 1))?.timesSeen, 2)
})

test('everything about one dead letter; nothing for an unknown one', async () => {
  const data = Buffer.from([0, 0xff, 1])
  await using there = await withDeadLetters([
    { data, attributes: { a: 'b', ingester_redrive_count: '4' }, orderingKey: 'k', deliveryAttempt: 7 },
  ])
  const { client } = there
  const { firstSeenAt, lastSeenAt, ...rest } = (await readDeadLetter(client, 1)) ?? assert.fail()
  assert.ok(firstSeenAt instanceof Date && lastSeenAt instanceof Date)
  assert.deepEqual(rest, {
    id: 1,
    pipeline: 'scans',
    status: 'new',
    reason: 'bad-ip',
    detail: 'detail 1',
    deliveryAttempt: 7,
    timesSeen: 1,
    subscription,
    messageId: 'm0',
    publishTime: new Date(start),
    orderingKey: 'k',
    dataBytes: 3,
    cut: false,
    escaped: false,
    redriveCount: 4,
    attributes: { a: 'b', ingester_redrive_count: '4' },
    data,
  })
  assert.equal(await readDeadLetter(client, 2), undefined)
})

test('an invalid redrive count counts as none', async () => {
  const counts = ['', 'x', '-1', '1.5', '9999999999', '0']
  await using there = await withDeadLetters([
    ...counts.map((count) => ({ attributes: { ingester_redrive_count: count } })),
    { attributes: { ingester_redrive_count: '999999999' } },
  ])
  const all = await readSummaries(there.client, [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(
    all.map(({ redriveCount }) => redriveCount),
    [0, 0, 0, 0, 0, 0, 999_999_999],
  )
})

test('text that was escaped when it was stored is recognized anywhere', async () => {
  await using there = await withDeadLetters([
    { orderingKey: 'a\0b' },
    { attributes: { 'a\0': '' } },
    { attributes: { a: 'x\uD800' } },
    { attributes: { a: '\uDFFF' } },
    // None of these was written out; the last cannot be told from one that was.
    { orderingKey: 'u0000', attributes: { 'é😀': '\\n\n"\\' } },
    { orderingKey: '\\u0041', attributes: { a: '\\ud7ff \\ue000 \\uD800' } },
    { attributes: { a: '\\u0000' } },
  ])
  const all = await readSummaries(there.client, [1, 2, 3, 4, 5, 6, 7])
  assert.deepEqual(
    all.map(({ escaped }) => escaped),
    [true, true, true, true, false, false, true],
  )
})

test('truncated data is recognized, and completed when its message is redelivered under a higher limit', async () => {
  const big = Buffer.alloc(maxMessageBytes + 1, 'x')
  await using there = await withDeadLetters([
    { reason: 'too-large', data: big },
    { reason: 'too-large', data: 'under a lower limit, not cut' },
    { data: Buffer.alloc(keptOfTooLargeBytes) },
  ])
  const { client, database } = there
  const cutOnes = async () =>
    (await selectDeadLetters(client, {})).filter(({ cut }) => cut).map(({ id }) => id)
  assert.deepEqual(await cutOnes(), [1])
  assert.equal((await readDeadLetter(client, 1))?.cut, true)

  const raised = new DeadLetterTable(database.pool(), {
    pipeline: 'scans',
    subscription,
    maxMessageBytes: 1e6,
  })
  const { messageId, publishTime } = (await readDeadLetter(client, 1)) ?? assert.fail()
  const delivery = {
    messageId,
    publishTimeMs: publishTime.getTime(),
    orderingKey: '',
    attributes: {},
    data: big,
  }
  const again = { deliveryAttempt: 1, bytes: 1, receivedAtMs: 0, ...delivery }
  await raised.store([{ reason: 'bad-ip', detail: 'd', delivery: again }])
  assert.deepEqual(await cutOnes(), [])
  assert.ok((await readDeadLetter(client, 1))?.data.equals(big), 'it is whole')
  // And a replica under the lower limit takes nothing away.
  await store(database, 0, { reason: 'too-large', data: big })
  assert.deepEqual(await cutOnes(), [])
  assert.ok((await readDeadLetter(client, 1))?.data.equals(big), 'it is still whole')
})

test('selected: the first by publish time, then per ordering key by publish time', async () => {
  const at = (orderingKey: string, ms: number) => ({ orderingKey, publishTimeMs: start + ms })
  await using there = await withDeadLetters([
    at('b', 4),
    at('a', 5),
    at('b', 1),
    at('', 6),
    at('a', 2),
    at('B', 3),
  ])
  const { client } = there
  assert.deepEqual(idsOf(await selectDeadLetters(client, {})), [4, 6, 5, 2, 3, 1])
  assert.deepEqual(idsOf(await selectDeadLetters(client, {}, 3)), [6, 5, 3])
  const [first] = await selectDeadLetters(client, {}, 1)
  assert.deepEqual(first, {
    id: 3,
    bytes: 'data'.length + '{}'.length + 'b'.length,
    cut: false,
    foreign: null,
    publishedMs: Date.UTC(2024, 0, 29) + 1,
  })
})

test('those that still have the status are locked until the end, in the order of the given ids', async () => {
  await using there = await withDeadLetters([{}, {}, {}])
  const { client, database } = there
  await markDeadLetters(client, [2], 'discarded')
  const other = await database.connect()
  await inTransaction(client, async () => {
    assert.deepEqual(idsOf(await lockDeadLetters(client, [3, 2, 1, 99], 'new')), [3, 1])
    await assert.rejects(other.query('SELECT FROM dead_letters WHERE id = 1 FOR UPDATE NOWAIT'), /lock/)
    await markDeadLetters(client, [1], 'redriven')
  })
  assert.deepEqual(idsOf(await lockDeadLetters(other, [3, 2, 1], 'new')), [3])
})

test('marks that a trigger discards are an error, not a success', async () => {
  await using there = await withDeadLetters([{}, {}])
  const { client } = there
  await client.query(`CREATE FUNCTION discard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER discard BEFORE UPDATE ON dead_letters FOR EACH ROW EXECUTE FUNCTION discard()`)
  await assert.rejects(markDeadLetters(client, [1], 'redriven'), /discarded by a trigger/)
  await assert.rejects(updateDeadLetterStatus(client, [1, 2], 'new', 'discarded'), /discarded by a trigger/)
})

test('the second caller waits, and sees what the first one has done', async () => {
  await using there = await withDeadLetters([{}, {}])
  const { client, database } = there
  const other = await database.connect()
  await client.query('BEGIN')
  await lockDeadLetters(client, [1], 'new')
  const second = lockDeadLetters(other, [2, 1], 'new')
  await untilBlocked(database, 1)
  await markDeadLetters(client, [1], 'redriven')
  await client.query('COMMIT')
  assert.deepEqual(idsOf(await second), [2])
})

test('dead letters that are redelivered while locked wait, in any order, without a deadlock', async () => {
  // By their ids, and by their publish times, the letters stand the other way round than by their message ids.
  await using there = await withDeadLetters(['c', 'b', 'a'].map((messageId) => ({ messageId })))
  const { client, database } = there
  const holder = await database.connect()
  await holder.query(`BEGIN; SELECT FROM dead_letters WHERE message_id = 'b' FOR UPDATE`)
  const locking = inTransaction(client, () => lockDeadLetters(client, [1, 2, 3], 'new'))
  await untilBlocked(database, 1)
  const discarding = updateDeadLetterStatus(await database.connect(), [1, 2, 3], 'new', 'discarded')
  await untilBlocked(database, 2)
  const table = new DeadLetterTable(database.pool(), {
    pipeline: 'scans',
    subscription,
    maxMessageBytes,
    waits: patient,
  })
  const deliveries = ['c', 'b', 'a'].map((messageId, at) => ({ messageId, publishTimeMs: start + at }))
  const rest = { orderingKey: '', attributes: {}, data: Buffer.from('data'), deliveryAttempt: 1 }
  const storing = table.store(
    deliveries.map((delivery) => ({
      reason: 'bad-ip',
      detail: 'd',
      delivery: { ...rest, bytes: 1, receivedAtMs: 0, ...delivery },
    })),
  )
  await untilBlocked(database, 3)
  await holder.query('COMMIT')
  assert.deepEqual(idsOf(await locking), [1, 2, 3])
  assert.equal(await discarding, 3)
  await storing
  assert.deepEqual(
    (await readSummaries(client, [1, 2, 3])).map(({ status, timesSeen }) => [status, timesSeen]),
    [1, 2, 3].map(() => ['discarded', 2]),
  )
})

test('those that have the status are updated, and counted', async () => {
  await using there = await withDeadLetters([{}, {}, {}])
  const { client } = there
  await markDeadLetters(client, [2], 'redriven')
  assert.equal(await updateDeadLetterStatus(client, [1, 2, 99], 'new', 'discarded'), 1)
  assert.deepEqual(
    (await readSummaries(client, [3, 2, 1])).map(({ id, status }) => [id, status]),
    [
      [3, 'new'],
      [2, 'redriven'],
      [1, 'discarded'],
    ],
  )
})

test('a failed transaction leaves nothing, and the connection intact', async () => {
  await using there = await withDeadLetters([{}])
  const { client } = there
  const failing = inTransaction(client, async () => {
    await markDeadLetters(client, [1], 'redriven')
    throw new Error('no')
  })
  await assert.rejects(failing, /^Error: no$/)
  assert.equal((await readDeadLetter(client, 1))?.status, 'new')
  const [{ timeout } = { timeout: '' }] = await inTransaction(client, async () => {
    const { rows } = await client.query(
      `SELECT current_setting('idle_in_transaction_session_timeout') AS timeout`,
    )
    return rows as { timeout: string }[]
  })
  assert.equal(timeout, '1min')
})
