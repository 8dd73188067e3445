import assert from 'node:assert/strict'
import { test } from 'vitest'
import { withTable } from './table-in-docs.ts'

test('the table replaces what was between the marks, and nothing else', () => {
  const text = 'before\n<!-- simulation -->\nold\n<!-- /simulation -->\nafter\n'
  const once = withTable(text, 'simulation', 'new')
  assert.equal(once, 'before\n<!-- simulation -->\nnew\n<!-- /simulation -->\nafter\n')
  assert.equal(withTable(once, 'simulation', 'new'), once)
  assert.throws(() => withTable('none', 'simulation', 'new'), /lacks/)
})
