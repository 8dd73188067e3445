import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { isRejection } from '#core/rejection.ts'
import * as oracle from '../../../test/support/json-oracle.ts'
import { always } from '../../../test/support/seed.ts'
import type { Increment } from './message.ts'
import { incrementReasons, maxIncrementBytes, readIncrement, writeIncrement } from './message.ts'

const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
const max = 2n ** 63n - 1n

const read = (text: string | Buffer) => {
  const bytes = Buffer.from(text)
  return readIncrement(bytes, 0, bytes.length, 'the body')
}
const withKey = (json: string) => `{"key":${json},"value":1}`
const withValue = (json: string) => `{"key":"${key}","value":${json}}`

describe('an increment', () => {
  const accepted: [what: string, text: string, increment: Partial<Increment>][] = [
    ['as it is written', withValue('1'), {}],
    ['with its members in the other order', `{"value":1,"key":"${key}"}`, {}],
    ['with white space', ` \r\n\t{ "key" :\t"${key}" ,\n"value" : 1 } \n`, {}],
    ['after a byte order mark', `\uFEFF${withValue('1')}`, {}],
    ['with escapes in names and key', `{"\\u006bey":"\\u0035${key.slice(1)}","v\\u0061lue":1}`, {}],
    ['with an upper-case key: the same key', withKey(`"${key.toUpperCase()}"`), {}],
    ['with a key of mixed case: the same key', withKey(`"5F0c${key.slice(4)}"`), {}],
    [
      'with a key of no known version',
      withKey(`"${'f'.repeat(8)}-ffff-ffff-ffff-${'f'.repeat(12)}"`),
      {
        key: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
      },
    ],
    ['beyond the integers that a double has', withValue('9007199254740993'), { value: 9007199254740993n }],
    ['of 2^63 - 1', withValue('9223372036854775807'), { value: max }],
  ]
  for (const [what, text, increment] of accepted) {
    test(what, () => assert.deepEqual(read(text), { key, value: 1n, ...increment }))
  }
})

const badKey = "missing or invalid 'key'"
const badValue = "missing or invalid 'value'"

const badValues = [
  'null true {} [] [1] "" "5" 0 -0 -1 -9223372036854775808 1.5 1.0 5.0 1e3 1E3 1e0 0.1e1 1e400'.split(' '),
  [`${max + 1n}`, `${2n ** 64n + 1n}`, `1${'0'.repeat(400)}`],
].flat()

/** Each with the reason that is counted, and what the client is told. */
const refused: [what: string, text: string | Buffer, reason: string, detail: string | RegExp][] = [
  ['no body', '', 'no-data', 'the body is empty'],
  ['white space', ' \n', 'not-json', /^the body is not JSON: Unexpected end of JSON input$/],
  ['no JSON', 'key=1&value=2', 'not-json', /^the body is not JSON: Unexpected token 'k'/],
  ['half of it', `{"key":"${key}",`, 'not-json', /^the body is not JSON: /],
  ['two of them', `${withValue('1')}${withValue('1')}`, 'not-json', /^the body is not JSON: /],
  ['a comma after the last member', `{"key":"${key}","value":1,}`, 'not-json', /^the body is not JSON: /],
  ['a comment', `${withValue('1')}//`, 'not-json', /^the body is not JSON: /],
  ['single quotes', `{'key':'${key}','value':1}`, 'not-json', /^the body is not JSON: /],
  ['NaN', withValue('NaN'), 'not-json', /^the body is not JSON: /],
  ['UTF-16', Buffer.from(withValue('1'), 'utf16le'), 'not-json', /^the body is not JSON: /],
  ['gzip', Buffer.from('1f8b0800', 'hex'), 'not-utf8', 'the body is not valid UTF-8'],
  ['Latin-1', Buffer.from(`{"é":1}`, 'latin1'), 'not-utf8', 'the body is not valid UTF-8'],
  ['an array', '[]', 'not-an-object', 'the body is not a JSON object: "[]"'],
  ['an increment in an array', `[${withValue('1')}]`, 'not-an-object', /^the body is not a JSON object: /],
  ['a string', '"key"', 'not-an-object', 'the body is not a JSON object: "\\"key\\""'],
  ['a number', '1', 'not-an-object', 'the body is not a JSON object: "1"'],
  ['null', 'null', 'not-an-object', 'the body is not a JSON object: "null"'],
  ['a bomb of arrays', '['.repeat(maxIncrementBytes), 'too-deep', /^the body is nested more than 64 levels/],
  ['a bomb of objects', '{"key":'.repeat(140), 'too-deep', /^the body is nested more than 64 levels/],
  ['a bomb in a value', withValue(`${'['.repeat(400)}${']'.repeat(400)}`), 'too-deep', /^the body is nested/],
  ['a long one', withValue(' '.repeat(1024)), 'too-large', /^the body has \d+ bytes; the limit is 1024$/],
  ['a long bomb', '['.repeat(1e6), 'too-large', 'the body has 1000000 bytes; the limit is 1024'],
  ['its key twice', `{"key":"${key}","key":"${key}","value":1}`, 'duplicate-key', "duplicate member 'key'"],
  ['its value twice', `{"key":"${key}","value":1,"value":1}`, 'duplicate-key', "duplicate member 'value'"],
  ['its value twice, once null', withValue('null,"value":1'), 'duplicate-key', "duplicate member 'value'"],
  [
    'its value twice, once escaped',
    withValue('1,"valu\\u0065":2'),
    'duplicate-key',
    "duplicate member 'value'",
  ],
  ['one member more', withValue('1,"count":1'), 'unknown-member', "unknown member 'count'"],
  ['a member in another case', `{"Key":"${key}","value":1}`, 'unknown-member', "unknown member 'Key'"],
  ['a member without a name', withValue('1,"":1'), 'unknown-member', "unknown member ''"],
  ['__proto__', withValue('1,"__proto__":{"value":5}'), 'unknown-member', "unknown member '__proto__'"],
  ['__proto__ alone', `{"__proto__":${withValue('1')}}`, 'unknown-member', "unknown member '__proto__'"],
  ['constructor', withValue('1,"constructor":{}'), 'unknown-member', "unknown member 'constructor'"],
  ['an unknown member twice', withValue('1,"a":1,"a":2'), 'unknown-member', "unknown member 'a'"],
  [
    'a name with control characters',
    withValue('1,"a\\n\\u001b[31m\\u0000é":1'),
    'unknown-member',
    "unknown member 'a\\u000a\\u001b[31m\\u0000\\u00e9'",
  ],
  [
    'a long name',
    withValue(`1,"${'x'.repeat(300)}":1`),
    'unknown-member',
    `unknown member '${'x'.repeat(40)}...'`,
  ],
  ['nothing', '{}', 'bad-key', badKey],
  ['no key', '{"value":1}', 'bad-key', badKey],
  ['a key of null', withKey('null'), 'bad-key', badKey],
  ['a key that is a number', withKey('5'), 'bad-key', badKey],
  ['a key that is an object', withKey('{}'), 'bad-key', badKey],
  ['an empty key', withKey('""'), 'bad-key', badKey],
  ['a key that is no UUID', withKey('"counter"'), 'bad-key', badKey],
  ['the nil UUID', withKey('"00000000-0000-0000-0000-000000000000"'), 'bad-key', badKey],
  ['a key in braces', withKey(`"{${key}}"`), 'bad-key', badKey],
  ['a key as a URN', withKey(`"urn:uuid:${key}"`), 'bad-key', badKey],
  ['a key without hyphens', withKey(`"${key.replaceAll('-', '')}"`), 'bad-key', badKey],
  ['a key with a digit that is none', withKey(`"${key.slice(1)}g"`), 'bad-key', badKey],
  ['a key with a space', withKey(`" ${key}"`), 'bad-key', badKey],
  ['a key with a line feed', withKey(`"${key}\\n"`), 'bad-key', badKey],
  ['a key with digits of another script', withKey(`"${key.replace('5', '５')}"`), 'bad-key', badKey],
  ['no value', `{"key":"${key}"}`, 'bad-value', badValue],
  ...badValues.map((json): [string, string, string, string] => [
    `the value ${json.slice(0, 30)}`,
    withValue(json),
    'bad-value',
    badValue,
  ]),
  ['a value with a zero before it', withValue('01'), 'not-json', /^the body is not JSON: /],
  ['a value with a plus', withValue('+1'), 'not-json', /^the body is not JSON: /],
  ['a hexadecimal value', withValue('0x10'), 'not-json', /^the body is not JSON: /],
]

describe('it is refused:', () => {
  for (const [what, text, reason, detail] of refused) {
    test(what, () => {
      const rejection = read(text)
      assert.ok(isRejection(rejection))
      assert.equal(rejection.reason, reason)
      if (typeof detail === 'string') assert.equal(rejection.detail, detail)
      else assert.match(rejection.detail, detail)
      assert.match(rejection.detail, /^[ -~]{1,200}$/)
    })
  }

  test('each for a reason of its own, and each reason is tried', () => {
    const tried = new Set(refused.map(([, , reason]) => reason))
    assert.deepEqual([...tried].sort(), [...incrementReasons].sort())
  })

  test('nothing reached a prototype', () => {
    assert.equal(Object.hasOwn(Object.prototype, 'value'), false)
  })
})

test('a message between others is read by itself', () => {
  const [before, text, after] = ['{"key":1,"value":', withValue('7'), '0}'].map((all) => Buffer.from(all))
  assert.ok(before && text && after)
  const bytes = Buffer.concat([before, text, after])
  const to = bytes.length - after.length
  assert.deepEqual(readIncrement(bytes, before.length, to, 'the data'), { key, value: 7n })
  const cut = readIncrement(bytes, before.length, to - 1, 'the data')
  assert.ok(isRejection(cut))
  assert.match(cut.detail, /^the data is not JSON/)
})

const anyKey = fc.tuple(fc.uuid(), fc.infiniteStream(fc.boolean())).map(([uuid, isUpper]) =>
  uuid
    .split('')
    .map((digit) => (isUpper.next().value ? digit.toUpperCase() : digit))
    .join(''),
)
const anyValue = fc.oneof(
  fc.bigInt({ min: 1n, max }),
  fc.bigInt({ min: 1n, max: 1000n }),
  fc.bigInt({ min: max - 1000n, max }),
  fc.bigInt({ min: 2n ** 53n - 1000n, max: 2n ** 53n + 1000n }),
)

test('any value of any key is read exactly, and has one form', () => {
  always(
    fc.property(anyKey, anyValue, (key, value) => {
      const increment = { key: key.toLowerCase(), value }
      const text = `{"value": ${value}, "key": "${key}"}`
      assert.deepEqual(read(text), increment)
      const written = writeIncrement(increment)
      assert.deepEqual(read(written), increment)
      assert.equal(written.toString(), `{"key":"${key.toLowerCase()}","value":${value}}`)
    }),
    2000,
  )
})

/** What a text means, by tokens and JSON.parse: another way to read than the scanner's. */
function meant(bytes: Buffer): Increment | undefined {
  const json = oracle.jsonIn(bytes)
  if (typeof json === 'string' || bytes.length > maxIncrementBytes) return undefined
  const whole = oracle.readOf(json.text)
  if (whole.kind !== 'object' || whole.members.length !== 2) return undefined
  const { key, value } = Object.fromEntries(whole.members)
  if (key?.kind !== 'text' || value?.kind !== 'number') return undefined
  const text = JSON.parse(key.source) as string
  const digits = text.split('-').map((part) => (/^[0-9a-fA-F]*$/.test(part) ? part.length : -1))
  if (digits.join() !== '8,4,4,4,12' || BigInt(`0x${text.replaceAll('-', '')}`) === 0n) return undefined
  if (!/^\d+$/.test(value.source)) return undefined
  const number = BigInt(value.source)
  return number >= 1n && number <= max ? { key: text.toLowerCase(), value: number } : undefined
}

function agrees(bytes: Buffer): boolean {
  const [expected, actual] = [meant(bytes), read(bytes)]
  if (expected) assert.deepEqual(actual, expected)
  else {
    assert.ok(isRejection(actual))
    assert.ok(incrementReasons.some((reason) => reason === actual.reason))
    assert.match(actual.detail, /^[ -~]{1,200}$/)
  }
  return expected !== undefined
}

test('any JSON text is refused, or means what it means to another reader', () => {
  always(
    fc.property(oracle.jsonText, (text) => void agrees(Buffer.from(text))),
    3000,
  )
})

const member = fc.oneof(
  anyKey.map((key) => `"key":"${key}"`),
  anyValue.map((value) => `"value":${value}`),
  fc.bigInt({ min: -5n, max: 2n ** 70n }).map((value) => `"value":${value}`),
  fc
    .tuple(fc.constantFrom('key', 'value', 'other'), oracle.jsonText)
    .map(([name, json]) => `"${name}":${json}`),
)

test('so is any object of such members', () => {
  let increments = 0
  always(
    fc.property(fc.array(member, { minLength: 1, maxLength: 3 }), (all) => {
      if (agrees(Buffer.from(`{${all.join(',')}}`))) increments += 1
    }),
    5000,
  )
  assert.ok(increments > 50, `${increments}`)
})

test('so is an increment in which some bytes were changed', () => {
  let increments = 0
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat(2),
    added: fc.oneof(
      fc.constantFrom(...'{}[],:"\\0-.eE1f uA\n'.split('')).map((character) => Buffer.from(character)),
      fc.uint8Array({ maxLength: 2 }).map((all) => Buffer.from(all)),
    ),
  })
  always(
    fc.property(anyKey, anyValue, change, (key, value, { at, removed, added }) => {
      const bytes = Buffer.from(`{"key":"${key}","value":${value}}`)
      const from = Math.floor(at * bytes.length)
      const changed = Buffer.concat([bytes.subarray(0, from), added, bytes.subarray(from + removed)])
      if (agrees(changed)) increments += 1
    }),
    5000,
  )
  assert.ok(increments > 50, `${increments}`)
})
