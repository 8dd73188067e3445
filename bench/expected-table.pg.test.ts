import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { TestDatabase } from '../test/support/postgres.ts'
import { freshDatabase, startTestServer } from '../test/support/postgres.ts'
import { checkTable, expectedChecksum, tableChecksum } from './expected-table.ts'
import type { Workload } from './workload.ts'
import { scanOf, versionOf } from './workload.ts'

const workload: Workload = { kind: 'mixture', messages: 3000, warmUp: 0, tableRows: 50, responseBytes: 60 }

const server = await startTestServer()

/** A table with the newest of each key, as a map has it: another way than the oracle's. */
async function fill({ query }: TestDatabase): Promise<void> {
  const newest = new Map(Array.from({ length: workload.tableRows }, (_, key) => [key, 0]))
  for (let i = 0; i < workload.messages; i += 1) {
    const { key, version } = versionOf(workload, i)
    newest.set(key, Math.max(version, newest.get(key) ?? 0))
  }
  const rows = [...newest].map(([key, version]) => scanOf({ key, version }, workload.responseBytes))
  await query(
    `INSERT INTO scan_results (ip, port, service, response, last_seen)
     SELECT ip, port, service, response, to_timestamp("timestamp")
     FROM json_to_recordset($1) AS r(ip inet, port integer, service text, response text, "timestamp" bigint)`,
    [JSON.stringify(rows)],
  )
}

describe('the oracle', () => {
  const check = async (database: TestDatabase) =>
    checkTable(await database.connect(), await expectedChecksum(workload))

  test('agrees with the right table in every session time zone', async () => {
    await using database = await freshDatabase(server)
    await fill(database)
    await check(database)
    const sql = await database.connect()
    await sql.query(`SET TimeZone = 'Asia/Kathmandu'`)
    await checkTable(sql, await expectedChecksum(workload))
  })

  const wrong: readonly (readonly [what: string, change: string, says: RegExp])[] = [
    [
      'a row is missing',
      `DELETE FROM scan_results WHERE ctid = (SELECT min(ctid) FROM scan_results)`,
      /has \d+ rows/,
    ],
    [
      'a row too much',
      `INSERT INTO scan_results SELECT ip, port, 'other', response, last_seen FROM scan_results LIMIT 1`,
      /has \d+ rows/,
    ],
    ['one key for another', edit(`port = port + 1`), /newest content/],
    ['an older version', edit(`last_seen = last_seen - interval '1 second'`), /newest content/],
    ['another content', edit(`response = response || 'x'`), /newest content/],
    [
      'a dead letter',
      `INSERT INTO dead_letters (pipeline, subscription, message_id, publish_time, ordering_key, attributes, data, reason,
         detail, delivery_attempt, times_seen) VALUES ('scans', 's', '1', now(), '', '{}', '', 'bad-ip', '', 1, 1)`,
      /dead-lettered/,
    ],
  ]
  for (const [what, change, says] of wrong) {
    test(`detects: ${what}`, async () => {
      await using database = await freshDatabase(server)
      await fill(database)
      await database.query(change)
      await assert.rejects(check(database), says)
    })
  }

  test('an empty table has a checksum, too', async () => {
    await using database = await freshDatabase(server)
    assert.deepEqual(await tableChecksum(await database.connect()), { rows: 0, first: 0, second: 0 })
  })
})

function edit(set: string): string {
  return `UPDATE scan_results SET ${set} WHERE ctid = (SELECT min(ctid) FROM scan_results)`
}
