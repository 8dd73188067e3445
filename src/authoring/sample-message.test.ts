import assert from 'node:assert/strict'
import { test } from 'vitest'
import { messageOfData, messageOfEnvelope } from './sample-message.ts'

const defaults = { subscription: 'projects/p/subscriptions/s', publishTimeMs: 5 }
const line = (text: string | Buffer) => ({ number: 3, bytes: Buffer.from(text) })

function envelope(text: string) {
  const message = messageOfEnvelope(line(text), defaults)
  assert.ok(!('why' in message), 'why' in message ? message.why : '')
  return message
}

function whyNot(text: string | Buffer): string {
  const message = messageOfEnvelope(line(text), defaults)
  assert.ok('why' in message)
  return message.why
}

test('a line is the data, byte by byte', () => {
  const text = '{"a": 1.0e400, "b": 12345678901234567890, "a": "\\ud83d"}'
  const message = messageOfData(line(text), defaults)
  assert.equal(message.data.toString(), text)
  assert.deepEqual(
    [message.messageId, message.publishTimeMs, message.subscription, message.attributes],
    ['3', 5, defaults.subscription, {}],
  )
})

test("a line that is not JSON is a message all the same: what it becomes is the pipeline's to say", () => {
  for (const bytes of [Buffer.from('{"a":'), Buffer.from([0x22, 0xff, 0x22])])
    assert.deepEqual(messageOfData({ number: 3, bytes }, defaults).data, bytes)
})

test('an envelope has all of a message', () => {
  const { data, attributes, messageId, publishTimeMs, orderingKey } = envelope(
    '{"data":"eyJhIjoxfQ==","attributes":{"kind":"x"},"messageId":"m","publishTime":"2026-01-31T12:00:00.5Z","orderingKey":"k"}',
  )
  assert.deepEqual([String(data), attributes, messageId, orderingKey], ['{"a":1}', { kind: 'x' }, 'm', 'k'])
  assert.equal(publishTimeMs, Date.UTC(2026, 0, 31, 12, 0, 0, 500))
})

test('its JSON keeps its digits, quotes and escapes', () => {
  for (const json of [
    '{"n": 0.10, "m": 1e400}',
    '"a\\u0041\\"b"',
    '"plain"',
    '[1, 2]',
    '12.50',
    'null',
    '""',
  ])
    assert.equal(String(envelope(`{ "json" : ${json} , "messageId": "m"}`).data), json)
  assert.equal(envelope('{"attributes":{}}').data.length, 0)
})

test('an envelope that is none', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['[1]', /^is not an object with data or json: \[1\]$/],
    ['{"data":"a","json":1}', /^has both data and json/],
    ['{"data":"%%"}', /^has data that is not base64: "%%"$/],
    ['{"data":7}', /^has a data that is not a string: 7$/],
    ['{"orderingKey":7}', /^has a orderingKey that is not a string: 7$/],
    ['{"attributes":{"a":1}}', /^has attributes that are not an object of strings/],
    ['{"attributes":["a"]}', /^has attributes that are not an object of strings/],
    ['{"publishTime":"yesterday"}', /^has a publishTime that is not a time as RFC 3339 has it: "yesterday"$/],
    ['{"publishTime":"2026-13-01T00:00:00Z"}', /^has a publishTime that is not a time/],
    ['{"messageID":"1"}', /^has an unknown member "messageID"; did you mean messageId\?$/],
    ['{"order":"1"}', /^has an unknown member "order"; it may have data, json, /],
    ['{"json":1,"json":2}', /^cannot be read: /],
  ]
  for (const [text, why] of cases) assert.match(whyNot(text), why)
})
