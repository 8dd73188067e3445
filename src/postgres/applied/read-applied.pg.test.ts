import assert from 'node:assert/strict'
import { test } from 'vitest'
import { increments } from '#systems/increments/pipeline.ts'
import { createSums, incrementSums } from '../../../test/support/increment-pipelines.ts'
import { freshDatabase, startTestServer } from '../../../test/support/postgres.ts'
import type { Queryable } from '../queryable.ts'
import { withReader } from '../read-row.ts'
import { keepAppliedDays } from './applied-days.ts'
import { readAppliedRecords, readAppliedSince, readAppliedToKey } from './read-applied.ts'

const server = await startTestServer()
const dayMs = 86_400_000

async function opened() {
  const database = await freshDatabase(server)
  await database.query(createSums)
  await keepAppliedDays(database.pool(), 2 * dayMs)
  await database.query(`
    INSERT INTO applied_messages (pipeline, message_id, publish_time, record_index, effect) VALUES
      ('sums', '1', now() - interval '1 hour', 0, '{a,1}'), ('sums', '1', now() - interval '1 hour', 1, '{b,2}'),
      ('sums', '2', now() - interval '1 minute', 0, '{a,3}'), ('others', '3', now(), 0, '{a,1}');
    INSERT INTO applied_requests (pipeline, request, record_index, effect) VALUES ('sums', 'f00', 0, '{a,7}'), ('sums', 'f01', 0, '{"a b",7}')`)
  return database
}

const inTurn = <T>(
  database: Awaited<ReturnType<typeof opened>>,
  work: (connection: Queryable) => Promise<T>,
) => withReader(database.options, (read) => read(work))

test('what has counted for a key: of messages and of requests, of this pipeline alone', async () => {
  await using database = await opened()
  const of = (key: string) =>
    inTurn(database, (connection) => readAppliedToKey(connection, 'sums', incrementSums.sink, [key], 5000))
  const { ofMessages, ofRequests } = await of('a')
  assert.deepEqual([ofMessages.count, ofRequests.count], [2, 1])
  assert.ok(Math.abs(Date.now() - 60_000 - Number(ofMessages.last)) < 30_000)
  assert.equal((await of('a b')).ofRequests.count, 1)
  assert.deepEqual(await of('z'), {
    ofMessages: { count: 0, last: null },
    ofRequests: { count: 0, last: null },
  })
})

test('the records of a message, or of a request', async () => {
  await using database = await opened()
  const of = (identity: { message: string } | { request: string }) =>
    inTurn(database, (connection) => readAppliedRecords(connection, 'sums', identity, 5000))
  const indexes = async (...identity: Parameters<typeof of>) =>
    (await of(...identity)).map(({ index }) => index)
  assert.deepEqual(await indexes({ message: '1' }), [0, 1])
  assert.deepEqual(await indexes({ message: '3' }), [], 'of another pipeline')
  assert.deepEqual(await indexes({ request: 'f00' }), [0])
})

test('the partial index of increments on the key is used', async () => {
  await using database = await opened()
  const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
  const plans: string[] = []
  await inTurn(database, async (connection) => {
    await connection.query('SET LOCAL enable_seqscan = off')
    const explaining: Queryable = {
      query: (async (text: string, values?: unknown[]) => {
        if (text.startsWith('SELECT')) {
          const { rows } = await connection.query(`EXPLAIN ${text}`, values)
          plans.push(rows.map((row: Record<string, unknown>) => row['QUERY PLAN']).join('\n'))
        }
        return connection.query(text, values)
      }) as Queryable['query'],
    }
    await readAppliedToKey(explaining, increments.name, increments.sink, [key], 5000)
  })
  assert.equal(plans.length, 2)
  for (const plan of plans)
    assert.match(plan, /Index (Only )?Scan using applied_\w+[^]*Index Cond: .*effect\[1\]\)? = '5f0c/)
})

test('it is bounded: a look that takes too long is cancelled', async () => {
  await using database = await opened()
  await database.query(`INSERT INTO applied_requests (pipeline, request, record_index, effect)
    SELECT 'sums', n::text, 0, ARRAY['k', repeat('x', 100)] FROM generate_series(1, 300000) AS n`)
  await assert.rejects(
    inTurn(database, (connection) => readAppliedToKey(connection, 'sums', incrementSums.sink, ['k'], 1)),
    { code: '57014' },
  )
})

test('since when it is remembered', async () => {
  await using database = await opened()
  const since = await inTurn(database, readAppliedSince)
  assert.equal(since?.getTime(), Math.floor(Date.now() / dayMs) * dayMs - 3 * dayMs)
})
