import assert from 'node:assert/strict'
import { test } from 'vitest'
import { MappedRow, valueAt } from './mapped-row.ts'

test('a row has the values that it was given, however many', () => {
  for (let count = 0; count < 20; count++) {
    const values = Array.from({ length: count }, (_, at) => (at % 3 === 0 ? null : `${at}`))
    const row = new MappedRow(false, values)
    assert.deepEqual(
      values.map((_, at) => valueAt(at)(row)),
      values,
    )
  }
})

test('what is given afterwards changes no row', () => {
  const values = Array.from({ length: 9 }, (_, at) => at)
  const row = new MappedRow(true, values)
  values.fill(0)
  assert.deepEqual([valueAt(1)(row), valueAt(8)(row), row.isGone], [1, 8, true])
})
