import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { nastyText } from '../../test/support/text.ts'
import { PlainFields } from './plain-fields.ts'

const paths = ['a', 'b', 'in.a', 'in.deep.c', 'in.deep.d']
const fields = new PlainFields(paths)
const read = (text: string) => fields.read(Buffer.from(text))?.slice()

test('reads the wanted fields, wherever they stand, and goes past the others', () => {
  const text = '{"b": -7,"x":"not wanted","in":{"deep":{"d":"","c":"text"},"a":0,"y":1}, "a" : "last" } '
  assert.deepEqual(read(text), ['last', -7, 0, 'text', ''])
  assert.deepEqual(read('{}'), [undefined, undefined, undefined, undefined, undefined])
  assert.deepEqual(read('{"in":{}}'), [undefined, undefined, undefined, undefined, undefined])
  assert.deepEqual(read('{"a":999999999999999}')?.[0], 999_999_999_999_999)
})

for (const [what, text] of [
  ['no object', '[]'],
  ['nothing', ''],
  ['more after its end', '{"a":1}}'],
  ['no end', '{"a":1'],
  ['a text without end', '{"a":"x}'],
  ['a comma too many', '{"a":1,}'],
  ['no comma', '{"a":1 "b":2}'],
  ['no colon', '{"a" 1}'],
  ['a name without quotes', '{a:1}'],
  ['an escape', '{"a":"\\n"}'],
  ['an escape in a name', '{"\\u0061":1}'],
  ['a control character', '{"a":"\t"}'],
  ['a line break between fields', '{\n"a":1}'],
  ['a character beyond ASCII', '{"a":"é"}'],
  ['a byte order mark', '\ufeff{"a":1}'],
  ['a field twice', '{"a":1,"a":2}'],
  ['an object twice', '{"in":{"a":1},"in":{}}'],
  ['a text where an object is wanted', '{"in":"x"}'],
  ['an object where a value is wanted', '{"a":{}}'],
  ['an object that is not wanted', '{"x":{}}'],
  ['a fraction', '{"a":1.5}'],
  ['an exponent', '{"a":1e3}'],
  ['a leading zero', '{"a":01}'],
  ['a plus sign', '{"a":+1}'],
  ['a minus sign alone', '{"a":-}'],
  ['a number too long to be exact', '{"a":1234567890123456}'],
  ['null', '{"a":null}'],
  ['an array', '{"x":[]}'],
  ['a key that decoders reject', '{"__proto__":1}'],
] as const) {
  test(`${what} is not plain`, () => assert.equal(read(text), undefined))
}

test('whatever it reads, JSON.parse reads the same', () => {
  const value = fc.oneof(
    fc.constantFrom(
      '1',
      '0',
      '-0',
      '-12',
      '01',
      '1.5',
      '1e2',
      '123456789012345678',
      'true',
      'null',
      '[]',
      '{}',
      '',
    ),
    fc.constantFrom(
      '"x"',
      '""',
      '" "',
      '"\\""',
      '"a',
      '{"c":1}',
      '{"c":"y","d":2}',
      '{"a":3}',
      '{"c":1,"c":2}',
    ),
    nastyText.map((text) => JSON.stringify(text)),
    fc.constantFrom('{"deep":{"c":1}}', '{"deep":{"c":1},"a":2}', '{"deep":{},"deep":{"c":1}}'),
  )
  const name = fc.constantFrom('a', 'b', 'in', 'deep', 'c', 'x', '__proto__', 'toString')
  const gap = fc.constantFrom('', '', '', ' ', '  ', '\n', '\t')
  const member = fc
    .tuple(gap, name, gap, gap, value)
    .map(([a, key, b, c, text]) => `${a}"${key}"${b}:${c}${text}`)
  const texts = fc
    .tuple(gap, fc.array(member, { maxLength: 5 }), fc.constantFrom(',', ',', ',', ' ', ',,'), gap)
    .map(([before, members, separator, after]) => `${before}{${members.join(separator)}}${after}`)
  let plain = 0
  always(
    fc.property(texts, (text) => {
      const found = read(text)
      if (!found) return
      plain += 1
      const parsed = JSON.parse(text) as Record<string, unknown>
      for (const [at, path] of paths.entries())
        assert.deepEqual([path, found[at]], [path, inside(parsed, path)])
    }),
    5000,
  )
  assert.ok(plain > 100, `${plain} were plain`)
})

function inside(object: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], object)
}
