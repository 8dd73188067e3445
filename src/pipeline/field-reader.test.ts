import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { nastyText } from '../../test/support/text.ts'
import { FieldReader } from './field-reader.ts'

const paths = ['a', 'b', 'in.a', 'in.deep.c', 'in.deep.d']

/** Learns the layout of a message at once, and reads it the next time. */
function read(text: string) {
  const reader = new FieldReader(paths, { learnEvery: 1 })
  assert.equal(reader.read(Buffer.from(text)), undefined, 'not known yet')
  return reader.read(Buffer.from(text))
}

test('reads the wanted fields, wherever they stand, and goes past the others', () => {
  const text =
    '{"b": -7,"x":"not wanted","in":{"deep":{"d":"","c":"text"},"a":0,"y":{"z":true}}, "a" : "last"}'
  assert.deepEqual(read(text.replace('"a" :', '"a":')), ['last', -7, 0, 'text', ''])
  assert.deepEqual(read('{}'), [undefined, undefined, undefined, undefined, undefined])
  assert.deepEqual(read('{"in":{}}'), [undefined, undefined, undefined, undefined, undefined])
  for (const long of ['999999999999999', '123456789012345678', '12345678901234567890', '-9007199254740993'])
    assert.deepEqual(read(`{"a":-0,"b":${long}}`)?.slice(0, 2), [-0, Number(long)])
})

test('what is no JSON is not familiar, though all else of it is', () => {
  const reader = new FieldReader(['a'], { learnEvery: 1 })
  const isKnown = (a: string, x: string) =>
    reader.read(Buffer.from(`{"a":${a},"x":${x}}`, 'latin1')) !== undefined
  isKnown('1', 'true')
  for (const [a, x] of [
    ['-0', 'false'],
    ['10', 'null'],
  ] as const)
    assert.ok(isKnown(a, x), `${a} ${x}`)
  for (const a of ['01', '-01', '-', '', '+1', '1 ', '\x001', '\xff1']) assert.ok(!isKnown(a, 'true'), a)
  for (const x of ['tru', 'truee', '', 'NULL', '1']) assert.ok(!isKnown('1', x), x)
})

test('reads where the message lies, and nothing beyond', () => {
  const reader = new FieldReader(['a', 'b'], { learnEvery: 1 })
  const message = '{"a":"x","b":1}'
  const within = (before: string, text: string, after: string) =>
    reader.read(Buffer.from(before + text + after), before.length, before.length + text.length)
  assert.equal(within('', message, ''), undefined, 'not known yet')
  assert.deepEqual(within('{"a":"', message, '2}'), ['x', 1])
  for (const length of [0, 1, 6, 7, 8, 13, message.length - 1])
    assert.equal(within('', message.slice(0, length), message.slice(length)), undefined, `${length} bytes`)
  assert.equal(within('', `${message} `, ''), undefined)
})

for (const [what, text] of [
  ['no object', '[]'],
  ['nothing', ''],
  ['null', 'null'],
  ['no JSON', '{"a":1'],
  ['an escape', '{"a":"\\n"}'],
  ['an escape in a name', '{"\\u0061":1}'],
  ['a line break between fields', '{\n"a":1}'],
  ['a character beyond ASCII', '{"a":"é"}'],
  ['a field twice', '{"a":1,"a":2}'],
  ['an object twice', '{"in":{"a":1},"in":{"a":2}}'],
  ['an object where a value is wanted', '{"a":{}}'],
  ['a fraction', '{"a":1.5}'],
  ['an exponent', '{"a":1e3}'],
  ['a fraction that is not wanted', '{"x":1.5}'],
  ['null where a value is wanted', '{"a":null}'],
  ['a truth value where another is wanted', '{"a":true}'],
  ['an array', '{"x":[]}'],
  ['a key that decoders reject', '{"__proto__":1}'],
  ['a name that looks like a path', '{"in.a":1}'],
  ['objects too deep', '{"x":{"x":{"x":{"x":{"x":1}}}}}'],
] as const) {
  test(`${what} is never familiar`, () => assert.equal(read(text), undefined))
}

test('a message of many fields, or of a long name, is never learned', () => {
  const wide = (fields: number) =>
    JSON.stringify({
      a: 1,
      ...Object.fromEntries(Array.from({ length: fields - 1 }, (_, at) => [`x${at}`, at])),
    })
  assert.deepEqual(read(wide(25))?.[0], 1)
  for (const fields of [200, 4000]) assert.equal(read(wide(fields)), undefined)
  assert.equal(read(JSON.stringify({ a: 1, ['x'.repeat(60_000)]: 1 })), undefined)
})

test('a large message, however deep or wide, is left to the parser', () => {
  assert.deepEqual(read(JSON.stringify({ a: 'x'.repeat(60_000) }))?.[0]?.toString().length, 60_000)
  assert.equal(read(JSON.stringify({ a: 'x'.repeat(70_000) })), undefined)
  const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`x${at}`, at]))
  assert.equal(read(JSON.stringify(wide)), undefined)
  assert.equal(read(`{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`), undefined)
})

test('a layout is learned seldom, and the one that matches least makes room', () => {
  const reader = new FieldReader(['a'], { learnEvery: 3 })
  const isKnown = (name: string) => reader.read(Buffer.from(`{"a":1,"${name}":1}`)) !== undefined
  assert.deepEqual(['b', 'c', 'c', 'c'].map(isKnown), [false, false, false, false])
  assert.deepEqual(
    ['b', 'c', 'c', 'b'].map(isKnown),
    [true, true, true, true],
    'the first, and after three more',
  )
  for (const name of ['d', 'e']) for (let i = 0; i < 3; i++) isKnown(name)
  for (const name of ['b', 'd', 'e']) assert.ok(isKnown(name))
  for (let i = 0; i < 3; i++) isKnown('f')
  assert.deepEqual(['b', 'd', 'e', 'f', 'c'].map(isKnown), [true, true, true, true, false])
})

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
  const gap = fc.constantFrom('', '', '', '', '', ' ', '  ', '\n', '\t', '\0', '\xff')
  const member = fc
    .tuple(gap, name, gap, gap, value)
    .map(([a, key, b, c, text]) => `${a}"${key}"${b}:${c}${text}`)
  const texts = fc
    .tuple(gap, fc.array(member, { maxLength: 5 }), fc.constantFrom(',', ',', ',', ' ', ',,'), gap)
    .map(([before, members, separator, after]) => `${before}{${members.join(separator)}}${after}`)
  const reader = new FieldReader(paths, { learnEvery: 1 })
  let familiar = 0
  always(
    fc.property(texts, (text) => {
      const found = reader.read(Buffer.from(text))
      if (!found) return
      familiar += 1
      const parsed = JSON.parse(text) as Record<string, unknown>
      for (const [at, path] of paths.entries())
        assert.deepEqual([path, found[at]], [path, inside(parsed, path)])
    }),
    5000,
  )
  assert.ok(familiar > 100, `${familiar} were familiar`)
})

function inside(object: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], object)
}
