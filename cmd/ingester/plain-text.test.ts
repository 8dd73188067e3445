import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { plain } from '#core/plain.ts'
import { prettyJson } from './plain-text.ts'

test('text that could draw on a terminal is escaped; other text is unchanged', () => {
  assert.equal(plain('é 😀 日本 "\\', 'one line'), 'é 😀 日本 "\\')
  assert.equal(plain('\u001b[31mred\u0007\u009b1m\u007f', 'lines'), '\\u001b[31mred\\u0007\\u009b1m\\u007f')
  assert.equal(plain('a\u202ebc\u2066\u2028', 'lines'), 'a\\u202ebc\\u2066\\u2028')
  assert.equal(plain('a\n\tb\r\n', 'lines'), 'a\n\tb\\r\n')
  // A zero-width joiner, and an invisible tag.
  assert.equal(plain('a\u200db\u{e0041}', 'one line'), 'a\\u200db\\u{e0041}')
  assert.equal(plain('a\n\tb', 'one line'), 'a\\n\\tb')
})

test('JSON gets one line per value; none of it changes', () => {
  const text =
    '{"a":[1,{"b":{}, "c" :[ ]}],"a":12345678901234567890,"d":1.0e5,"e":"{\\"x\\": [1, 2]}","":null}'
  const pretty = `{
  "a": [
    1,
    {
      "b": {},
      "c": []
    }
  ],
  "a": 12345678901234567890,
  "d": 1.0e5,
  "e": "{\\"x\\": [1, 2]}",
  "": null
}`
  assert.equal(prettyJson(text), pretty)
})

test('anything but a JSON object or array is left alone, and so is deep nesting', () => {
  for (const text of ['', ' ', '42', '"a"', 'null', '{', '{"a":1}}', 'hello', '{"a":1,}', "{'a':1}"]) {
    assert.equal(prettyJson(text), undefined, text)
  }
  assert.equal(prettyJson(`${'['.repeat(100_000)}${']'.repeat(100_000)}`), undefined)
  assert.notEqual(prettyJson(`${'['.repeat(60)}1${']'.repeat(60)}`), undefined)
})

test('megabytes of escapes, of one string and of numbers', () => {
  const big = [`"${String.raw`x\"`.repeat(1e6)}"`, `"${'x'.repeat(3e6)}"`, `1${',1'.repeat(1e6)}`]
  for (const json of big) assert.ok((prettyJson(`[${json}]`)?.length ?? 0) > 3e6)
})

test('any JSON, whatever its spacing, becomes what JSON.stringify makes of it', () => {
  const spacing = fc.constantFrom(undefined, 1, '\t', '  \n')
  always(
    fc.property(fc.oneof(fc.object(), fc.array(fc.jsonValue())), spacing, (drawn, space) => {
      const value: unknown = JSON.parse(JSON.stringify(drawn))
      assert.equal(prettyJson(JSON.stringify(value, undefined, space)), JSON.stringify(value, undefined, 2))
    }),
  )
})
