import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Identity } from './identity.ts'
import { badIdentity, identityOf, repeatedBy } from './identity.ts'
import { isRejection } from './rejection.ts'

const publishTimeMs = Date.parse('2026-11-21T10:00:00.000Z')
const of = (attributes: Readonly<Record<string, string>> = {}) =>
  identityOf({ messageId: '7', publishTimeMs, attributes })

test("without attributes it is the message's own", () => {
  const own: Identity = { kind: 'message', messageId: '7', publishTimeMs, isGiven: false }
  assert.deepEqual(of(), own)
  assert.deepEqual(of({ other: 'x' }), own)
})

test('a message that repeats another has the identity of that one, exactly', () => {
  const earlier = publishTimeMs - 86_399_999
  assert.deepEqual(of(repeatedBy('6', earlier)), {
    kind: 'message',
    messageId: '6',
    publishTimeMs: earlier,
    isGiven: true,
  })
})

test('a request is the same at any time', () => {
  const request = '0123456789abcdef'.repeat(4)
  assert.deepEqual(of({ 'ingester-request': request }), { kind: 'request', request, publishTimeMs })
  const redriven = of({ 'ingester-request': request, ...repeatedBy('6', 7) })
  assert.deepEqual(redriven, { kind: 'request', request, publishTimeMs: 7 }, 'as old as what it repeats')
})

const time = '2026-11-21T09:00:00.000Z'
const unreadable = [
  [{ 'ingester-request': '' }, 'ingester-request'],
  [{ 'ingester-request': 'A'.repeat(64) }, 'ingester-request'],
  [{ 'ingester-request': 'a'.repeat(63) }, 'ingester-request'],
  [{ 'ingester-request': `${'a'.repeat(64)}\n` }, 'ingester-request'],
  [{ 'ingester-request': 'a'.repeat(64), 'ingester-publish-time': '' }, 'ingester-publish-time'],
  [{ 'ingester-message-id': '6' }, 'ingester-publish-time'],
  [{ 'ingester-publish-time': time }, 'ingester-message-id'],
  [{ 'ingester-message-id': '', 'ingester-publish-time': time }, 'ingester-message-id'],
  [{ 'ingester-message-id': 'x'.repeat(129), 'ingester-publish-time': time }, 'ingester-message-id'],
  [{ 'ingester-message-id': '6', 'ingester-publish-time': '2026-11-21T09:00:00Z' }, 'ingester-publish-time'],
  [
    { 'ingester-message-id': '6', 'ingester-publish-time': '2026-02-30T09:00:00.000Z' },
    'ingester-publish-time',
  ],
  [{ 'ingester-message-id': '6', 'ingester-publish-time': '1700000000' }, 'ingester-publish-time'],
  [{ 'ingester-message-id': 'a\0b', 'ingester-publish-time': time }, 'ingester-message-id'],
  [
    { 'ingester-message-id': '6', 'ingester-publish-time': '-271821-04-20T00:00:00.000Z' },
    'ingester-publish-time',
  ],
  [
    { 'ingester-message-id': '6', 'ingester-publish-time': '2026-11-22T10:00:00.001Z' },
    'ingester-publish-time',
  ],
] as const

describe('attributes that cannot be read are a rejection that says which and why', () => {
  for (const [attributes, which] of unreadable)
    test(JSON.stringify(attributes), () => {
      const rejection = of(attributes)
      assert.ok(isRejection(rejection))
      assert.equal(rejection.reason, badIdentity)
      assert.match(rejection.detail, new RegExp(`^attribute ${which} is `))
    })
})

test('a clock that is up to a day ahead is forgiven', () => {
  assert.equal(isRejection(of(repeatedBy('6', publishTimeMs + 86_400_000))), false)
})
