import assert from 'node:assert/strict'
import { test } from 'vitest'
import { scans } from '#pipeline/scans.ts'
import { freshDatabase, scanRecord, startTestServer } from '../../test/support/postgres.ts'
import { countRows, readNewest, readTable } from './read-table.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()
const { sink } = scans

test('all rows, their number, and those of the greatest versions', async () => {
  await using database = await freshDatabase(server)
  const records = [
    scanRecord(['1.1.1.7', 1, 'HTTP'], 1_700_000_000, 'b'),
    scanRecord(['1.1.1.7', 2, 'HTTP'], 1_700_000_002, 'a'),
    scanRecord(['1.1.1.7', 3, 'HTTP'], 1_700_000_000, 'c'),
    scanRecord(['1.1.1.7', 4, 'HTTP'], 1_700_000_001, 'd'),
  ]
  await new TableWriter(database.pool(), sink).write(records)
  assert.equal((await readTable(database.options, sink)).length, 4)
  assert.equal(await countRows(database.options, sink.name), 4)
  assert.deepEqual(
    (await readNewest(database.options, sink, 3)).map(([, port]) => port),
    [2, 4, 3],
    'the content decides between equal times',
  )
})
