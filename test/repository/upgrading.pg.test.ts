import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'vitest'
import { scans } from '#pipeline/scans.ts'
import { readTable } from '#postgres/read-table.ts'
import { freshDatabase, startTestServer } from '../support/postgres.ts'
import { projectDir } from '../support/program.ts'

const server = await startTestServer()

/** The statement that a chapter of docs/OPERATIONS.md prints. */
function printedSql(heading: string): string {
  const text = readFileSync(join(projectDir, 'docs/OPERATIONS.md'), 'utf8')
  const [, chapter = ''] = text.split(`${heading}\n`)
  const [, sql] = /^```sql\n(.*?)^```$/ms.exec(chapter) ?? []
  assert.ok(sql, `no SQL below ${heading}`)
  return sql
}

test('rows of mapped IPv4 addresses: the printed statement merges them into those of the IPv4 hosts', async () => {
  await using database = await freshDatabase(server)
  const merge = printedSql('### IPv4-mapped IPv6 addresses')
  await database.query(`INSERT INTO scan_results (ip, port, service, response, last_seen) VALUES
    ('::ffff:1.2.3.4', 80, 'alone', 'kept', to_timestamp(1)),
    ('::ffff:1.2.3.4', 80, 'newer', 'new', to_timestamp(2)), ('1.2.3.4', 80, 'newer', 'old', to_timestamp(1)),
    ('::ffff:1.2.3.4', 80, 'older', 'old', to_timestamp(1)), ('1.2.3.4', 80, 'older', 'new', to_timestamp(2)),
    ('::ffff:1.2.3.4', 80, 'greater', 'b', to_timestamp(1)), ('1.2.3.4', 80, 'greater', 'B', to_timestamp(1)),
    ('::ffff:1.2.3.4', 80, 'less', 'B', to_timestamp(1)), ('1.2.3.4', 80, 'less', 'b', to_timestamp(1)),
    ('::ffff:255.255.255.255', 1, 'last', '', to_timestamp(1)), ('::ffff:0.0.0.0', 1, 'first', '', to_timestamp(1)),
    ('::1.2.3.4', 80, 'another', 'x', to_timestamp(1)), ('::fffe:ffff:ffff', 80, 'below', 'x', to_timestamp(1)),
    ('64:ff9b::1.2.3.4', 80, 'another', 'x', to_timestamp(1)), ('::1:0:0:0', 80, 'above', 'x', to_timestamp(1))`)
  const expected = [
    ['0.0.0.0', 1, 'first', '', 1],
    ['1.2.3.4', 80, 'alone', 'kept', 1],
    ['1.2.3.4', 80, 'greater', 'b', 1],
    ['1.2.3.4', 80, 'less', 'b', 1],
    ['1.2.3.4', 80, 'newer', 'new', 2],
    ['1.2.3.4', 80, 'older', 'new', 2],
    ['255.255.255.255', 1, 'last', '', 1],
    ['64:ff9b::102:304', 80, 'another', 'x', 1],
    ['::1.2.3.4', 80, 'another', 'x', 1],
    ['::1:0:0:0', 80, 'above', 'x', 1],
    ['::fffe:ffff:ffff', 80, 'below', 'x', 1],
  ]
  for (const _ of ['once', 'twice']) {
    await database.query(merge)
    const rows = (await readTable(database.options, scans.sink)).map((row) => JSON.stringify(row))
    assert.deepEqual(rows.sort(), expected.map((row) => JSON.stringify(row)).sort())
  }
})
