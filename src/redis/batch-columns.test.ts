import assert from 'node:assert/strict'
import { test } from 'vitest'
import { BatchColumns } from './batch-columns.ts'
import { Keyspace, watermarkValue } from './encoding.ts'

const keyspace = new Keyspace({ name: 'scans', format: 1 }, 'epoch')
const records = ['a', 'b', 'c', 'd'].map((key, at) => ({ key, version: BigInt(at), content: key }))

test('each record has its own name and value, in a whole batch, in a part of it, and beside others', () => {
  const batch = new BatchColumns(keyspace, 'token', records)
  const other = { key: 'e', version: 5n, content: 'e' }
  for (const some of [records, records.slice(1, 3), [...records].reverse(), [other, ...records.slice(2)], []])
    assert.deepEqual(batch.columnsOf(some), {
      watermarks: some.map((record) => keyspace.watermark(record)),
      values: some.map(watermarkValue).join(''),
    })
})
