// The simulated PostgreSQL does with deletions what the real one does: both are given the same batches by the real writer.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { CheckedRow } from '#pipeline/checked-rows.ts'
import { GuardedTableWriter } from '#postgres/guarded-table-writer.ts'
import type { Item } from '../../support/item-pipeline.ts'
import { createItems, itemPipeline, itemRecord } from '../../support/item-pipeline.ts'
import { freshDatabase, startTestServer } from '../../support/postgres.ts'
import { alwaysAsync } from '../../support/seed.ts'
import { openPostgres } from './opened-postgres.ts'

const server = await startTestServer()

/** Of one version all are the same: the two order others differently. */
const item: fc.Arbitrary<Item> = fc.record({
  id: fc.constantFrom('a', 'NULL', '["a"]', '{,}'),
  at: fc.constantFrom('1969-12-31T23:59:59.5Z', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00.5+01:00'),
  revision: fc.constantFrom(-1, 0, 9, 10),
  gone: fc.boolean(),
})
const batch = fc.uniqueArray(item, { selector: ({ id }) => id, minLength: 1 })
const recordsOf = (items: readonly Item[]): KeyedRecord<CheckedRow>[] => items.map((one) => itemRecord(one))
const options = { pipeline: 'items', horizonMs: 1000 * 365 * 86_400_000 }

test('any batches of rows and deletions: the same counts, rows and deletions', async () => {
  await using database = await freshDatabase(server)
  await database.query(createItems)
  const real = new GuardedTableWriter(database.pool(), itemPipeline.sink, options)
  await alwaysAsync(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 8 }), async (batches) => {
      await database.query('DELETE FROM items; DELETE FROM key_guards')
      const { server: simulated, poolOf, inTime } = openPostgres(itemPipeline.sink)
      const writer = new GuardedTableWriter(poolOf('test') as never, itemPipeline.sink, options)
      for (const items of batches) {
        const records = recordsOf(items)
        assert.deepEqual(await inTime(writer.write(records)), await real.write(records))
      }
      const rows = await database.query<{ id: string }>('SELECT id FROM items')
      assert.deepEqual(new Set(simulated.rows.keys()), new Set(rows.map(({ id }) => JSON.stringify([id]))))
      const guards = await database.query<{ key: string; micros: string; revision: string }>(
        `SELECT key, deleted_version[1]::text AS micros, deleted_version[2]::text AS revision
         FROM key_guards WHERE deleted_version IS NOT NULL`,
      )
      assert.deepEqual(
        new Map([...simulated.deletions].map(([key, { version }]) => [key, version])),
        new Map(
          guards.map(({ key, micros, revision }) => [key, BigInt(micros) * 1_000_000n + BigInt(revision)]),
        ),
      )
    }),
    30,
  )
}, 60_000)
