// Several writers at once, each with its part of the messages, in any order, repeated, cut into any batches; guards are swept
// meanwhile. In the end the table is what the messages say: what was deleted is not there, and what is newer is. Rows that
// others have written without a version are older than everything.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { CheckedRow } from '#pipeline/checked-rows.ts'
import { sweepGuards } from '#postgres/guard-sweep.ts'
import { GuardedTableWriter } from '#postgres/guarded-table-writer.ts'
import { anyItem, expectedItems, storedItems } from '../support/item-oracle.ts'
import { createItems, itemPipeline, itemRecord } from '../support/item-pipeline.ts'
import { freshDatabase, patient, startTestServer } from '../support/postgres.ts'
import { alwaysAsync } from '../support/seed.ts'

const server = await startTestServer({ deadlock_timeout: '100ms' })
const pipeline = 'items'
const horizonMs = 8 * 86_400_000
/** Of the messages: what is NULL after it is older than all of them. */
const earliest = '2026-01-01T00:00:00Z'

type Items = readonly KeyedRecord<CheckedRow>[]

/** What a lane makes of a batch: of each key the newest, and then those of which only the table can tell. */
function* batchesOf(records: Items): Generator<Items> {
  let left = records
  while (left.length > 0) {
    const newest = new Map<string, KeyedRecord<CheckedRow>>()
    const { merge } = itemPipeline
    for (const record of left) {
      const known = newest.get(record.key)
      if (!known || (merge.compare(record, known) ?? 0) > 0) newest.set(record.key, record)
    }
    const winners = [...newest.values()]
    yield winners
    left = left.filter((record) => merge.compare(record, newest.get(record.key) ?? record) === undefined)
  }
}

test('any order, repetition and batching of messages ends in the same rows, with three writers and a sweep at a time', async () => {
  await using database = await freshDatabase(server)
  await database.query(`${createItems}; ALTER TABLE items ALTER revision DROP NOT NULL`)
  const writers = [0, 1, 2].map(
    () => new GuardedTableWriter(database.pool(), itemPipeline.sink, { pipeline, horizonMs }, patient),
  )
  const sweeper = database.pool()
  const writeAll = async (
    writer: GuardedTableWriter<CheckedRow> | undefined,
    records: Items,
    size: number,
  ) => {
    for (let from = 0; from < records.length; from += size) {
      for (const batch of batchesOf(records.slice(from, from + size))) await writer?.write(batch)
      await sweepGuards({ pool: sweeper, pipeline, horizonMs })
    }
  }
  const cases = fc.array(anyItem, { minLength: 1, maxLength: 30 }).chain((items) => {
    const twice = [...items, ...items]
    return fc.shuffledSubarray(twice, { minLength: twice.length, maxLength: twice.length })
  })
  await alwaysAsync(
    fc.asyncProperty(cases, fc.integer({ min: 1, max: 8 }), fc.boolean(), async (items, size, hasOld) => {
      await database.query('TRUNCATE items, key_guards')
      if (hasOld)
        await database.query(
          `INSERT INTO items (id, at, price) SELECT DISTINCT unnest($1::text[]), $2::timestamptz, 9e99`,
          [items.map(({ id }) => id), earliest],
        )
      const records = items.map((item) => itemRecord(item))
      const parts = writers.map((_, part) => records.filter((__, at) => at % writers.length === part))
      await Promise.all(writers.map((writer, part) => writeAll(writer, parts[part] ?? [], size)))
      assert.deepEqual(await storedItems(database), await expectedItems(server, items))
    }),
    60,
  )
})
