import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { OnServer } from './kit.ts'
import { only, refused, seconds } from './kit.ts'

/** The clocks of two processes, and a server's ticks. */
const earlyMs = 200

const backoff = (minimum: number, maximum: number) => ({
  retryPolicy: { minimumBackoff: seconds(minimum), maximumBackoff: seconds(maximum) },
})

export function retryTests(onServer: OnServer, features: PubsubFeatures): void {
  describe('retry policy', () => {
    test(
      'delays nacked messages, and nothing else',
      onServer(async (kit) => {
        const { topic, subscription } = await kit.subscribe(backoff(2, 4))
        await kit.publish(topic, 'nacked')
        let nacked = only(await kit.receive(subscription, 1))
        if (!features.delaysFirstRetry) {
          await kit.nack(subscription, nacked)
          nacked = only(await kit.receive(subscription, 1))
        }
        const delaysMs: number[] = []
        for (let i = 0; i < 2; i++) {
          const nackedMs = performance.now()
          await kit.nack(subscription, nacked)
          await kit.publish(topic, 'other')
          const [other, again] = await kit.receive(subscription, 2)
          assert.ok(other && again)
          assert.equal(other.text, 'other')
          assert.equal(again.messageId, nacked.messageId)
          delaysMs.push(again.atMs - nackedMs)
          await kit.ack(subscription, other)
          nacked = again
        }
        const inTime = delaysMs.every((ms) => ms >= 2000 - earlyMs)
        assert.ok(inTime, `redelivered after ${delaysMs.join()} ms`)
      }),
    )

    test(
      'has limits, and defaults',
      onServer(async (kit) => {
        for (const [minimum, maximum] of [
          [601, 601],
          [10, 5],
          [-1, 5],
        ] as const) {
          await refused(kit.subscribe(backoff(minimum, maximum)), status.INVALID_ARGUMENT, /backoff/)
        }
        const { subscription } = await kit.subscribe({ retryPolicy: {} })
        const [{ retryPolicy }] = await kit.subscriber.getSubscription({ subscription })
        assert.equal(Number(retryPolicy?.minimumBackoff?.seconds), 10)
        assert.equal(Number(retryPolicy?.maximumBackoff?.seconds), 600)
      }),
    )
  })
}
