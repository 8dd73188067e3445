import assert from 'node:assert/strict'
import { test } from 'vitest'
import { tableName } from './table-name.ts'

test('a name, alone and with its schema, as it is or in quotes', () => {
  assert.deepEqual(tableName('orders'), { table: 'orders' })
  assert.deepEqual(tableName('sales.Orders'), { schema: 'sales', table: 'Orders' })
  assert.deepEqual(tableName('"sales.eu"."my ""own"""'), { schema: 'sales.eu', table: 'my "own"' })
  assert.deepEqual(tableName('order'), { table: 'order' })
})

test('what is none: empty parts, too many, open quotes, NUL, more than 63 bytes', () => {
  for (const text of ['', '.', 'a.', '.a', 'a.b.c', '"a', 'a"b', '""', 'a\0', 'é'.repeat(32)])
    assert.equal(tableName(text), undefined, text)
})
