import assert from 'node:assert/strict'
import v8 from 'node:v8'
import { describe, test } from 'vitest'
import { JsonScanner } from './scanner.ts'
import { valueKinds } from './syntax.ts'
import { sourceOf, textOf } from './values.ts'

const kindNames = Object.keys(valueKinds)

/** What stands at each path, as `kind source`; or the fault. */
function scan(text: string | Buffer, paths: readonly (readonly (string | number)[])[]) {
  const scanner = new JsonScanner(paths)
  const bytes = Buffer.from(text as string)
  const fault = scanner.scan(bytes, 0, bytes.length)
  return fault ?? paths.map((_, place) => shown(scanner, bytes, place))
}

function shown({ kinds, starts, ends }: JsonScanner, bytes: Buffer, place: number): string {
  const kind = kinds[place] as number
  if (kind === valueKinds.missing || kind === valueKinds.blocked) return kindNames[kind] as string
  return `${kindNames[kind]} ${sourceOf(bytes, kind, starts[place] as number, ends[place] as number)}`
}

/** As a path without anything that needs quotes: `a.0` is an index of `a`. */
const path = (words: string) =>
  words === '' ? [] : words.split('.').map((word) => (/^\d+$/.test(word) ? Number(word) : word))
const found = (text: string, ...paths: string[]) => scan(text, paths.map(path))

test('finds values of every kind, wherever they stand', () => {
  const text =
    ' { "no" : {"a":[{"b":1}]},\n"n":-1.50e+2 ,"t":true,"f":false,"z":null,"s":"plain ]}","x":"\\u00e9","d":"\x7f",\t"in":{"a":"","deep":{"b":[]}},"r":[10,[20,{"c":30}],"" ]}\r\n'
  assert.deepEqual(
    found(text, 'n', 't', 'f', 'z', 's', 'x', 'd', 'in.a', 'in.deep.b', 'r.0', 'r.1.1.c', 'r.2'),
    [
      'number -1.50e+2',
      'true true',
      'false false',
      'null null',
      'plainText "plain ]}"',
      'text "\\u00e9"',
      'text "\x7f"',
      'plainText ""',
      'array []',
      'number 10',
      'number 30',
      'plainText ""',
    ],
  )
})

test('one path may be the beginning of another, or the same, or empty', () => {
  const text = ' {"a":{"b":[1, 2]},"c":3} '
  assert.deepEqual(found(text, 'a.b.1', 'a', '', 'a.b', 'a', 'a.b.1'), [
    'number 2',
    'object {"b":[1, 2]}',
    `object ${text.trim()}`,
    'array [1, 2]',
    'object {"b":[1, 2]}',
    'number 2',
  ])
  assert.deepEqual(found(' "x" ', ''), ['plainText "x"'])
  assert.deepEqual(scan('{}', []), [])
})

test('what is absent or inside of null is missing; what is inside of anything else is blocked', () => {
  const paths = ['a.b', 'a.b.c', 'a.0', 'a.0.c', 'a.1', 'x', 'x.y', 'x.0']
  const missing = 'missing'
  const blocked = 'blocked'
  const within = [missing, missing, missing, missing, missing]
  assert.deepEqual(found('{}', ...paths), [...within, missing, missing, missing])
  assert.deepEqual(found('null', ...paths), [...within, missing, missing, missing])
  assert.deepEqual(found('{"a":null}', ...paths), [...within, missing, missing, missing])
  assert.deepEqual(found('{"a":{"b":null},"x":1}', ...paths), [
    'null null',
    missing,
    blocked,
    blocked,
    blocked,
    'number 1',
    blocked,
    blocked,
  ])
  assert.deepEqual(found('{"a":[null],"x":{}}', ...paths), [
    blocked,
    blocked,
    'null null',
    missing,
    missing,
    'object {}',
    missing,
    blocked,
  ])
  for (const scalar of ['1', '"b"', 'true', '"\\n"'])
    for (const text of [scalar, `{"a":${scalar},"x":""}`])
      assert.deepEqual(found(text, 'a.b', 'a.0', 'a.0.c'), [blocked, blocked, blocked], text)
  assert.deepEqual(found('[]', 'a', 'a.b'), [blocked, blocked])
})

describe('a name that is there twice', () => {
  const twice = (at: number, ...path: (string | number)[]) => ({ kind: 'duplicate-key', at, path })
  test('is a fault where it is wanted, or leads to what is wanted', () => {
    assert.deepEqual(found('{"id":1,"id":1}', 'id'), twice(8, 'id'))
    assert.deepEqual(found('{"id":1,"x":2,"\\u0069d":1}', 'id'), twice(14, 'id'))
    assert.deepEqual(found('{"\\u0069d":1, "id":null}', 'id'), twice(14, 'id'))
    assert.deepEqual(found('{"a":null,"a":{"b":1}}', 'a.b'), twice(10, 'a'))
    assert.deepEqual(found('{"a":1,"a":{"b":1}}', 'a.b'), twice(7, 'a'))
    assert.deepEqual(found('{"a":[{"b":1,"b":1}]}', 'a.0.b'), twice(13, 'a', 0, 'b'))
    assert.deepEqual(found('{"é":1,"é":1}', 'é'), twice(8, 'é'))
    assert.deepEqual(found('{"a":1,"b":2,"b":2,"a":1}', 'a', 'b'), twice(13, 'b'), 'the first of several')
  })
  test('is none elsewhere', () => {
    assert.deepEqual(found('{"x":1,"x":2,"id":3,"x":{"id":1,"id":2}}', 'id'), ['number 3'])
    assert.deepEqual(found('{"id":{"b":1,"b":2}}', 'id'), ['object {"b":1,"b":2}'])
    assert.deepEqual(found('[{"id":1,"id":2},{"id":3}]', '1.id'), ['number 3'])
    assert.deepEqual(found('{"a":{"id":1},"b":{"id":2},"id":3}', 'a.id', 'b.id', 'id'), [
      'number 1',
      'number 2',
      'number 3',
    ])
    assert.deepEqual(found('{"id":1,"ID":2,"i\\u0064 ":3}', 'id'), ['number 1'])
  })
  test('of a text that is not JSON is not what is wrong with it', () => {
    assert.deepEqual(found('{"id":1,"id":2', 'id'), { kind: 'not-json', at: 14 })
  })
  test('is forgotten with the next text', () => {
    const scanner = new JsonScanner([['id']])
    const bytes = Buffer.from('{"id":1,"id":2}{"id":3}')
    assert.equal(scanner.scan(bytes, 0, 15)?.kind, 'duplicate-key')
    assert.equal(scanner.scan(bytes, 15, bytes.length), undefined)
    assert.equal(shown(scanner, bytes, 0), 'number 3')
  })
})

test('names are those that JSON means, however they are written', () => {
  const names = [
    '',
    'id',
    'é',
    '日本',
    '😀',
    '"',
    '\\',
    '\\n',
    '\n',
    '\0',
    'a.b',
    '/',
    '__proto__',
    'constructor',
    '\ud800',
    '\ufffd',
  ]
  const paths = names.map((name) => [name])
  const escaped = (name: string) =>
    name
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join('')
  const spellings = [JSON.stringify, (name: string) => `"${escaped(name)}"`]
  for (const spelling of spellings)
    for (const order of [names, names.toReversed()]) {
      const text = `{"other":0,${order.map((name) => `${spelling(name)}:${names.indexOf(name)}`).join(',')}}`
      assert.deepEqual(
        scan(text, paths),
        names.map((_, at) => `number ${at}`),
      )
    }
  assert.deepEqual(scan('{"\\ud800":1}', [['\ufffd']]), ['missing'])
  assert.deepEqual(scan('{"\ufffd":1}', [['\ud800']]), ['missing'])
})

test('names that look alike are told apart', () => {
  const names = Array.from({ length: 300 }, (_, at) => `field-${at % 10}${at}-x`)
  const text = `{${names.map((name, at) => `"${name}":${at}`).join(',')}}`
  assert.deepEqual(
    scan(
      text,
      names.map((name) => [name]),
    ),
    names.map((_, at) => `number ${at}`),
  )
  const alike = ['abcde', 'aXcXe', 'axcxe', 'abcd', 'abcdef']
  assert.deepEqual(
    scan(
      '{"axcxe":1,"abcdef":2,"aYcYe":3,"abc":4}',
      alike.map((name) => [name]),
    ),
    ['missing', 'missing', 'number 1', 'missing', 'number 2'],
  )
})

test('members may come in another order in each text, or not at all', () => {
  const names = ['a', 'b', 'c']
  const scanner = new JsonScanner(names.map((name) => [name]))
  for (const order of ['abc', 'cab', 'a', 'ac', 'abc', '', 'xbxa', 'cba', 'bxc', 'abc', 'aabc', 'abc']) {
    const bytes = Buffer.from(
      `{${order
        .split('')
        .map((name, at) => `"${name}":${at}`)
        .join(',')}}`,
    )
    const fault = scanner.scan(bytes, 0, bytes.length)
    if (order === 'aabc') assert.equal(fault?.kind, 'duplicate-key')
    else
      assert.deepEqual(
        names.map((_, place) => shown(scanner, bytes, place)),
        names.map((name) => (order.includes(name) ? `number ${order.indexOf(name)}` : 'missing')),
      )
  }
})

test('reads where the text lies, and nothing beyond', () => {
  const scanner = new JsonScanner([['a'], ['b']])
  const text = '{"a":"é","b":12}'
  const length = Buffer.byteLength(text)
  for (const [before, after] of [
    ['{"a":"', '2}'],
    ['é', '"}'],
    ['\uFEFF', '}'],
    ['', ''],
  ] as const) {
    const bytes = Buffer.from(before + text + after)
    const from = Buffer.byteLength(before)
    assert.equal(scanner.scan(bytes, from, from + length), undefined)
    assert.deepEqual([shown(scanner, bytes, 0), shown(scanner, bytes, 1)], ['text "é"', 'number 12'])
    for (let to = from; to < from + length; to++) {
      const fault = scanner.scan(bytes, from, to)
      assert.ok(fault && fault.at <= to, `${to - from} bytes`)
    }
  }
  const whole = Buffer.from('[12345,true,"abc\\u0041é","x"]')
  for (const [from, to, fault] of [
    [1, 3, undefined],
    [7, 10, 'not-json'],
    [12, 15, 'not-json'],
    [12, 17, 'not-json'],
    [12, 20, 'not-json'],
    [12, 23, 'not-utf8'],
  ] as const)
    assert.equal(new JsonScanner([]).scan(whole, from, to)?.kind, fault, `${from} to ${to}`)
})

test('allocates nothing for a text without faults', () => {
  const scanner = new JsonScanner(['a', 'b.c', 'b.d', 'r.1.x', 'é', 'missing'].map(path))
  const bytes = Buffer.from(
    '{"x":[1,{"y":"\\n"}],"b":{"d":1.5,"c":"日本"},"r":[0,{"x":null}],"é":true,"a":"plain"}',
  )
  const count = 30_000
  const allocated = () => {
    const before = v8.getHeapStatistics().total_allocated_bytes
    for (let i = 0; i < count; i++) scanner.scan(bytes, 0, bytes.length)
    return v8.getHeapStatistics().total_allocated_bytes - before
  }
  const least = Math.min(...Array.from({ length: 8 }, allocated))
  assert.ok(least < 12 * count, `${least / count} bytes a text: less than the smallest object`)
  assert.equal(
    textOf(bytes, valueKinds.plainText, scanner.starts[0] as number, scanner.ends[0] as number),
    'plain',
  )
})
