import assert from 'node:assert/strict'
import { test } from 'vitest'
import { freshDatabase, startTestServer } from '../../test/support/postgres.ts'
import { recordOfWords, wordPipeline } from '../../test/support/word-pipeline.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()

for (const name of ['words', 'wanted', 'free', 'w', 't', 'position']) {
  test(`what others lock is seen in a table, and by a key column, that is called ${name}`, async () => {
    await using database = await freshDatabase(server)
    await database.query(`CREATE TABLE ${name} (${name} text PRIMARY KEY, version bigint, content text)`)
    const { sink } = wordPipeline
    const columns = sink.columns.map((column) => (column.name === 'key' ? { ...column, name } : column))
    const writer = new TableWriter(database.pool(), { ...sink, name, columns, key: [name] })
    const records = ['a 1 x', 'b 1 x', 'c 1 x'].map(recordOfWords)
    await writer.write(records)
    const other = await database.pool().connect()
    await other.query(`BEGIN; SELECT FROM ${name} WHERE ${name} = 'b' FOR UPDATE`)
    const locked = await writer.locked(records)
    await other.query('ROLLBACK')
    other.release()
    assert.deepEqual(
      locked.map(({ key }) => key),
      ['b'],
    )
  })
}
