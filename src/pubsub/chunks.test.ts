import assert from 'node:assert/strict'
import { test } from 'vitest'
import { protos } from '@google-cloud/pubsub'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { requestsOf } from './chunks.ts'

const { AcknowledgeRequest, ModifyAckDeadlineRequest } = protos.google.pubsub.v1
const ids = (count: number, length = 10) =>
  Array.from({ length: count }, (_, i) => String(i).padStart(length, '0'))
const requestsOfTexts = (ackIds: string[]) => requestsOf(ackIds, ({ length }) => length)
const sizes = (ackIds: string[]) => requestsOfTexts(ackIds).map((request) => request.length)

test('nothing to send is no request', () => assert.deepEqual(requestsOfTexts([]), []))

test('a request has at most 2,500 ids', () => {
  assert.deepEqual(sizes(ids(1)), [1])
  assert.deepEqual(sizes(ids(2500)), [2500])
  assert.deepEqual(sizes(ids(2501)), [2500, 1])
  assert.deepEqual(sizes(ids(7500)), [2500, 2500, 2500])
})

test('long ids make requests shorter, by bytes', () => {
  assert.deepEqual(sizes(ids(1000, 1000)), [521, 479])
})

test('every request is within the limits and as full as possible, in order', () => {
  const subscription = `projects/${'p'.repeat(30)}/subscriptions/${'s'.repeat(255)}`
  const lengths = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 20_000 }))
  const runs = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), lengths), { maxLength: 6 })
  always(
    fc.property(runs, (groups) => {
      const all = groups.flatMap(([count, length]) => Array<string>(count).fill('x'.repeat(length)))
      const requests = requestsOfTexts(all)
      assert.deepEqual(requests.flat(), all)
      for (const [i, ackIds] of requests.entries()) {
        assert.ok(ackIds.length > 0 && ackIds.length <= 2500)
        const encoded = [
          AcknowledgeRequest.encode({ subscription, ackIds }).finish().length,
          ModifyAckDeadlineRequest.encode({ subscription, ackIds, ackDeadlineSeconds: 600 }).finish().length,
        ]
        assert.ok(Math.max(...encoded) <= 512 * 1024, `${encoded.join()} bytes`)
        const next = requests[i + 1]?.[0]
        const full = ackIds.length === 2500 || (next && Math.max(...encoded) + next.length > 500 * 1024)
        assert.ok(next === undefined || full, 'a request was ended early')
      }
    }),
    60,
  )
})
