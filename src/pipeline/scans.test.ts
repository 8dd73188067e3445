import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import type { Delivery } from '#core/delivery.ts'
import { isRejection } from '#core/rejection.ts'
import {
  accepted,
  base64,
  behind,
  decode,
  good,
  json,
  latest,
  limits,
  nested,
  rejected,
  v1,
  v2,
  valuesOf,
} from '../../test/support/scan-message.ts'
import { always } from '../../test/support/seed.ts'
import { anyText } from '../../test/support/text.ts'
import { canonicalIp } from './ip.ts'
import { scans } from './scans.ts'

describe('accepted', () => {
  const hello = accepted(json({}))

  test('both versions give the same record', () => {
    assert.deepEqual(hello, {
      key: '1.1.1.7 443 HTTP',
      version: 1_700_000_000n,
      content: 'hello world',
      row: { ip: '1.1.1.7', port: 443, service: 'HTTP', response: 'hello world', timestamp: 1_700_000_000 },
      bytes: hello.bytes,
    })
    assert.deepEqual(accepted(v1('aGVsbG8gd29ybGQ=')), hello)
  })

  test('its size is that of its text in UTF-8, whatever the script', () => {
    const [latin, other] = ['aaa', '日本語'].map((response) => accepted(v2(response)).bytes)
    assert.equal((other ?? 0) - (latin ?? 0), 6)
  })

  const bom = '\ufeff'
  const contents: readonly (readonly [what: string, response: string])[] = [
    ['an empty response', ''],
    ['a response of 1 MB', 'é'.repeat(2 ** 19)],
    ['a byte order mark in the response, kept', `${bom}hello`],
    ['text of every kind', '\x01\x7f\t\n é€😀\uffff\u{10ffff}" \\ {} NULL'],
    ['a response that looks like an escape', '\\u0000 \\ud800'],
  ]
  for (const [what, response] of contents) {
    test(`${what}, in both versions`, () => {
      assert.equal(accepted(v2(response)).content, response)
      assert.deepEqual(accepted(v1(base64(response))), accepted(v2(response)))
    })
  }

  const values: readonly (readonly [what: string, change: object, column: number, value: unknown])[] = [
    ['port 0', { port: 0 }, 1, 0],
    ['port 65535', { port: 65_535 }, 1, 65_535],
    ['timestamp 0', { timestamp: 0 }, 4, 0],
    ['a timestamp at the limit', { timestamp: latest }, 4, latest],
    ['a service as long as a key may be', { service: 'x'.repeat(2048) }, 2, 'x'.repeat(2048)],
    ['a service with spaces', { service: ' a  b ' }, 2, ' a  b '],
    ['the long form of an address', { ip: '0:0:0:0:0:0:0:1' }, 0, '::1'],
    ['an address in capitals', { ip: '2001:DB8::FF' }, 0, '2001:db8::ff'],
  ]
  for (const [what, change, column, value] of values) {
    test(what, () => assert.equal(valuesOf(accepted(json(change)))[column], value))
  }

  const same: readonly (readonly [what: string, data: string, attributes?: Delivery['attributes']])[] = [
    ['a byte order mark at the start of the message, ignored', bom + json({})],
    [
      'unknown fields, ignored',
      json({ extra: JSON.parse(nested(63)), toString: 1, constructor: { prototype: {} } }),
    ],
    [
      'unknown fields in data, ignored',
      json({ data: { ...good.data, response_bytes_utf8: '!', more: null } }),
    ],
    ['attributes', json({}), { source: 'é😀', empty: '', '': 'x' }],
    ['white space', `\r\n\t ${JSON.stringify(good, null, 8)} \n`],
    ['numbers in other spellings', json({}).replace('443', '4.43e2').replace(':2,', ':2.0,')],
    ['keys with escapes', json({}).replace('"ip"', '"\\u0069p"')],
    ['the last value of a repeated key, as in JSON.parse', behind('"ip":"9.9.9.9","port":-1')],
  ]
  for (const [what, data, attributes] of same) {
    test(what, () => assert.deepEqual(accepted(data, { attributes: attributes ?? {} }), hello))
  }

  test('a message of exactly the size limit', () => {
    const data = Buffer.alloc(limits.maxMessageBytes, ' ')
    data.write(json({}))
    assert.deepEqual(accepted(data), hello)
  })

  test('the publish time decides what is in the future, not the current time', () => {
    const publishTimeMs = 1_000_000
    const latest = 1000 + limits.maxClockSkewMs / 1000
    assert.equal(accepted(json({ timestamp: latest }), { publishTimeMs }).version, BigInt(latest))
    assert.equal(rejected(json({ timestamp: latest + 1 }), { publishTimeMs }).reason, 'bad-timestamp')
  })
})

test('two records have the same key if and only if they belong to the same row', () => {
  const ip = fc.constantFrom(
    '1.1.1.1',
    '11.1.1.1',
    '1.1.1.11',
    '::1',
    '0:0::1',
    '::ffff:1.1.1.1',
    '::ffff:101:101',
  )
  const port = fc.constantFrom(0, 1, 11, 80, 65_535)
  const word = fc.constantFrom(' ', '1', '80', '80 ', ' 80', 'HTTP', '::1', '\n', '\t')
  const service = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(''))
  const row = fc.tuple(ip, port, service)
  const keyOf = ([ip, port, service]: [string, number, string]) => accepted(json({ ip, port, service })).key
  always(
    fc.property(row, row, (a, b) => {
      const same = canonicalIp(a[0]) === canonicalIp(b[0]) && a[1] === b[1] && a[2] === b[2]
      assert.equal(keyOf(a) === keyOf(b), same)
    }),
    2000,
  )
})

describe('any input yields a record that PostgreSQL can store, or a known reason', () => {
  function sound(data: string | Uint8Array, attributes: Delivery['attributes'] = {}): void {
    const decoded = decode(data, { attributes })
    if (isRejection(decoded)) {
      assert.ok(scans.rejections.includes(decoded.reason), decoded.reason)
      assert.ok(decoded.detail.length > 0 && decoded.detail.length <= 200 && decoded.detail.isWellFormed())
      return
    }
    const { ip, port, service, response, timestamp } = decoded.row
    for (const text of [ip, service, response, decoded.key])
      assert.ok(typeof text === 'string' && text.isWellFormed() && !text.includes('\0'))
    assert.ok(isIP(ip) > 0 && service !== '')
    assert.ok(Number.isInteger(port) && port >= 0 && port <= 65_535)
    assert.ok(Number.isInteger(timestamp) && timestamp >= 0 && timestamp <= latest)
    assert.equal(decoded.version, BigInt(timestamp))
    assert.equal(decoded.content, response)
  }

  /** Texts of every sort, lone surrogates and NUL among them. */
  const text = fc.oneof(
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    anyText,
    fc.constantFrom('', '1.1.1.7', '::1', 'aGk=', '\0', '\ud800', '__proto__'),
  )
  const number = fc.oneof(
    fc.double(),
    fc.integer({ min: -1, max: 65_536 }),
    fc.integer({ min: 0, max: 2 ** 33 }),
  )
  const value = fc.oneof(text, number, fc.constantFrom(1, 2, null, true), fc.jsonValue())
  const optional = (usual: unknown) => fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, value)

  test('bytes', () =>
    always(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => sound(bytes)),
      1000,
    ))

  test('JSON', () =>
    always(
      fc.property(fc.json(), (text) => sound(text)),
      1000,
    ))

  test('scans with any value in any field', () => {
    const fields = fc.record({
      ip: fc.oneof(fc.ipV4(), fc.ipV6(), optional('::1')),
      port: optional(443),
      service: fc.oneof(text, optional('HTTP')),
      timestamp: fc.oneof(number, optional(0)),
      data_version: optional(2),
      data: fc.oneof(
        fc.record({ response_str: value, response_bytes_utf8: value }, { requiredKeys: [] }),
        value,
      ),
    })
    const attributes = fc.dictionary(text, text, { maxKeys: 2 })
    always(
      fc.property(fields, attributes, (scan, attributes) => sound(JSON.stringify(scan), attributes)),
      2000,
    )
  })

  test('valid messages with a few bytes changed, removed or inserted', () => {
    const change = fc.tuple(fc.nat({ max: 150 }), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 3 }))
    const message = fc.constantFrom(json({}), v1(base64('hello world')))
    always(
      fc.property(message, fc.array(change, { maxLength: 3 }), (message, changes) => {
        const bytes = [...Buffer.from(message)]
        for (const [at, gone, put] of changes) bytes.splice(at, gone, ...put)
        sound(Buffer.from(bytes))
      }),
      2000,
    )
  })
})

test('a message and the same one behind a line break, which is never familiar, are decoded alike', () => {
  const messages = fc.record(
    {
      ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('::ffff:1.2.3.4', '01.1.1.1', '', 7)),
      port: fc.oneof(fc.nat(70_000), fc.constantFrom(-1, 0, -0, 65_535, 65_536, 1.5, '80')),
      service: fc.oneof(fc.string(), fc.constantFrom('', 'HTTP', 'x'.repeat(2048), 'x'.repeat(2049), 'é', 5)),
      timestamp: fc.oneof(
        fc.nat(),
        fc.constantFrom(-1, latest, latest + 1, 1_700_000_000_000, 2 ** 53, 'now'),
      ),
      data_version: fc.constantFrom(1, 2, 2, 3, '2'),
      data: fc.record(
        {
          response_str: fc.oneof(fc.string(), fc.constantFrom('', 'a\0', 1)),
          response_bytes_utf8: fc.oneof(
            fc.string().map(base64),
            fc.stringMatching(/^[AQgw=_-]{0,8}$/),
            fc.constantFrom('', 'YQ', 'YQ==', 'AA==', '/w==', '!', 7),
          ),
        },
        { requiredKeys: [] },
      ),
      other: fc.constantFrom('x', 1, true, null),
    },
    { requiredKeys: ['ip', 'port', 'timestamp', 'data'] },
  )
  always(
    fc.property(messages, fc.constantFrom({}, { a: 'b' }, { a: '\0' }), (message, attributes) => {
      const text = JSON.stringify(message)
      assert.deepEqual(decode(text, { attributes }), decode(`\n${text}`, { attributes }))
    }),
    // Enough for more than one layout to be learned.
    6000,
  )
})

test('a NUL in base64 is rejected, also in a message whose layout is long familiar', () => {
  // As many as it takes to learn a layout.
  for (let i = 0; i <= 1000; i++) accepted(v1(base64('x')))
  assert.equal(rejected(v1(base64('\0'))).reason, 'bad-text')
})
