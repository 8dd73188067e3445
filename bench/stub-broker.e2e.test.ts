import assert from 'node:assert/strict'
import { test } from 'vitest'
import { connectPubsub } from '#pubsub/client.ts'
import { startStubBroker } from './stub-broker.ts'
import { projectId, subscription } from './broker.ts'

test('no stream is sent more than it requested, from its first message on, and all messages arrive in the end', async () => {
  const [messages, messageBytes, maxOutstandingBytes] = [500, 10_000, 500_000]
  await using source = await startStubBroker({
    messages,
    dataOf: () => Buffer.alloc(messageBytes),
    preEncode: true,
    barrier: 0,
    onAcked: () => {},
  })
  const clients = await connectPubsub({ projectId, emulatorHost: source.emulatorHost })
  const stream = clients.subscriber.streamingPull({})
  stream.write({ subscription, streamAckDeadlineSeconds: 60, maxOutstandingBytes })
  let received = 0
  for await (const { receivedMessages } of stream) {
    const held = receivedMessages.length
    assert.ok(held * messageBytes <= maxOutstandingBytes, `${held} messages`)
    received += held
    if (received === messages) break
    stream.write({ ackIds: receivedMessages.map(({ ackId }: { ackId: string }) => ackId) })
  }
  assert.equal(received, messages)
  stream.destroy()
  await clients.close()
})
