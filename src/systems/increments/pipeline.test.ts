import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'vitest'
import { identityReused, refusedByDatabase, tooOld } from '#core/dead-letter.ts'
import { badIdentity } from '#core/identity.ts'
import type { RecordKey } from '#core/pipeline.ts'
import type { Rejection } from '#core/rejection.ts'
import { isRejection } from '#core/rejection.ts'
import { checkDefinition } from '#pipeline/definition-schema.ts'
import { deliveryOf } from '../../../test/support/arrivals.ts'
import { incrementReasons } from './message.ts'
import { increments } from './pipeline.ts'

const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
const limits = { maxMessageBytes: 10_000, maxClockSkewMs: 0 }
const { inspector } = increments

const decode = (text: string, change: Partial<ReturnType<typeof deliveryOf>> = {}) =>
  increments.decode({ ...deliveryOf(text), ...change }, limits)

function rejected(found: unknown): [reason: string, detail: string] {
  if (!isRejection(found)) assert.fail('it was accepted')
  return [found.reason, found.detail]
}

const keyIn = (found: RecordKey | Rejection) => (isRejection(found) ? found.reason : found.key)

test('a message is an increment, in every spelling of its key', () => {
  assert.deepEqual(decode(`{"value": 9223372036854775807, "key": "${key.toUpperCase()}"}`), {
    key,
    value: 2n ** 63n - 1n,
  })
})

test('it is a definition as users may write it', () => {
  const { name, source, sink, flushIntervalMs } = increments
  const { key, columns, mode } = sink
  checkDefinition({
    name,
    topic: source.topicId,
    subscription: source.subscriptionId,
    decode: () => [],
    flushIntervalMs,
    table: { name: sink.name, mode, key, columns },
  })
  assert.deepEqual(
    columns.map(({ name: column, type }) => [column, type]),
    [
      ['key', 'uuid'],
      ['value', 'bigint'],
    ],
  )
})

test('every reason is declared', () => {
  const faulty: readonly [text: string, reason: string][] = [
    ['', 'no-data'],
    ['x'.repeat(1025), 'too-large'],
    ['x'.repeat(10_001), 'too-large'],
    ['[', 'not-json'],
    ['[]', 'not-an-object'],
    ['{"key":1,"key":1}', 'duplicate-key'],
    [`{"key":"${key}","value":1,"by":1}`, 'unknown-member'],
    ['{"key":"none","value":1}', 'bad-key'],
    [`{"key":"${key}","value":0}`, 'bad-value'],
  ]
  for (const [text, reason] of faulty) {
    const [found, detail] = rejected(decode(text))
    assert.equal(found, reason)
    assert.ok(increments.rejections.includes(found), found)
    assert.ok(!detail.includes('the body'), detail)
  }
  const [reason] = rejected(decode('', { attributes: { 'ingester-request': 'none' } }))
  assert.equal(reason, 'bad-identity')
  assert.ok(increments.rejections.includes(reason))
})

test('people name a record by one word', () => {
  assert.equal(inspector.example.length, 1)
  assert.deepEqual(inspector.keyOf([key.toUpperCase()]), { key, values: [key] })
  assert.deepEqual(inspector.keyOf([...inspector.example]), { key, values: [key] })
  for (const word of ['', 'key', `{${key}}`, `key=${key}`, key.replaceAll('-', '')])
    assert.deepEqual(rejected(inspector.keyOf([word])), ['bad-key', 'the key is not a UUID'])
  assert.equal(inspector.subject({ key, values: [key] }), `the sum of ${key}`)
})

test('the key of a message is known where the rest of it is wrong', () => {
  for (const text of [
    `{"key":"${key}","value":0}`,
    `{"key":"${key.toUpperCase()}"}`,
    `{"a":1,"key":"${key}"}`,
  ])
    assert.equal(keyIn(inspector.keyFromMessage(deliveryOf(text))), key)
  for (const [text, reason] of [
    ['', 'no-data'],
    ['{"value":1}', 'bad-key'],
    ['[]', 'not-an-object'],
  ] as const)
    assert.equal(keyIn(inspector.keyFromMessage(deliveryOf(text))), reason)
})

test('a text that cannot be read may mention a key', () => {
  assert.equal(inspector.mentions({ key, values: [key] }, `increment ${key.toUpperCase()} by one`), true)
  assert.equal(inspector.mentions({ key, values: [key] }, `increment ${key.slice(1)}`), false)
})

test('its README names each reason that a dead letter may have', async () => {
  const text = await readFile(new URL('README.md', import.meta.url), 'utf8')
  for (const reason of [...incrementReasons, badIdentity, identityReused, refusedByDatabase, tooOld])
    assert.ok(text.includes(`\`${reason}\``), reason)
})
