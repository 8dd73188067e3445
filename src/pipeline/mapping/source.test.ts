import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, test } from 'vitest'
import { least } from '../../../test/support/mapping-files.ts'
import { always } from '../../../test/support/seed.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { jsonSyntaxFault } from './json-syntax.ts'
import { MappingError } from './mapping-error.ts'
import { parseMapping, readMapping } from './read-mapping.ts'
import { readSource } from './read-source.ts'
import { jsonText, plainValue } from './source-tree.ts'

function messageOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof MappingError, String(error))
    return error.message
  }
  return 'no fault'
}

const faultsIn = (text: string, file = 'f.yaml') =>
  messageOf(() => parseMapping(text, file)).replaceAll(`${file}:`, '')

describe('YAML that a mapping file may not have', () => {
  for (const [what, text, fault] of [
    ['an anchor', 'topic: &a orders', '6:8: has the anchor "&a"; remove it; mapping files have no anchors'],
    [
      'an alias',
      'topic: *a',
      '6:8: has the alias "*a"; write what it stands for, or put a text that begins with * in quotes',
    ],
    [
      'a tag',
      'topic: !!str orders',
      '6:8: has the tag "!!str"; remove it, or put a text that begins with ! in quotes',
    ],
    ['a tag of a collection', 'columns: !!map { a: b }', '6:10: has the tag "!!map"'],
    [
      'a merge key',
      'columns: { <<: { a: b } }',
      '6:12: columns: has the merge key <<; write the members that it stands for',
    ],
    ['a second document', '---\nname: b', '6:1: has more than one document; remove what follows ---'],
    ['a tab', 'columns:\n\ta: b', '7:1: is not YAML: tabs are not allowed as indentation; indent by blanks'],
    ['a member twice', 'table: b', '6:1: table: is there twice; remove one of them'],
    [
      'a column twice',
      'columns: { a: b, c: d, a: e }',
      '6:24: columns.a: is there twice; remove one of them',
    ],
    ['an empty member', 'columns: # none', '6:1: columns: is empty; write a value, or leave it out'],
    ['an empty element', 'where:\n  -', '7:4: where[0]: is empty; write a value, or leave it out'],
    [
      'a name that is a number',
      'columns: { 5: a }',
      '6:12: columns: has the name 5, which is not a string; write "5"',
    ],
    [
      'a name that is a list',
      'columns: { [a]: b }',
      '6:12: columns: has a member whose name is not a string',
    ],
    [
      '__proto__',
      'columns: { a: { value: { __proto__: 1 } } }',
      '6:26: columns.a.value.__proto__: is refused as a name',
    ],
    [
      'a hexadecimal number',
      'columns: { a: { value: 0x1F } }',
      '6:17: columns.a.value: is 0x1F, a number that JSON does not have; write 31, or "0x1F" for a text',
    ],
    [
      'a number with a zero before it',
      'columns: { a: { value: 007 } }',
      '6:17: columns.a.value: is 007, a number that JSON does not have; write 7, or "007" for a text',
    ],
    [
      'infinity',
      'columns: { a: { value: .inf } }',
      '6:17: columns.a.value: is .inf, a number that JSON does not have; write its digits, or ".inf" for a text',
    ],
    [
      'a control character',
      'topic: a\u0007b',
      '6:9: has the control character \\u0007; remove it, or write its escape in double quotes',
    ],
    ['a name without a colon', 'columns', '6:1: is not YAML: a name without a colon; write name: value'],
    [
      'two colons',
      'columns: a: b',
      '6:10: is not YAML: a second colon with a blank; put a text that has one in quotes',
    ],
    [
      'an open brace',
      'columns: { a: b',
      '7:1: is not YAML: { or [ is not closed, or its lines are not indented; close it',
    ],
    ['an open quote', 'topic: "a', '7:1: is not YAML: a quote is not closed; close it'],
    [
      'crooked indentation',
      'columns:\n  a: b\n c: d',
      '8:1: is not YAML: all mapping items must start at the same column; indent the members of one object equally',
    ],
    [
      'a reserved character',
      'topic: @a',
      '6:8: is not YAML: plain value cannot start with reserved character @; put the text in quotes',
    ],
  ] as const) {
    test(what, () => assert.equal(faultsIn(`${least}${text}\n`).slice(0, fault.length), fault))
  }

  test('a directive', () => {
    assert.equal(faultsIn(`%YAML 1.1\n---\n${least}`), '1:1: has the directive "%YAML 1.1"; remove it')
  })

  test('lines that end with CR alone', () => {
    assert.equal(
      faultsIn(least.replaceAll('\n', '\r')),
      '1:13: has a line that ends with CR alone; end lines with LF or CR LF',
    )
  })

  test('an alias is one fault, whatever should stand there', () => {
    const text = least.replace('order_id', '&k [a]').replace('updated_at', '*k')
    assert.deepEqual(
      faultsIn(text)
        .split('\n')
        .map((line) => line.slice(0, 24)),
      ['4:6: has the anchor "&k";', '5:10: has the alias "*k";'].map((line) => line.slice(0, 24)),
    )
  })

  test('a bomb of aliases', () => {
    const line = (name: string, of: string) => `${name}: &${name} [${Array(10).fill(`*${of}`).join(', ')}]\n`
    const names = 'abcdefghijkl'.split('')
    const bomb = `a: &a [x]\n${names
      .slice(1)
      .map((name, at) => line(name, names[at] ?? ''))
      .join('')}`
    assert.match(faultsIn(bomb), /^2:8: has the alias "\*a"/m)
  })

  for (const [what, text] of [
    ['nothing', ''],
    ['blank lines', '\n \n'],
    ['comments only', '# name: orders\n# table: orders\n'],
    ['a document without content', '---\n'],
  ] as const) {
    test(`an empty file: ${what}`, () => {
      assert.equal(faultsIn(text), '1:1: is empty; see docs/MAPPING.md for what a mapping needs')
    })
  }

  for (const [text, shown] of [
    ['orders', '"orders"'],
    ['- name: orders', '[{"name":"orders"}]'],
  ] as const) {
    test(`no object: ${text}`, () => {
      assert.equal(
        faultsIn(text),
        `1:1: must be an object with name, subscription, table, key and version, not ${shown}`,
      )
    })
  }
})

test('Windows line ends, a byte order mark, quotes, block texts and the marks of a document are fine', () => {
  const text = `\u{feff}---\r\n${least}"columns":\n  'a b': >-\r\n    c.d\r\n  "<<": e\n...\n`
  const { mapping, placeOf } = parseMapping(text, 'f.yaml')
  const path = { from: 'element', segments: ['c', 'd'] }
  assert.deepEqual(mapping.columns.get('a b'), { kind: 'paths', paths: [{ path }], missing: 'rejected' })
  assert.deepEqual([...mapping.columns.keys()], ['a b', '<<'])
  assert.deepEqual(placeOf(['columns', '<<']), { line: 10, column: 3 })
  assert.equal(
    faultsIn(`\u{feff}${least}modee: a\n`.replaceAll('\n', '\r\n')),
    '6:1: modee: is unknown; did you mean mode?',
  )
  assert.match(faultsIn('\u{feff}nam: a'), /^1:1: nam: is unknown; did you mean name\?$/m)
})

describe('depth', () => {
  const nested = (depth: number) => `${'{not: '.repeat(depth)}{path: a, exists: true}${'}'.repeat(depth)}`

  test('conditions in conditions, up to 64 levels in all', () => {
    assert.equal(faultsIn(`${least}where: ${nested(50)}\n`), 'no fault')
    assert.match(faultsIn(`${least}where: ${nested(100)}\n`), /^6:\d+: is nested more than 64 levels deep$/)
  })

  for (const [what, text] of [
    ['brackets', '['.repeat(1_000_000)],
    ['braces', '{a: '.repeat(250_000)],
    ['dashes', '- '.repeat(500_000)],
    ['question marks', '? '.repeat(500_000)],
    ['indented names', Array.from({ length: 1000 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
    ['in JSON', `${'['.repeat(500_000)}${']'.repeat(500_000)}`],
  ] as const) {
    test(`${what}, a whole file of them`, () => {
      const file = what === 'in JSON' ? 'f.json' : 'f.yaml'
      assert.match(faultsIn(text, file), /^\d+:\d+: is nested more than 64 levels deep$/)
    })
  }
})

test('a hundred thousand members cost no more than a moment each', () => {
  const members = Array.from({ length: 100_000 }, (_, at) => `a${at}: b`).join('\n')
  assert.match(faultsIn(members), /^100000:1: a99999: is unknown/m)
  const names = Array.from({ length: 100_000 }, (_, at) => `a${at}`).join(',')
  assert.equal(faultsIn(least.replace('order_id', `[${names}]`)), 'no fault')
})

describe('a file whose name ends with .json', () => {
  const start = '{\n  "name": '
  for (const [text, fault] of [
    ['', '1:1: is not JSON: must be a value, not the end of the file'],
    [least, '1:1: is not JSON: "name" cannot stand there; texts and names stand in double quotes'],
    [
      `${start}"a",\n}`,
      '3:1: is not JSON: must be a name in double quotes, not "}"; remove the comma before it',
    ],
    [`${start}[1,]`, '2:14: is not JSON: must be a value, not "]"; remove the comma before it'],
    [`${start}}`, '2:11: is not JSON: must be a value, not "}"'],
    [`${start}'a'`, '2:11: is not JSON: "\'" cannot stand there; texts and names stand in double quotes'],
    [`${start}"a`, '2:11: is not JSON: this string is not closed, or has a character that must be escaped'],
    [`${start}"a\tb"`, '2:11: is not JSON: this string is not closed'],
    [`${start}"\\x"`, '2:11: is not JSON: this string is not closed'],
    [`${start}01`, '2:11: is not JSON: "01" cannot stand there'],
    [`${start}NaN`, '2:11: is not JSON: "NaN" cannot stand there'],
    [`${start}"a" // b`, '2:15: is not JSON, which has no comments; remove it, or write the file as .yaml'],
    [`${start}"a" "b"`, '2:15: is not JSON: must be a comma or }, not "\\""'],
    ['{"a" 1}', '1:6: is not JSON: must be a colon, not "1"'],
    ['{} {}', '1:4: is not JSON: must be the end of the file, not "{"'],
    ['[', '1:2: is not JSON: must be a value or ], not the end of the file'],
  ] as const) {
    test(text.replaceAll('\n', '~'), () =>
      assert.equal(faultsIn(text, 'F.JSON').slice(0, fault.length), fault),
    )
  }

  test('a name that is there twice', () => {
    assert.match(
      faultsIn('{"name":"abc","name":"abd"}', 'f.json'),
      /^1:15: name: is there twice; remove one of them$/m,
    )
  })
})

describe('JSON', () => {
  const isJson = (text: string) => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }

  test('is what JSON.parse reads, and nothing else', () => {
    const unit = fc.constantFrom(
      ...'[]{}:,"\\ \n\tu0e-.+'.split(''),
      '12',
      'true',
      'null',
      '"a"',
      '1.5',
      '\\n',
      '\\u00e9',
    )
    always(
      fc.property(fc.string({ unit }), (text) =>
        assert.equal(jsonSyntaxFault(text) === undefined, isJson(text)),
      ),
      2000,
    )
  })

  test('means the same as to JSON.parse, with the digits that it has', () => {
    const isOwnName = (text: string) => !text.includes('__proto__')
    const value = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }).map((one) => JSON.stringify([one]))
    always(
      fc.property(value.filter(isOwnName), fc.boolean(), (compact, isWide) => {
        const text = isWide ? JSON.stringify(JSON.parse(compact), undefined, '\t') : compact
        // None of these without an escape.
        fc.pre(!/[^\P{Cc}\t\n\r]/u.test(text))
        const source = readSource(text, 'json')
        assert.ok('root' in source, JSON.stringify(source))
        assert.deepEqual(JSON.parse(JSON.stringify(plainValue(source.root))), JSON.parse(text))
        assert.equal(jsonText(source.root), compact)
      }),
    )
  })
})

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mapping-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, contents: string | Uint8Array) => {
    const path = join(folder, name)
    writeFileSync(path, contents)
    return path
  }
  const faultsOfFile = (path: string) => messageOf(() => readMapping(path)).replaceAll(path, 'f')

  test('is read, with a byte order mark', () => {
    assert.equal(readMapping(file('a.yaml', `\u{feff}${least}`)).mapping.table, 'sales.orders')
  })

  test('that is not UTF-8', () => {
    const latin = Buffer.from(`${least}topic: \u{e9}\n`, 'latin1')
    assert.equal(faultsOfFile(file('b.yaml', latin)), 'f:6:8: is not UTF-8; save it as UTF-8')
  })

  test('in UTF-16', () => {
    const what = 'f:1:1: has NUL bytes or is UTF-16; save it as UTF-8'
    assert.equal(faultsOfFile(file('c.yaml', Buffer.from(`\u{feff}${least}`, 'utf16le'))), what)
    assert.equal(faultsOfFile(file('d.yaml', Buffer.from(least, 'utf16le'))), what)
  })

  const refused = (path: string, message: RegExp) =>
    assert.throws(
      () => readMapping(path),
      (error) =>
        error instanceof ConfigurationError &&
        !(error instanceof MappingError) &&
        message.test(error.message) &&
        error.fixes.length === 1,
    )

  test('of 1 MiB is read, a larger one is not', () => {
    const comment = (bytes: number) => `${least}#${'x'.repeat(bytes - least.length - 1)}`
    assert.equal(readMapping(file('e.yaml', comment(1024 * 1024))).mapping.name, 'orders')
    refused(file('f.yaml', comment(1024 * 1024 + 1)), /f\.yaml has more than 1 MiB, far more than a mapping$/)
  })

  test('that is none: a folder, a device, or nothing', () => {
    refused(folder, /is a folder$/)
    refused('/dev/null', /^\/dev\/null is not a file$/)
    refused(join(folder, 'none.yaml'), /none\.yaml: there is no such file in \//)
    refused(join(folder, 'a.yaml', 'b.yaml'), /b\.yaml cannot be read: ENOTDIR$/)
  })
})
