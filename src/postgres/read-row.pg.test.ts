import assert from 'node:assert/strict'
import { test } from 'vitest'
import { UnreachableError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import { scans } from '#pipeline/scans.ts'
import { freshDatabase, scanRecord, startTestServer } from '../../test/support/postgres.ts'
import { readRow, withReader } from './read-row.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()
const { sink, inspector } = scans

test('the row of a key, as the record that was written', async () => {
  await using database = await freshDatabase(server)
  const records = [
    scanRecord(['1.1.1.7', 443, 'HTTP'], 1_700_000_000, 'hello'),
    scanRecord(['1.1.1.7', 444, 'HTTP'], 1_700_000_001, 'other port'),
    scanRecord(['1.1.1.7', 443, 'http'], 1_700_000_002, 'other service'),
    scanRecord(['::1', 443, 'it\'s "é" 😀'], 0, ''),
  ]
  await new TableWriter(database.pool(), sink).write(records)
  await withReader(database.options, (read) =>
    read(async (connection) => {
      for (const { key, version, content, row: scan } of records) {
        const row = await readRow(connection, sink, [scan.ip, scan.port, scan.service])
        assert.deepEqual(row && inspector.recordOf(row), { key, version, content })
      }
      assert.equal(await readRow(connection, sink, ['1.1.1.7', 445, 'HTTP']), undefined)
      assert.equal(await readRow(connection, sink, ['::', 443, "it's"]), undefined)
    }),
  )
})

test('a row that was inserted by hand is read all the same', async () => {
  await using database = await freshDatabase(server)
  await database.query(`INSERT INTO scan_results VALUES ('1.1.1.7', 1, 's', 'x', 'infinity'),
                                                        ('1.1.1.7', 2, 's', 'x', '2023-11-14 22:13:20.9Z')`)
  await withReader(database.options, (read) =>
    read(async (connection) => {
      assert.deepEqual(await readRow(connection, sink, ['1.1.1.7', 1, 's']), [
        '1.1.1.7',
        1,
        's',
        'x',
        Infinity,
      ])
      assert.equal((await readRow(connection, sink, ['1.1.1.7', 2, 's']))?.[4], 1_700_000_000.9)
    }),
  )
})

test('reading changes nothing', async () => {
  await using database = await freshDatabase(server)
  const deleting = withReader(database.options, (read) =>
    read((connection) => connection.query('DELETE FROM scan_results')),
  )
  await assert.rejects(deleting, { code: '25006' })
})

test('a locked table is not waited for long', async () => {
  await using database = await freshDatabase(server)
  const other = await database.connect()
  await other.query('BEGIN; LOCK TABLE scan_results')
  const reading = withReader(database.options, (read) =>
    read((connection) => readRow(connection, sink, ['1.1.1.7', 1, 's'])),
  )
  await assert.rejects(reading, (error) => {
    assert.ok(error instanceof UnreachableError)
    assert.match(explain(error), /another session has locked a table for 3 s or longer.*pg_stat_activity/)
    return true
  })
})
