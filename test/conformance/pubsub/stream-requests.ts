import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { status } from '@grpc/grpc-js'
import type { PubsubFeatures } from './features.ts'
import type { Kit, OnServer } from './kit.ts'
import { only, subscriptionName } from './kit.ts'
import type { StreamingPull, StreamingPullRequest } from './stream.ts'

const streamAckDeadlineSeconds = 10
const { INVALID_ARGUMENT, NOT_FOUND } = status

export function streamRequestTests(onServer: OnServer, features: PubsubFeatures): void {
  const endsWith = async (stream: StreamingPull, code: number, message = /./) => {
    const end = await stream.end()
    assert.equal(end.code, code, end.message)
    assert.match(end.message, message)
  }

  const refusesFirst = async (
    kit: Kit,
    request: StreamingPullRequest,
    message?: RegExp,
    code = INVALID_ARGUMENT,
  ) => {
    await using stream = kit.stream(request)
    await endsWith(stream, code, message)
  }

  /** A stream that has already delivered a message: its first request was good. */
  const begun = async (kit: Kit) => {
    const { topic, subscription } = await kit.subscribe()
    await kit.publish(topic, 'first')
    const stream = kit.stream({ subscription, streamAckDeadlineSeconds })
    const delivery = only(await stream.until(1))
    return { topic, subscription, stream, delivery }
  }

  const refusesLater = async (kit: Kit, request: StreamingPullRequest, message?: RegExp) => {
    const { stream } = await begun(kit)
    await using _ = stream
    stream.write(request)
    await endsWith(stream, INVALID_ARGUMENT, message)
  }

  const takes = async (kit: Kit, ...requests: readonly StreamingPullRequest[]) => {
    const { topic, stream } = await begun(kit)
    await using _ = stream
    for (const request of requests) stream.write(request)
    await kit.publish(topic, 'second')
    assert.equal((await stream.until(2))[1]?.text, 'second')
  }

  describe('requests on a stream', () => {
    test(
      'the first one names a subscription',
      onServer(async (kit) => {
        await refusesFirst(kit, {}, /subscription/)
        await refusesFirst(kit, { streamAckDeadlineSeconds }, /subscription/)
        await refusesFirst(kit, { subscription: 'abc', streamAckDeadlineSeconds }, /name=abc/)
      }),
    )

    test(
      'that exists',
      onServer(async (kit) => {
        const request = { subscription: subscriptionName('nowhere'), streamAckDeadlineSeconds }
        await refusesFirst(kit, request, /nowhere/, NOT_FOUND)
      }),
    )

    test(
      'and an ack deadline within limits',
      onServer(async (kit) => {
        const { subscription } = await kit.subscribe()
        const named = /stream_ack_deadline_seconds/
        await refusesFirst(kit, { subscription }, named)
        for (const count of [-1, 1, 9, 601]) {
          await refusesFirst(kit, { subscription, streamAckDeadlineSeconds: count }, named)
        }
      }),
    )

    test(
      'may already ack',
      onServer(async (kit) => {
        const { subscription } = await kit.subscribe()
        await refusesFirst(
          kit,
          { subscription, streamAckDeadlineSeconds, ackIds: ['garbage'] },
          /ack id.*garbage/i,
        )
      }),
    )

    test(
      'later ones name no subscription',
      onServer(async (kit) => {
        const { stream, subscription } = await begun(kit)
        await using _ = stream
        stream.write({ subscription })
        await endsWith(stream, INVALID_ARGUMENT, /subscription/)
      }),
    )

    test(
      'may be empty: they keep the stream alive',
      onServer(async (kit) => {
        await takes(kit, {}, {}, {})
      }),
    )

    test(
      'may change the ack deadline, within limits',
      onServer(async (kit) => {
        await takes(kit, { streamAckDeadlineSeconds: 600 }, { streamAckDeadlineSeconds: 10 })
        for (const count of [-1, 9, 601]) {
          await refusesLater(kit, { streamAckDeadlineSeconds: count }, /stream_ack_deadline_seconds/)
        }
      }),
    )

    if (features.flowControl) {
      test(
        'do not change the flow control',
        onServer(async (kit) => {
          await refusesLater(kit, { maxOutstandingMessages: 5 }, /max_outstanding_messages/)
          await refusesLater(kit, { maxOutstandingBytes: 5 }, /max_outstanding_bytes/)
        }),
      )
    }

    test(
      'no ack id that was never issued',
      onServer(async (kit) => {
        await refusesLater(kit, { ackIds: ['garbage'] }, /ack id.*garbage/i)
        await refusesLater(
          kit,
          { modifyDeadlineAckIds: ['garbage'], modifyDeadlineSeconds: [10] },
          /ack id.*garbage/i,
        )
      }),
    )

    test(
      'a deadline for each ack id, not negative',
      onServer(async (kit) => {
        for (const modifyDeadlineSeconds of [[], [10, 10]]) {
          const { stream, delivery } = await begun(kit)
          await using _ = stream
          stream.write({ modifyDeadlineAckIds: [delivery.ackId], modifyDeadlineSeconds })
          await endsWith(stream, INVALID_ARGUMENT)
        }
        const { stream, delivery } = await begun(kit)
        await using _ = stream
        stream.modack(-1, delivery)
        await endsWith(stream, INVALID_ARGUMENT, /deadline/i)
      }),
    )

    test(
      'none at all',
      onServer(async (kit) => {
        await using stream = kit.stream(undefined)
        stream.halfClose()
        assert.equal((await stream.end()).code, status.OK)
      }),
    )
  })
}
