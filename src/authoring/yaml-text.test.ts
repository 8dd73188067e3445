import assert from 'node:assert/strict'
import { test } from 'vitest'
import { parse } from 'yaml'
import { hostileNames } from '../../test/support/hostile-names.ts'
import { yamlList, yamlText } from './yaml-text.ts'

test('a text is what it was, as a key and as a value, in YAML 1.2 and 1.1', () => {
  for (const version of ['1.2', '1.1'] as const) {
    for (const name of hostileNames) {
      const text = `a:\n  ${yamlText(name)}: { path: ${yamlText(name)}, optional: true }\nb: ${yamlText(name)} # c\nc: ${yamlList([name, 'x', name])}\n`
      const parsed = parse(text, { version, mapAsMap: true })
      const a = new Map([
        [
          name,
          new Map<string, unknown>([
            ['path', name],
            ['optional', true],
          ]),
        ],
      ])
      assert.deepEqual(
        parsed,
        new Map<string, unknown>([
          ['a', a],
          ['b', name],
          ['c', [name, 'x', name]],
        ]),
        text,
      )
    }
  }
})

test('nothing that is invisible stands in a file as it is', () => {
  for (const name of hostileNames) assert.doesNotMatch(yamlText(name), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
})

test('what needs no quotes has none', () => {
  for (const name of ['order_id', 'a-b', 'a.b', 'größe', '注文', '_x', 'nothing', 'only', 'yesterday'])
    assert.equal(yamlText(name), name)
  assert.equal(yamlList(['a']), 'a')
  assert.equal(yamlList(['a', 'on']), "[a, 'on']")
})
