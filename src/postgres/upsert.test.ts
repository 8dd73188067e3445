import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { PostgresTable } from '#core/pipeline.ts'
import { scans } from '#pipeline/scans.ts'
import { durable } from './durable.ts'
import { upsertSql } from './upsert.ts'

test('the statement for scan results', () => {
  assert.equal(
    upsertSql(scans.sink),
    `INSERT INTO "scan_results" AS t ("ip", "port", "service", "response", "last_seen")
SELECT r."ip", r."port", r."service", r."response", to_timestamp(r."last_seen")
FROM unnest($1::inet[], $2::integer[], $3::text[], $4::text[], $5::bigint[]) AS r("ip", "port", "service", "response", "last_seen")
WHERE ${durable}
ORDER BY r."ip", r."port", r."service" COLLATE "C"
ON CONFLICT ("ip", "port", "service") DO UPDATE
SET "response" = EXCLUDED."response", "last_seen" = EXCLUDED."last_seen"
WHERE ((EXCLUDED."last_seen", EXCLUDED."response" COLLATE "C") > (t."last_seen", t."response" COLLATE "C")) IS NOT FALSE`,
  )
})

test('names are escaped', () => {
  const table: PostgresTable = {
    name: 'a"; DROP TABLE b; --',
    columns: [
      { name: 'select', type: 'text', of: () => '' },
      { name: 'V"', type: 'bigint', of: () => 0 },
    ],
    key: ['select'],
    version: ['V"', 'select'],
  }
  const sql = upsertSql(table)
  assert.match(sql, /^INSERT INTO "a""; DROP TABLE b; --" AS t \("select", "V"""\)/)
  assert.match(sql, /WHERE \(\(EXCLUDED\."V""", EXCLUDED\."select" COLLATE "C"\) > \(t\."V""", /)
})

test('a key or version without a column is an error of the pipeline', () => {
  assert.throws(() => upsertSql({ ...scans.sink, version: ['seen', 'response'] }), /scan_results.*seen/)
})
