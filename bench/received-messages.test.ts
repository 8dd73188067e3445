import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { google } from '@google-cloud/pubsub/build/protos/protos.js'
import { rpcs } from '#emulator/wire/schema.ts'
import { encodeRun, responseOf } from './received-messages.ts'

const schema = rpcs.find(({ name }) => name === 'StreamingPull')

test('any part of a run is a response that the service’s own schema decodes', () => {
  const sizes = [0, 1, 127, 128, 150, 20_000, 70_000]
  const data = (i: number) => Buffer.alloc(sizes[i - 1000] ?? 0, String(i))
  const run = encodeRun(1000, 1000 + sizes.length, data, 1_795_000_000)
  for (const [from, to] of [
    [1000, 1007],
    [1003, 1005],
    [1006, 1007],
  ] as const) {
    const decoded = schema?.response.decode(
      responseOf(run, from, to),
    ) as google.pubsub.v1.IStreamingPullResponse
    assert.equal(decoded.receivedMessages?.length, to - from)
    for (const [n, { ackId, message }] of (decoded.receivedMessages ?? []).entries()) {
      assert.equal(ackId, String(from + n))
      assert.equal(message?.messageId, String(from + n))
      assert.equal(Number(message?.publishTime?.seconds), 1_795_000_000)
      assert.deepEqual(Buffer.from((message?.data ?? []) as Uint8Array), data(from + n))
    }
  }
})
