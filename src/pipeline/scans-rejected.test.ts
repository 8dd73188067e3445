import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Delivery } from '#core/delivery.ts'
import {
  base64,
  behind,
  good,
  json,
  latest,
  limits,
  nested,
  rejected,
  v1,
  v2,
} from '../../test/support/scan-message.ts'
import type { Reason } from './rejection.ts'

/** What is wrong, the message, and words that its dead letter's detail must have. */
type Bad = readonly [what: string, data: string | Buffer, detail: string, attributes?: Delivery['attributes']]

/** Every reason has its messages. */
const table: Readonly<Record<Reason, readonly Bad[]>> = {
  'no-data': [
    ['no data', '', 'no data'],
    ['attributes without data', '', 'no data', { source: 'x' }],
  ],
  'too-large': [
    [
      'one byte over the limit',
      `${JSON.stringify(good)}${' '.repeat(limits.maxMessageBytes)}`,
      'the limit is 10485760',
    ],
    [
      'far over the limit, and not JSON',
      Buffer.alloc(limits.maxMessageBytes + 1),
      '10485761 bytes; the limit is 10485760',
    ],
  ],
  'bad-attribute': [
    ['NUL in a value', json({}), '"source"', { source: 'a\0b' }],
    ['NUL in a name', json({}), 'NUL', { 'a\0b': 'x' }],
    ['lone surrogate in a value', json({}), 'lone surrogate', { source: '\ud800' }],
    ['lone surrogate in a name', json({}), 'lone surrogate', { '\udfff': 'x' }],
    ['halves of a pair in name and value', json({}), 'lone surrogate', { '\ud83d': '\ude00' }],
    ['the second of two attributes', json({}), '"b"', { a: 'x', b: '\0' }],
  ],
  'not-utf8': [
    ['bytes that are never text', Buffer.from([0x7b, 0xff, 0x7d]), 'UTF-8'],
    ['Latin 1', Buffer.from(json({ service: 'é' }), 'latin1'), 'UTF-8'],
    ['a surrogate as UTF-8 bytes', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'UTF-8'],
    ['V1: bytes that are not UTF-8', v1(base64([0xc3, 0x28])), '"response_bytes_utf8"'],
    ['V1: overlong UTF-8', v1(base64([0xc0, 0xaf])), '"response_bytes_utf8"'],
    ['V1: a surrogate as UTF-8 bytes', v1(base64([0xed, 0xa0, 0x80])), '"response_bytes_utf8"'],
  ],
  'too-deep': [
    ['nested 100,000 deep', nested(100_000), '64 levels'],
    ['nested 100,000 deep, unclosed', '['.repeat(100_000), '64 levels'],
    ['objects nested 100,000 deep', '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000), '64 levels'],
    ['deep in an unknown field', json({ extra: JSON.parse(nested(64)) }), '64 levels'],
    ['deep behind strings of brackets', `["]\\"]]]]]","\\\\",${nested(64)}]`, '64 levels'],
  ],
  'not-json': [
    ['text', 'service response: 42', "Unexpected token 's'"],
    ['a truncated message', '{"ip":"1.1.1.7","port":44', 'JSON at position'],
    ['two messages', `${json({})}${json({})}`, 'after JSON'],
    ['a byte order mark alone', '\ufeff', 'end of JSON'],
    ['two byte order marks', `\ufeff\ufeff${json({})}`, 'not JSON'],
    ['NaN', json({}).replace('443', 'NaN'), "token 'N'"],
    ['closed before it is opened', `${']'.repeat(100)}${nested(100)}`, "token ']'"],
    ['much text of wide characters', 'x😀'.repeat(1000), "token 'x'"],
  ],
  'not-an-object': [
    ['an array', '[1,2,3]', 'the message is not a JSON object: [1,2,3]'],
    ['a string', '"scan"', '"scan"'],
    ['a number', '42', '42'],
    ['null', 'null', 'null'],
    ['data as text', json({ data: 'hello world' }), '"data" is not a JSON object: "hello world"'],
    ['data as array', json({ data: ['hello'] }), '"data"'],
  ],
  'forbidden-key': [
    ['__proto__ at the top', behind('"__proto__":{"ip":"6.6.6.6"}'), 'the message has a key "__proto__"'],
    ['__proto__ with escapes', behind('"__pr\\u006fto__":1'), '"__proto__"'],
    [
      '__proto__ in data',
      json({}).replace('{"response', '{"__proto__":{},"response'),
      '"data" has a key "__proto__"',
    ],
  ],
  'missing-field': [
    ...Object.keys(good).map(
      (name): Bad => [`no ${name}`, json({ [name]: undefined }), `"${name}" is missing`],
    ),
    ['no field at all', '{}', '"ip" is missing'],
    ['no response in version 1', json({ data_version: 1, data: {} }), '"response_bytes_utf8" is missing'],
    ['no response in version 2', json({ data: {} }), '"response_str" is missing'],
  ],
  'wrong-type': [
    ...Object.keys(good).map((name): Bad => [`${name} null`, json({ [name]: null }), `"${name}" is null`]),
    ['response null', v2(null), '"response_str" is null'],
    ['ip as number', json({ ip: 16_843_009 }), '"ip" must be a string, not 16843009'],
    ['ip as array', json({ ip: ['1.1.1.7'] }), '"ip" must be a string'],
    ['port "80"', json({ port: '80' }), '"port" must be a number, not "80"'],
    ['port true', json({ port: true }), 'not true'],
    ['service as object', json({ service: { a: 1 } }), '"service" must be a string, not {"a":1}'],
    ['timestamp as text', json({ timestamp: '2024-01-01' }), '"timestamp" must be a number'],
    ['data_version "1"', json({ data_version: '1' }), '"data_version" must be a number'],
    ['V1: bytes as array', v1([104, 105]), '"response_bytes_utf8" must be a string, not [104,105]'],
    ['V2: a number', v2(42), '"response_str" must be a string'],
    ['an invalid value of a megabyte', json({ port: 'x'.repeat(2 ** 20) }), '(1048578 characters)'],
  ],
  'unknown-version': [0, 3, -1, 1.5, 1e300].map(
    (version): Bad => [`data_version ${version}`, json({ data_version: version }), '"data_version"'],
  ),
  'payload-mismatch': [
    [
      'version 1 with the payload of 2',
      json({ data_version: 1 }),
      '"response_str" in place of "response_bytes_utf8"',
    ],
    [
      'version 2 with the payload of 1',
      json({ data: { response_bytes_utf8: 'aGk=' } }),
      '"data_version" is 2',
    ],
  ],
  'bad-base64': [
    ['unpadded', v1('aGVsbG8'), '"response_bytes_utf8" is not base64 with padding'],
    ['padded too much', v1('aGVsbG8=='), '"aGVsbG8=="'],
    ['of the URL alphabet', v1('__8='), 'standard alphabet'],
    ['with a line break', v1('aGVs\nbG8='), 'base64'],
    ['with text behind it', v1('aGVsbG8=aGVsbG8='), 'base64'],
    ['with bits left over', v1('aGVsbG9='), 'base64'],
    ['not base64', v1('hello world'), 'base64'],
    ['a megabyte that is not base64', v1('!'.repeat(2 ** 20)), '(1048578 characters)'],
  ],
  'bad-text': [
    ['NUL in the response', v2('a\0b'), '"response_str" contains a NUL'],
    ['NUL in V1 bytes', v1(base64('a\0b')), '"response_bytes_utf8" contains a NUL'],
    ['lone high surrogate', v2('a\ud800'), '"response_str" contains a lone surrogate'],
    ['lone low surrogate', v2('\udc00a'), 'lone surrogate'],
    ['NUL in the service', json({ service: 'HT\0TP' }), '"service"'],
    ['lone surrogate in the service', json({ service: '\ud83d' }), '"service"'],
    ['NUL in the ip', json({ ip: '1.1.1.7\0' }), '"ip"'],
  ],
  'bad-ip': [
    '',
    '1.1.1.256',
    '010.1.1.1',
    '1.1.1.7/32',
    '::1/128',
    'fe80::1%eth0',
    '[::1]',
    'localhost',
    'x'.repeat(5000),
    `${'x'.repeat(58)}😀`,
  ].map((ip): Bad => [ip.slice(0, 20), json({ ip }), '"ip" is not an IPv4 or IPv6 address: "']),
  'bad-port': [-1, 65_536, 80.5, -0.5, 1e300].map(
    (port): Bad => [`port ${port}`, json({ port }), '"port" must be a whole number from 0 to 65535, not'],
  ),
  'bad-service': [
    ['empty', json({ service: '' }), '"service" is empty'],
    ['longer than a key', json({ service: 'x'.repeat(2049) }), '"service" has 2049 bytes'],
    [
      'longer than a key in bytes',
      json({ service: '€'.repeat(683) }),
      '2049 bytes; as part of the key it may have 2048',
    ],
  ],
  'bad-timestamp': [
    ['negative', json({ timestamp: -1 }), '"timestamp" must be in whole Unix seconds, 0 or later, not -1'],
    ['fractional', json({ timestamp: 1_700_000_000.5 }), 'not 1700000000.5'],
    ['in milliseconds', json({ timestamp: 1_700_000_000_000 }), 'is it in milliseconds?'],
    ['in nanoseconds', json({ timestamp: 1_700_000_000e9 }), 'whole Unix seconds'],
    ['a second after the limit', json({ timestamp: latest + 1 }), `later than ${latest}`],
    ['in the far future', json({ timestamp: 99_999_999_999_999 }), 'maximum clock skew'],
    ['above 2^53', json({ timestamp: 2 ** 53 + 2 }), 'whole Unix seconds'],
    ['beyond doubles', json({}).replace('1700000000', '1e400'), 'Infinity'],
  ],
}

for (const [reason, messages] of Object.entries(table)) {
  describe(`${reason}: rejected, with a detail that a person understands`, () => {
    for (const [what, data, words, attributes] of messages) {
      test(what, () => {
        const decoded = rejected(data, { attributes: attributes ?? {} })
        assert.deepEqual(Object.keys(decoded), ['reason', 'detail'])
        assert.equal(decoded.reason, reason, decoded.detail)
        assert.ok(decoded.detail.includes(words), decoded.detail)
        assert.ok(decoded.detail.length <= 200, `${decoded.detail.length} characters`)
        assert.ok(decoded.detail.isWellFormed(), decoded.detail)
      })
    }
  })
}
