import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { ColumnType } from '#core/column-type.ts'
import { columnType } from '#core/column-type.ts'
import type { Scalar } from '#core/pipeline.ts'
import { codecOf } from './column-codec.ts'
import { ValueFault } from './value-codec.ts'

const codecNamed = (name: string) => codecOf(columnType(name) as ColumnType)

const encoded: Readonly<Record<string, readonly (readonly [given: unknown, encoded: Scalar])[]>> = {
  text: [
    ['', ''],
    ['é😀 ', 'é😀 '],
  ],
  'varchar(3)': [['é😀x', 'é😀x']],
  'char(3)': [
    ['ab ', 'ab'],
    ['abc     ', 'abc'],
    ['   ', ''],
    ['ab\u00a0', 'ab\u00a0'],
  ],
  char: [['x', 'x']],
  bpchar: [['any length  ', 'any length']],
  name: [['x'.repeat(63), 'x'.repeat(63)]],
  smallint: [
    [-32_768, -32_768],
    ['+007', 7],
    [5n, 5],
    ['-0', 0],
    [-0, 0],
  ],
  bigint: [
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [2n ** 63n - 1n, 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9007199254740993', 9_007_199_254_740_993n],
    [`${'0'.repeat(100)}7`, 7],
  ],
  numeric: [
    ['1.50', '1.50'],
    ['+.5e-3', '+.5e-3'],
    [0.1, 0.1],
    [1e21, 1e21],
    [2n ** 80n, String(2n ** 80n)],
    ['1e131071', '1e131071'],
    ['0e200000', '0e200000'],
    [`1.${'3'.repeat(16_383)}`, `1.${'3'.repeat(16_383)}`],
  ],
  'numeric(5,2)': [
    [999.99, 999.99],
    ['1.5000', '1.5000'],
    ['99999e-2', '99999e-2'],
    ['0e9', '0e9'],
  ],
  'numeric(3,-2)': [['99900', '99900']],
  'numeric(3,5)': [['0.00999', '0.00999']],
  real: [
    [0.1, Math.fround(0.1)],
    ['16777217.0000000001', 16_777_218],
    ['16777217', 16_777_216],
    ['16777216.9999999999', 16_777_216],
    ['-16777217.0000000001', -16_777_218],
    ['3.4028235677973366e38', 3.4028234663852886e38],
    ['7.006492321624086e-46', 1.401298464324817e-45],
    [16_777_217n, 16_777_216],
  ],
  'double precision': [
    ['1.0', 1],
    ['0.1', 0.1],
    [-0, '-0'],
    ['-0e5', '-0'],
    [2n ** 53n + 1n, 2 ** 53],
    ['5e-324', 5e-324],
  ],
  boolean: [
    [true, 'true'],
    ['t', 'true'],
    ['false', 'false'],
  ],
  uuid: [['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  date: [
    ['2024-02-29', '2024-02-29'],
    ['2000-02-29', '2000-02-29'],
    ['+012026-01-01', '12026-01-01'],
    ['5874897-12-31', '5874897-12-31'],
  ],
  time: [
    ['23:59:59.9999999', '23:59:59.999999'],
    ['00:00:00.500', '00:00:00.5'],
  ],
  'timestamp(3)': [
    ['2026-01-02 03:04:05.6789', '2026-01-02T03:04:05.678'],
    ['2026-01-02t03:04:05.0001', '2026-01-02T03:04:05'],
  ],
  timestamptz: [
    ['2026-01-01T00:30:00.1234567+05:45', '2025-12-31T18:45:00.123456Z'],
    ['2024-02-29 23:59:59-00:01', '2024-03-01T00:00:59Z'],
    ['1999-12-31t23:59:59z', '1999-12-31T23:59:59Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
    ['294277-01-01T00:00:00+00:01', '294276-12-31T23:59:00Z'],
    ['2026-01-28T23:59:59.000001Z', '2026-01-28T23:59:59.000001Z'],
    ['2026-01-28T23:59:59.1234567Z', '2026-01-28T23:59:59.123456Z'],
    ['2026-01-28T23:59:59.120Z', '2026-01-28T23:59:59.12Z'],
    [new Date(0), '1970-01-01T00:00:00Z'],
    [new Date(-1), '1969-12-31T23:59:59.999Z'],
    [new Date(1_767_225_600_050), '2026-01-01T00:00:00.05Z'],
    [new Date(8.64e15), '275760-09-13T00:00:00Z'],
  ],
  'timestamptz(3)': [['2026-01-28T23:59:59.9999Z', '2026-01-28T23:59:59.999Z']],
  'timestamptz(0)': [['2026-01-28T23:59:59.9Z', '2026-01-28T23:59:59Z']],
  inet: [
    ['10.0.0.1/32', '10.0.0.1'],
    ['2001:DB8::0/128', '2001:db8::'],
    ['10.0.0.1/8', '10.0.0.1/8'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1/104', '10.0.0.1/8'],
    ['::ffff:10.0.0.1/64', '::ffff:10.0.0.1/64'],
  ],
  cidr: [
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.0', '10.0.0.0/32'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
  ],
  jsonb: [
    ['{"n": 1.50}', '{"n": 1.50}'],
    ['null', 'null'],
    [{ a: [1, null, 'x'], b: undefined }, '{"a":[1,null,"x"]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['"\\ud83d\\ude00"', '"\\ud83d\\ude00"'],
    [{ text: '\\u0000 1e999999' }, '{"text":"\\\\u0000 1e999999"}'],
  ],
  json: [['1e999999', '1e999999']],
  bytea: [
    [Buffer.from([0, 171]), '\\x00ab'],
    [new Uint8Array([1, 2, 3]).subarray(1), '\\x0203'],
    ['\\xAB', '\\xab'],
  ],
  interval: [
    ['1 day', '1 day'],
    [5, '5'],
    [5n, '5'],
    [true, 'true'],
  ],
  'integer[]': [
    [[], '{}'],
    [[[], []], '{}'],
    [
      [
        [1, null],
        ['+3', 4n],
      ],
      '{{1,NULL},{3,4}}',
    ],
    ['{1,2}', '{1,2}'],
    [[[[[[[1]]]]]], '{{{{{{1}}}}}}'],
  ],
  'text[]': [[['NULL', '"', '\\', '{a,b}'], String.raw`{"NULL","\"","\\","{a,b}"}`]],
  'jsonb[]': [[[[1, 2], 'null', null, { a: 1 }], String.raw`{"[1,2]","null",NULL,"{\"a\":1}"}`]],
  'bytea[]': [[[Buffer.from([1])], String.raw`{"\\x01"}`]],
}

const cyclic: unknown[] = []
cyclic.push(cyclic)

/** What no JavaScript value of the kind can be. */
const wrongKinds: Readonly<Record<string, readonly unknown[]>> = {
  text: [undefined, 5, 5n, true, {}, ['x'], () => {}, Symbol('x'), new Date(0), new Date(Number.NaN), cyclic],
  integer: [undefined, true, {}, [1], new Date(0)],
  numeric: [undefined, true, {}, [1n]],
  'double precision': [true, {}],
  boolean: [0, 1, 1n, {}],
  uuid: [5, Buffer.from('x')],
  date: [5, new Date(0)],
  time: [5, new Date(0)],
  timestamp: [5, new Date(0)],
  timestamptz: [1_767_225_600, 5n, {}, true],
  inet: [5, {}],
  cidr: [5, {}],
  json: [undefined, () => {}, Symbol('x'), 5n, { a: [5n] }, cyclic, { toJSON: () => undefined }],
  bytea: [5, [1, 2], new ArrayBuffer(1)],
  interval: [{}, undefined, new Date(0), [1]],
  'integer[]': [5, { length: 1 }, [{}], [undefined], Array(1)],
}

const badValues: Readonly<Record<string, readonly (readonly [given: unknown, what: string])[]>> = {
  text: [
    ['a\0', 'contains a NUL character'],
    ['\ud83d', 'contains a lone surrogate, which is not valid Unicode'],
  ],
  'varchar(3)': [
    ['abc ', 'has 4 characters; the type holds 3'],
    ['é😀xy', 'has 4 characters; the type holds 3'],
  ],
  char: [['ab', 'has 2 characters; the type holds 1']],
  name: [['é'.repeat(32), 'has 64 bytes; a name has at most 63']],
  smallint: [
    [32_768, 'is 32768, out of range for smallint'],
    [1.5, 'is 1.5, not a whole number of at most 9007199254740991'],
    ['1.0', 'is "1.0", not a whole number in decimal digits'],
    ['', 'is "", not a whole number in decimal digits'],
  ],
  integer: [[2n ** 31n, 'is 2147483648, out of range for integer']],
  bigint: [
    [2 ** 53, 'is 9007199254740992, not a whole number of at most 9007199254740991'],
    ['9223372036854775808', 'is "9223372036854775808", out of range for bigint'],
    [10n ** 70n, `is 1${'0'.repeat(59)}... (71 digits), out of range for bigint`],
  ],
  numeric: [
    ['1.2.3', 'is "1.2.3", not a number in decimal notation'],
    ['NaN', 'is "NaN", not a number in decimal notation'],
    [Number.NaN, 'is NaN, not a finite number'],
    ['1e131072', 'has more than 131072 digits before the point'],
    ['1e-16384', 'has more than 16383 digits after the point'],
    ['1e999999999999', 'has more than 131072 digits before the point'],
    ['0e-999999999999', 'has more than 16383 digits after the point'],
    ['0.0e1073741824', 'has an exponent beyond 1073741823'],
  ],
  'numeric(5,2)': [
    [1000, 'is 1000, out of range for numeric(5,2)'],
    ['1.005', 'has more decimal places than numeric(5,2) keeps'],
    [0.1 + 0.2, 'has more decimal places than numeric(5,2) keeps'],
  ],
  'numeric(3,-2)': [['12350', 'has more decimal places than numeric(3,-2) keeps']],
  real: [
    ['1e39', 'is "1e39", out of range for real'],
    ['3.4028235677973367e38', 'is "3.4028235677973367e38", out of range for real'],
    ['7.006492321624085e-46', 'is "7.006492321624085e-46", out of range for real'],
    [1e-300, 'is 1e-300, out of range for real'],
  ],
  'double precision': [
    ['1e309', 'is "1e309", out of range for double precision'],
    ['1e-400', 'is "1e-400", out of range for double precision'],
    [10n ** 309n, `is 1${'0'.repeat(59)}... (310 digits), out of range for double precision`],
    [Infinity, 'is Infinity, not a finite number'],
    ['0x10', 'is "0x10", not a number in decimal notation'],
  ],
  boolean: [
    ['yes', 'is "yes", not "true" or "false"'],
    ['constructor', 'is "constructor", not "true" or "false"'],
  ],
  uuid: [['a0eebc999c0b4ef8bb6d6bb9bd380a11', 'is "a0eebc999c0b4ef8bb6d6bb9bd380a11", not a UUID']],
  date: [
    ['1900-02-29', 'is "1900-02-29", not a date as YYYY-MM-DD'],
    ['2026-02-30', 'is "2026-02-30", not a date as YYYY-MM-DD'],
    ['0000-01-01', 'is "0000-01-01", not a date as YYYY-MM-DD'],
    ['5874898-01-01', 'is "5874898-01-01", out of range for date'],
    ['now', 'is "now", not a date as YYYY-MM-DD'],
  ],
  time: [
    ['24:00:00', 'is "24:00:00", not a time as HH:MM:SS'],
    ['10:00', 'is "10:00", not a time as HH:MM:SS'],
  ],
  timestamp: [
    [
      '2026-01-01T00:00:00Z',
      'is "2026-01-01T00:00:00Z", not a date and time without offset, as YYYY-MM-DDTHH:MM:SS',
    ],
    ['300000-01-01T00:00:00', 'is "300000-01-01T00:00:00", out of range for timestamp'],
  ],
  timestamptz: [
    ['2026-01-01T00:00:00', 'is "2026-01-01T00:00:00", not a date and time with offset, as RFC 3339 has it'],
    [
      '2026-01-01T23:59:60Z',
      'is "2026-01-01T23:59:60Z", not a date and time with offset, as RFC 3339 has it',
    ],
    ['294276-12-31T23:59:59-01:00', 'is "294276-12-31T23:59:59-01:00", out of range for timestamptz'],
    ['0001-01-01T00:00:00+00:01', 'is "0001-01-01T00:00:00+00:01", out of range for timestamptz'],
    [new Date(-8.64e15), 'is the Date -271821-04-20T00:00:00.000Z, out of range for timestamptz'],
    [
      '0000-01-01T00:00:00Z',
      'is "0000-01-01T00:00:00Z", not a date and time with offset, as RFC 3339 has it',
    ],
    [
      '2026-02-29T00:00:00Z',
      'is "2026-02-29T00:00:00Z", not a date and time with offset, as RFC 3339 has it',
    ],
    [new Date(Number.NaN), 'is an invalid Date, not a date and time with offset, as RFC 3339 has it'],
  ],
  inet: [
    ['10.1', 'is "10.1", not an IP address, or one with a prefix length'],
    ['10.0.0.1/33', 'is "10.0.0.1/33", not an IP address, or one with a prefix length'],
    ['10.0.0.1/', 'is "10.0.0.1/", not an IP address, or one with a prefix length'],
  ],
  cidr: [
    ['10.0.0.1/8', 'has bits set to the right of its prefix'],
    ['2001:db8::1/64', 'has bits set to the right of its prefix'],
    ['x', 'is "x", not an IP network'],
  ],
  json: [
    ['x', 'is a string, but not JSON text; JSON.stringify makes one of any value'],
    [Number.NaN, 'contains NaN, an infinity or an invalid Date, which JSON cannot hold'],
    [{ a: new Date(Number.NaN) }, 'contains NaN, an infinity or an invalid Date, which JSON cannot hold'],
    [{ a: [1, Infinity, null] }, 'contains NaN, an infinity or an invalid Date, which JSON cannot hold'],
    ['"\\u0000"', 'contains an escaped NUL character'],
    [{ '\0': 1 }, 'contains an escaped NUL character'],
    [['\ud83d'], 'contains a lone surrogate, escaped, which is not valid Unicode'],
    ['"\\ude00"', 'contains a lone surrogate, escaped, which is not valid Unicode'],
    ['"\\ud83d\\\\ude00"', 'contains a lone surrogate, escaped, which is not valid Unicode'],
    ['['.repeat(1001) + ']'.repeat(1001), 'is nested more than 1000 levels deep'],
    [nested(5000), 'is nested more than 1000 levels deep'],
    [nested(200_000), 'is nested more than 1000 levels deep'],
    ['['.repeat(1e6) + ']'.repeat(1e6), 'is nested more than 1000 levels deep'],
  ],
  jsonb: [
    ['[1, -1e131072]', 'contains a number that has more than 131072 digits before the point'],
    ['{"1e-16384":1e-16384}', 'contains a number that has more than 16383 digits after the point'],
  ],
  bytea: [
    ['\\XAB', 'is "\\\\XAB", not bytes as "\\x" and hexadecimal digits'],
    ['abc', 'is "abc", not bytes as "\\x" and hexadecimal digits'],
    ['\\xabc', 'is "\\\\xabc", not bytes as "\\x" and hexadecimal digits'],
  ],
  interval: [
    ['\0', 'contains a NUL character'],
    [Number.NaN, 'is NaN, not a finite number'],
  ],
  'integer[]': [
    [[1, 'x'], '[1] is "x", not a whole number in decimal digits'],
    [
      [
        [1, 2],
        [3.5, 4],
      ],
      '[1][0] is 3.5, not a whole number of at most 9007199254740991',
    ],
    [[[1, 2], [3]], '[1] has 1 elements where its neighbors have 2'],
    [[[1], null], '[1] is null, not an array as its neighbors are'],
    [[[], [1]], '[1] has 1 elements where its neighbors have 0'],
    [[[[[[[[1]]]]]]], 'has more than 6 dimensions'],
    [cyclic, 'has more than 6 dimensions'],
    ['[1:1]={1}', 'is a string that is no array literal, which begins with "{"'],
    ['{\0}', 'contains a NUL character'],
  ],
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = { value }
  return value
}

describe('what is encoded', () => {
  for (const [name, values] of Object.entries(encoded)) {
    test(name, () => {
      for (const [given, expected] of values) assert.deepEqual(codecNamed(name).encode(given), expected)
      assert.equal(codecNamed(name).encode(null), null)
    })
  }
})

describe('what is of the wrong kind', () => {
  for (const [name, values] of Object.entries(wrongKinds)) {
    test(name, () => {
      for (const given of values) {
        const fault = codecNamed(name).encode(given)
        assert.ok(fault instanceof ValueFault)
        assert.equal(fault.kind, 'wrong-kind', fault.what)
        assert.match(fault.what, /^[ -~]+$/)
      }
    })
  }

  test('is shown', () => {
    const what = (name: string, given: unknown) => (codecNamed(name).encode(given) as ValueFault).what
    assert.equal(what('text', undefined), 'is undefined, not a string')
    assert.equal(
      what('text', () => {}),
      'is a function, not a string',
    )
    assert.equal(what('text', { a: 'é' }), 'is {"a":"\\u00e9"}, not a string')
    assert.equal(what('text', cyclic), 'is an object, not a string')
    assert.equal(what('integer[]', Array(1)), '[0] is undefined, not a whole number')
    assert.equal(
      what('json', () => {}),
      'is a function, not a value that JSON can hold',
    )
  })
})

describe('what is a bad value', () => {
  for (const [name, values] of Object.entries(badValues)) {
    test(name, () => {
      for (const [given, what] of values)
        assert.deepEqual(codecNamed(name).encode(given), new ValueFault('bad-value', what))
    })
  }
})

test('a fault shows the beginning of a value, in ASCII', () => {
  const { what } = codecNamed('uuid').encode('é'.repeat(1000)) as ValueFault
  assert.match(what, /^is "(?:\\u00e9){59}\.\.\. \(1002 characters\), not a UUID$/)
})

test('equal values have one key text', () => {
  const equal: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
    numeric: [
      [1, 1n, '1', '1.0', '1.00', '1e0', '10e-1', '+01'],
      [0, '-0', '0.00', '0e5', '-0e-5'],
      [1e21, '1e21', 10n ** 21n],
      ['0.00120', '12e-4', 0.0012],
      ['-1.5', -1.5, '-150e-2'],
    ],
    real: [
      [0.1, '0.1', Math.fround(0.1)],
      [0, -0, '-0'],
    ],
    'double precision': [
      [1, '1.0', 1n],
      [0, '-0', -0],
    ],
    bigint: [[7, 7n, '007']],
    'char(5)': [['a', 'a  ']],
    boolean: [[true, 't']],
    inet: [['::1', '0:0::1/128']],
    cidr: [['10.0.0.0', '10.0.0.0/32']],
    timestamptz: [['2026-01-01T00:00:00Z', '2026-01-01T05:45:00.000+05:45', new Date('2026-01-01')]],
  }
  const keys: Record<string, string[]> = {}
  for (const [name, classes] of Object.entries(equal)) {
    const { encode, keyText, isCanonical } = codecNamed(name)
    assert.ok(isCanonical)
    keys[name] = classes.map((values) => {
      const texts = new Set(values.map((value) => keyText(encode(value) as NonNullable<Scalar>)))
      assert.equal(texts.size, 1, `${name}: ${[...texts].join(', ')}`)
      return [...texts].join('')
    })
  }
  assert.deepEqual(keys['numeric'], ['1', '0', '1e21', '0.0012', '-1.5'])
  assert.deepEqual(keys['real'], ['0.1', '0'])
  assert.deepEqual(keys['double precision'], ['1', '0'])
})

test('a key text has no long runs of zeros', () => {
  const { keyText } = codecNamed('numeric')
  assert.equal(keyText('1e131071'), '1e131071')
  assert.equal(keyText('12e-16383'), '12e-16383')
  assert.equal(keyText('1e20'), `1${'0'.repeat(20)}`)
  assert.equal(keyText('1e-21'), `0.${'0'.repeat(20)}1`)
})

test('a long text costs no more than its length', () => {
  const start = performance.now()
  const many = 200_000
  for (const name of [
    'integer',
    'numeric',
    'real',
    'date',
    'timestamptz',
    'bytea',
    'jsonb',
    'uuid',
    'inet',
    'char(3)',
  ])
    for (const text of [
      `${'0'.repeat(many)}x`,
      `1${'0'.repeat(many)}x`,
      `1.${'0'.repeat(many)}x`,
      `${' '.repeat(many)}x`,
    ])
      assert.ok(codecNamed(name).encode(text) instanceof ValueFault)
  // What takes its square takes minutes.
  assert.ok(performance.now() - start < 5000)
})

test('types whose equal values may have different encodings are not canonical', () => {
  for (const name of ['json', 'jsonb', 'interval', 'timetz', 'mood', 'text[]', 'integer[]', 'money'])
    assert.equal(codecNamed(name).isCanonical, false, name)
})
