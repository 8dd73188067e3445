import assert from 'node:assert/strict'
import { test } from 'vitest'
import { protos } from '@google-cloud/pubsub'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { anyText } from '../../test/support/text.ts'
import { AckIds, AckRequest } from './ack-ids.ts'

test('the generated code decodes what was written, for ids of any length and any characters', () => {
  const text = fc.oneof(anyText, fc.string({ minLength: 120, maxLength: 20_000, size: 'max' }))
  const request = fc.record({ subscription: text, ackIds: fc.array(text, { maxLength: 10 }) })
  always(
    fc.property(request, ({ subscription, ackIds }) => {
      const written = new AckRequest(subscription, AckIds.ofTexts(ackIds))
      const read = protos.google.pubsub.v1.AcknowledgeRequest.decode(written.toBytes())
      assert.deepEqual({ subscription: read.subscription, ackIds: read.ackIds }, { subscription, ackIds })
      assert.deepEqual(written.ackIds, ackIds)
    }),
    100,
  )
})
