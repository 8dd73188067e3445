import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Condition } from '#pipeline/mapping/mapping.ts'
import { conditionText } from './condition-text.ts'

const path = { from: 'element', segments: ['op'] } as const
const equals = (...json: string[]): Condition => ({
  kind: 'in',
  path,
  values: json.map((one) => ({ json: one })),
})
const exists: Condition = { kind: 'exists', path: { from: 'attributes', name: 'a.b' } }

test('conditions as a person would say them', () => {
  const cases: readonly (readonly [Condition, string])[] = [
    [equals('"D"'), 'op = "D"'],
    [equals('1', '2.50'), 'op in 1, 2.50'],
    [exists, '$attributes."a.b" exists'],
    [{ kind: 'not', condition: equals('null') }, 'not (op = null)'],
    [{ kind: 'all', conditions: [equals('1'), exists] }, 'op = 1 and $attributes."a.b" exists'],
    [
      { kind: 'any', conditions: [{ kind: 'all', conditions: [equals('1'), exists] }, equals('2')] },
      '(op = 1 and $attributes."a.b" exists) or op = 2',
    ],
    [{ kind: 'all', conditions: [{ kind: 'any', conditions: [equals('1')] }] }, 'op = 1'],
  ]
  for (const [condition, text] of cases) assert.equal(conditionText(condition), text)
})
