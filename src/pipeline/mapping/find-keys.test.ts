import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { isRejection } from '#core/rejection.ts'
import { delivery } from '../../../test/support/scan-message.ts'
import { unboundPipeline } from './mapped-pipeline.ts'
import { parseMapping } from './read-mapping.ts'

const required = { isNullable: false, hasDefault: false, generated: 'never' as const }
const catalog = {
  kind: 'r',
  columns: [
    { ...required, name: 'id', type: 'numeric' },
    { ...required, name: 'revision', type: 'integer' },
    { ...required, name: 'total', type: 'numeric' },
  ],
  keys: [{ columns: ['id'], isPrimary: true }],
}

function keysIn(message: string, more = ''): readonly string[] | string {
  const text = `name: things\nsubscription: things-sub\ntable: things\nkey: id\nversion: revision\n${more}`
  const { inspector } = unboundPipeline(parseMapping(text, 'things.yaml')).bind(catalog)
  const keys = inspector.keysFromMessage?.(delivery(message)) ?? assert.fail('it has none')
  return isRejection(keys) ? keys.reason : keys.map(({ key }) => key)
}

describe('the keys of a message', () => {
  test('are found whatever else is wrong with it, in their one spelling', () => {
    assert.deepEqual(keysIn('{"id": 1.0, "revision": "x"}'), ['1'])
    assert.deepEqual(keysIn('{"id": "1", "total": null}'), ['1'])
    assert.deepEqual(keysIn('{"id": 2, "revision": 1}', 'where: { path: id, equals: 3 }'), ['2'])
    assert.deepEqual(keysIn('{"id": 2, "op": "D"}', 'delete: { when: { path: op, equals: D } }'), ['2'])
  })

  test('are those of all its records', () => {
    const message = '{"items": [{"id": 1}, {"id": "none"}, 5, {"id": 3, "total": []}]}'
    assert.deepEqual(keysIn(message, 'split: items'), ['1', '3'])
  })

  test('are none where it has none, and unknown where it cannot be read', () => {
    assert.deepEqual(keysIn('{"revision": 1}'), [])
    assert.deepEqual(keysIn('{"id": "one"}'), [])
    assert.equal(keysIn('{"id": 1'), 'not-json')
  })
})
