// The tables that its migration makes, with the engine's writer.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { IdentifiedWriter } from '#postgres/applied/identified-writer.ts'
import { keepAppliedDays } from '#postgres/applied/applied-days.ts'
import { migrate } from '#postgres/migrations.ts'
import { deliveryOf } from '../../../test/support/arrivals.ts'
import type { TestDatabase } from '../../../test/support/postgres.ts'
import { freshDatabase, migrationsDir, startTestServer } from '../../../test/support/postgres.ts'
import type { Increment } from './message.ts'
import { increments } from './pipeline.ts'

const server = await startTestServer()
const horizonMs = 8 * 86_400_000
const limits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }
const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
const nowMs = Date.now()

function recordOf(value: bigint, messageId: string) {
  const delivery = {
    ...deliveryOf(`{"key":"${key}","value":${value}}`),
    messageId,
    publishTimeMs: nowMs,
  }
  return increments.merge.recordOf(increments.decode(delivery, limits) as Increment, delivery, 0)
}

/** Days as partitions, each with how many indexes of the parent's it has. */
function days({ query }: TestDatabase) {
  return query<{ name: string; indexes: number; own: number }>(`
    SELECT c.relname AS name, count(*)::int AS own, count(i.inhparent)::int AS indexes
    FROM pg_inherits AS p JOIN pg_class AS c ON c.oid = p.inhrelid JOIN pg_index AS x ON x.indrelid = c.oid
      LEFT JOIN pg_inherits AS i ON i.inhrelid = x.indexrelid
    WHERE p.inhparent = 'applied_messages'::regclass GROUP BY 1 ORDER BY 1`)
}

test('sums are exact up to the end of bigint; one that would be greater is refused', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool()
  await keepAppliedDays(pool, horizonMs)
  const writer = new IdentifiedWriter(pool, increments.sink, { pipeline: 'increments', horizonMs })
  await writer.write([recordOf(2n ** 63n - 8n, 'a'), recordOf(7n, 'b'), recordOf(7n, 'b')])
  const { written, refused } = await writer.write([recordOf(1n, 'c')])
  assert.deepEqual([written, refused?.map(({ failure }) => failure.code)], [0, ['22003']])
  assert.deepEqual(await database.query('SELECT * FROM increments'), [{ key, value: String(2n ** 63n - 1n) }])
})

test('days that are made later have the index of keys, and it is used', async () => {
  await using database = await freshDatabase(server)
  await keepAppliedDays(database.pool(), horizonMs)
  const found = await days(database)
  assert.ok(found.length >= 10, String(found.length))
  for (const { name, own, indexes } of found) assert.deepEqual([own, indexes], [2, 2], name)
  const plan = await database.query<{ 'QUERY PLAN': string }>(`EXPLAIN (COSTS OFF)
    SELECT message_id FROM applied_messages WHERE pipeline = 'increments' AND effect[1] = '${key}'
    ORDER BY publish_time DESC LIMIT 1`)
  const text = plan.map((row) => row['QUERY PLAN']).join('\n')
  assert.match(text, /Index Scan Backward using applied_messages_\d{8}_effect_publish_time_idx/)
  assert.doesNotMatch(text, /Seq Scan|Bitmap/)
})

test('the migration is reverted where there are days', async () => {
  await using database = await freshDatabase(server)
  await keepAppliedDays(database.pool(), horizonMs)
  assert.deepEqual(await migrate(database.options, migrationsDir, 'down'), ['000006_create_increments_table'])
  for (const { name, own } of await days(database)) assert.equal(own, 1, name)
  assert.deepEqual(await migrate(database.options, migrationsDir, 'up'), ['000006_create_increments_table'])
  for (const { name, own, indexes } of await days(database)) assert.deepEqual([own, indexes], [2, 2], name)
})
