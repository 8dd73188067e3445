import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { limits, rejected } from '../../../test/support/scan-message.ts'
import { poisons } from './poison.ts'

describe('the decoder rejects poison for the claimed reason', () => {
  for (const { kind, reason, data, attributes = {} } of poisons) {
    test(`${kind}: ${reason}`, () => {
      const rejection = rejected(data, { attributes, publishTimeMs: Date.now() })
      assert.equal(rejection.reason, reason, rejection.detail)
    })
  }
})

// https://cloud.google.com/pubsub/quotas#resource_limits
test('a broker accepts all of it', () => {
  for (const { kind, data, attributes = {} } of poisons) {
    const entries = Object.entries(attributes)
    assert.ok(data.length > 0 || entries.length > 0, `${kind}: neither data nor attributes`)
    assert.ok(data.length < Math.min(10_000_000, limits.maxMessageBytes), kind)
    assert.ok(entries.length <= 100, kind)
    for (const [name, value] of entries) {
      assert.ok(name.isWellFormed() && value.isWellFormed(), kind)
      assert.ok(
        !name.startsWith('goog') && Buffer.byteLength(name) <= 256 && Buffer.byteLength(value) <= 1024,
      )
    }
  }
})

test('it covers every reason except the two whose messages no broker accepts', () => {
  const reasons = [...new Set(poisons.map(({ reason }) => reason))].sort()
  assert.deepEqual(
    reasons,
    `bad-base64 bad-ip bad-port bad-service bad-text bad-timestamp forbidden-key missing-field no-data not-an-object
     not-json not-utf8 payload-mismatch too-deep unknown-version wrong-type`.split(/\s+/),
  )
  assert.equal(new Set(poisons.map(({ kind }) => kind)).size, poisons.length, 'each kind once')
})
