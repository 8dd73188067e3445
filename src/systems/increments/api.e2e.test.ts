// What `POST /increment` answers, over sockets: each request on a connection of its own, byte by byte as it is written here.
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { describe, test } from 'vitest'
import { RawClient, startTestGateway } from '../../../test/support/gateway.ts'
import { systems } from '../registry.ts'

const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
const doors = systems.get('increments')?.doors ?? []
const body = (value: string, of = `"${key}"`) => `{"key":${of},"value":${value}}`

interface Answer {
  readonly status: number
  readonly text: string
  /** Data of the messages that were published for it. */
  readonly published: readonly string[]
}

async function answerTo(bytes: string): Promise<Answer> {
  await using started = await startTestGateway({ doors })
  using client = new RawClient(started.url)
  client.write(bytes)
  const received = await client.until(/^HTTP\/1\.1 \d{3} [^]*?\r\n\r\n(?:\{[^]*\})?$/)
  const [, status = '', text = ''] = /^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n([^]*)$/.exec(received) ?? []
  const published = started.publishing.published.flatMap(({ messages }) =>
    messages.map(({ data }) => String(data)),
  )
  return { status: Number(status), text, published }
}

const json = 'Content-Type: application/json'
const post = (text: string, headers: readonly string[] = [json], method = 'POST', path = '/increment') =>
  [`${method} ${path} HTTP/1.1`, 'Host: test', ...headers, `Content-Length: ${text.length}`, '', text].join(
    '\r\n',
  )

describe('an increment is accepted', { concurrent: true }, () => {
  const accepted: readonly (readonly [what: string, text: string, message: string])[] = [
    ['the least value', body('1'), body('1')],
    ['the greatest value, exactly', body('9223372036854775807'), body('9223372036854775807')],
    ['digits beyond 2^53', body('9007199254740993'), body('9007199254740993')],
    ['a key in upper case, which is the same key', body('1', `"${key.toUpperCase()}"`), body('1')],
    ['white space, and the members the other way round', ` {\n"value" : 2 ,"key":"${key}" } `, body('2')],
  ]
  for (const [what, text, message] of accepted)
    test(what, async () => {
      assert.deepEqual(await answerTo(post(text)), { status: 200, text: '', published: [message] })
    })
})

const noKey = "missing or invalid 'key'"
const noValue = "missing or invalid 'value'"

const malformed: readonly (readonly [what: string, text: string, error: string | RegExp])[] = [
  ['no body', '', 'the body is empty'],
  ['not JSON', 'key=1', /^the body is not JSON/],
  ['half of it', `{"key":"${key}","value":`, /^the body is not JSON/],
  ['an array', `[${body('1')}]`, /^the body is not a JSON object/],
  ['a number', '5', /^the body is not a JSON object/],
  ['nested too deep', `{"key":${'['.repeat(400)}${']'.repeat(400)},"value":1}`, /deep|nested/],
  ['a member twice', `{"key":"${key}","value":1,"value":2}`, "duplicate member 'value'"],
  ['__proto__', `{"key":"${key}","value":1,"__proto__":{}}`, "unknown member '__proto__'"],
  ['an unknown member', `{"key":"${key}","value":1,"count":1}`, "unknown member 'count'"],
  ['no key', '{"value":1}', noKey],
  ['a key that is no UUID', body('1', '"none"'), noKey],
  ['a key that is null', body('1', 'null'), noKey],
  ['a key that is a number', body('1', '7'), noKey],
  ['the nil UUID', body('1', '"00000000-0000-0000-0000-000000000000"'), noKey],
  ['a key in braces', body('1', `"{${key}}"`), noKey],
  ['a key without hyphens', body('1', `"${key.replaceAll('-', '')}"`), noKey],
  ['no value', `{"key":"${key}"}`, noValue],
  ...[
    '0',
    '-1',
    '1.5',
    '1.0',
    '"5"',
    'null',
    '1e3',
    'true',
    '[1]',
    '9223372036854775808',
    `1${'0'.repeat(400)}`,
  ].map((value) => [`the value ${value.slice(0, 24)}`, body(value), noValue] as const),
]

describe('400 with its reason, and nothing is published', { concurrent: true }, () => {
  for (const [what, text, error] of malformed)
    test(what, async () => {
      const answer = await answerTo(post(text))
      assert.deepEqual([answer.status, answer.published], [400, []])
      const said = (JSON.parse(answer.text) as { error: string }).error
      if (typeof error === 'string') assert.equal(said, error)
      else assert.match(said, error)
    })
})

const gzipped = gzipSync(body('1')).toString('latin1')

describe('what is no such request is refused, and nothing is published', { concurrent: true }, () => {
  const others: readonly (readonly [what: string, bytes: string, status: number])[] = [
    ['no content type', post(body('1'), []), 415],
    ['a form', post(body('1'), ['Content-Type: application/x-www-form-urlencoded']), 415],
    ['text', post(body('1'), ['Content-Type: text/plain']), 415],
    ['another charset', post(body('1'), ['Content-Type: application/json; charset=latin1']), 415],
    ['gzip', post(gzipped, [json, 'Content-Encoding: gzip']), 415],
    ['a body that is too long', post(body(`1${'0'.repeat(2000)}`)), 413],
    [
      'chunks that are too long',
      `POST /increment HTTP/1.1\r\nHost: test\r\n${json}\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n${'x'.repeat(2048)}\r\n`,
      413,
    ],
    ['another path', post(body('1'), [json], 'POST', '/increments'), 404],
    ['a path below', post(body('1'), [json], 'POST', '/increment/1'), 404],
    ['GET', 'GET /increment HTTP/1.1\r\nHost: test\r\n\r\n', 405],
    ['PUT', post(body('1'), [json], 'PUT'), 405],
    ['DELETE', 'DELETE /increment HTTP/1.1\r\nHost: test\r\n\r\n', 405],
    ['an Idempotency-Key with spaces', post(body('1'), [json, 'Idempotency-Key: a b']), 400],
  ]
  for (const [what, bytes, status] of others)
    test(`${status}: ${what}`, async () => {
      const answer = await answerTo(bytes)
      assert.deepEqual([answer.status, answer.published], [status, []], answer.text)
      assert.match(answer.text, /^\{"error":"/)
    })
})
