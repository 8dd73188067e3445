import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { always } from '../../../test/support/seed.ts'
import type { Path } from './mapping.ts'
import { metadataNames } from './mapping.ts'
import { needsSplit, parsePath, pathText } from './path.ts'

const element = (...segments: (string | number)[]): Path => ({ from: 'element', segments })

describe('a path', () => {
  for (const [text, path] of [
    ['id', element('id')],
    ['customer.id', element('customer', 'id')],
    ['items[0].sku', element('items', 0, 'sku')],
    ['[3][0]', element(3, 0)],
    ['items[0]."a.b"[1]', element('items', 0, 'a.b', 1)],
    ['customer."first.name"', element('customer', 'first.name')],
    ['"$id"', element('$id')],
    ['"a\\"b\\u00e9"', element('a"bé')],
    ['""', element('')],
    ['first name', element('first name')],
    ['größe.日本', element('größe', '日本')],
    ['a-b.c_d.@e/f', element('a-b', 'c_d', '@e/f')],
    ['0.840', element('0', '840')],
    ['constructor.toString', element('constructor', 'toString')],
    ['$element', element()],
    ['$element.a', element('a')],
    ['$element[0]', element(0)],
    ['$message', { from: 'message', segments: [] }],
    ['$message.a.b', { from: 'message', segments: ['a', 'b'] }],
    ['$publishTime', { from: 'publishTime' }],
    ['$data', { from: 'data' }],
    ['$attributes.type', { from: 'attributes', name: 'type' }],
    ['$attributes."a.b"', { from: 'attributes', name: 'a.b' }],
  ] as const) {
    test(text, () => assert.deepEqual(parsePath(text), { path }))
  }
})

describe('no path', () => {
  for (const [text, what, fix] of [
    ['', /it is empty$/, undefined],
    ['.', /beside a dot|after its last/, 'remove the dot'],
    ['.a', /beside a dot/, 'remove the dot'],
    ['a.', /nothing stands after its last dot/, 'remove the dot'],
    ['a..b', /a name is missing beside a dot/, 'remove the dot'],
    ['a.[0]', /an index stands after a dot/, 'remove the dot: items[0]'],
    ['a[', /"\[" is not an index/, /split/],
    ['a[*]', /"\[\*\]" is not an index/, /split/],
    ['a[-1]', /"\[-1\]" is not an index/, /counts from 0/],
    ['a[01]', /"\[01\]" is not an index/, /counts from 0/],
    ['a[1234567890]', /not an index/, /counts from 0/],
    ["a['b.c']", /not an index/, 'write a name after a dot: ."b.c"'],
    ['a["b"]', /not an index/, 'write a name after a dot: .b'],
    ['a[0]b', /"b" cannot stand there/, /double quotes/],
    ['"a"b', /"b" cannot stand there/, /double quotes/],
    ['a"b', /"\\"" cannot stand there/, /double quotes/],
    ["it's", /"'" cannot stand there/, /double quotes/],
    ["'a.b'", /"'" cannot stand there/, /double quotes/],
    ['a]', /"\]" cannot stand there/, /double quotes/],
    ['"a', /a double quote is not closed/, undefined],
    ['"\\x"', /is not a JSON string/, /escape as in JSON/],
    ['"a\nb"', /is not a JSON string/, /escape as in JSON/],
    ['a\u200bb', /"\\u200b" cannot stand there/, /double quotes/],
    ['a\nb', /cannot stand there/, /double quotes/],
    ['a. b', /spaces around "b"/, /remove them/],
    ['a .b', /spaces around "a"/, /remove them/],
    ['a.$b', /"\$b" needs quotes/, 'write "$b"'],
    ['$', /nothing stands after \$/, 'all of the message is $data'],
    ['$.a.b', /nothing stands after \$/, 'a path to a field begins with its name: a.b'],
    ['$publishtime', /\$publishtime is unknown/, 'did you mean $publishTime?'],
    ['$foo', /\$foo is unknown/, /one of \$publishTime, .*\$element; .*'"\$foo"' with both quotes/],
    ['$publishTime.seconds', /\$publishTime has no members/, 'write $publishTime'],
    ['$attributes', /names no attribute/, /\$attributes\.NAME/],
    ['$attributes["a"]', /names no attribute/, /\$attributes\.NAME/],
    ['$attributes.a.b', /which has no members/, /\$attributes\."a\.b"/],
    ['__proto__', /no path may name __proto__/, undefined],
    ['a."__proto__".b', /no path may name __proto__/, undefined],
    ['$attributes.__proto__', /no path may name __proto__/, undefined],
  ] as const) {
    test(JSON.stringify(text), () => {
      const parsed = parsePath(text)
      assert.ok('fault' in parsed)
      assert.match(parsed.fault.what, what)
      if (fix instanceof RegExp) assert.match(parsed.fault.fix ?? '', fix)
      else assert.equal(parsed.fault.fix, fix)
    })
  }

  test('very long, or of very many names, is no problem', () => {
    const names = 300_000
    const parsed = parsePath(Array.from({ length: names }, () => 'a[0]').join('.'))
    assert.ok('path' in parsed && parsed.path.from === 'element')
    assert.equal(parsed.path.segments.length, 2 * names)
  })
})

const name = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('', '$id', 'a.b', 'a"b', "it's", ' a', 'a[0]'),
  )
  .filter((one) => one !== '__proto__')
const segments = fc.array(fc.oneof(name, fc.nat({ max: 999_999_999 })))
const anyPath: fc.Arbitrary<Path> = fc.oneof(
  fc.record({ from: fc.constantFrom('element', 'message'), segments }, { noNullPrototype: true }),
  fc.record({ from: fc.constantFrom(...metadataNames) }, { noNullPrototype: true }),
  fc.record({ from: fc.constant('attributes'), name }, { noNullPrototype: true }),
)

test('any path comes back from its text', () => {
  always(fc.property(anyPath, (path) => assert.deepEqual(parsePath(pathText(path)), { path })))
})

test('any text is a path or a fault, and that of a path is equal to it when it is written and read again', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('a', '.', '[', ']', '0', '"', '\\', '$', "'", ' ', 'element') }),
  )
  always(
    fc.property(texts, (text) => {
      const parsed = parsePath(text)
      if ('path' in parsed) assert.deepEqual(parsePath(pathText(parsed.path)), parsed)
      else assert.notEqual(parsed.fault.what, '')
    }),
  )
})

test('a path is shown as a person would write it', () => {
  assert.equal(pathText(element('items', 0, 'a.b')), 'items[0]."a.b"')
  assert.equal(pathText(element()), '$element')
  assert.equal(pathText(element(0)), '$element[0]')
})

test('only $element and $message need a split', () => {
  const needing = [
    '$element',
    '$message.a',
    '$element[0]',
    'a',
    '"$element"',
    '$messageId',
    '$data',
    '$elements',
  ]
  assert.deepEqual(needing.filter(needsSplit), ['$element', '$message.a', '$element[0]'])
})
