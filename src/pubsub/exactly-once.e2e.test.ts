// Acks and leases of a service that answers for each id, as it does where delivery is exactly-once. Run with
// TEST_PUBSUB=official the last test has such a subscription of Google's emulator.
import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import type { AckIdCall } from '#core/observer.ts'
import type { FaultInjector } from '#emulator/faults/fault-injector.ts'
import {
  Recorder,
  assertEachOnce,
  passDeadlines,
  start,
  startEmulator,
  startRig,
} from '../../test/support/pubsub.ts'
import { skippedFor } from '../../test/support/skip.ts'

const server = await startEmulator()
const { emulatorHost: host } = server
afterAll(() => server.stop())
const faults = 'emulator' in server ? server.emulator?.faults : undefined
const skip = faults ? false : 'the official emulator has no faults'
const own = () => faults as FaultInjector

const [permanent, transient] = [
  'PERMANENT_FAILURE_INVALID_ACK_ID',
  'TRANSIENT_FAILURE_ACK_ID_SEND_AGAIN',
] as const

class RejectionRecorder extends Recorder {
  readonly rejected: [AckIdCall, number][] = []

  ackIdsRejected(call: AckIdCall, count: number): void {
    this.note(() => this.rejected.push([call, count]))
  }
}

describe('results for single ack ids', () => {
  test('extensions: a rejected lease is lost alone, the others continue', skippedFor(skip), async () => {
    const observer = new RejectionRecorder()
    await using rig = await startRig(host, { observer })
    await rig.publish(60)
    start(rig)
    await rig.recorder.untilReceived(60)
    own().failAckIds('ModifyAckDeadline', permanent, { times: 1 })
    await observer.until('the rejection', () => observer.rejected.length === 1)
    assert.deepEqual(observer.rejected, [['extend', 1]])
    assert.equal(observer.lost, 1)
    await rig.recorder.untilReceived(61)
    await passDeadlines(host, 2)
    assert.equal(rig.recorder.deliveries.length, 61, 'the innocent were not redelivered')
    assert.deepEqual(new Set(rig.recorder.texts).size, 60)
    assert.match(rig.recorder.warnings[0]?.message ?? '', /no longer accepts some ack ids/)
  })

  test(
    'acks: a rejected one is redelivered, a transient one is sent again, the others succeed',
    skippedFor(skip),
    async () => {
      const observer = new RejectionRecorder()
      await using rig = await startRig(host, { observer })
      await rig.publish(60)
      start(rig)
      await rig.recorder.untilReceived(60)
      own().failAckIds('Acknowledge', permanent, { times: 1 })
      own().failAckIds('Acknowledge', transient, { times: 2 })
      rig.ack(rig.recorder.deliveries.slice(0, 60))
      await rig.recorder.untilReceived(61)
      await observer.until('the rejection', () => observer.rejected.length === 1)
      assert.deepEqual(observer.rejected, [['ack', 1]])
      await rig.recorder.until('the second try', () => rig.recorder.done('ack').length === 1)
      assert.deepEqual(
        rig.recorder.calls.filter(({ kind }) => kind === 'ack').map(({ ids }) => ids),
        [60, 2],
      )
      rig.ack(rig.recorder.deliveries.slice(60))
      await passDeadlines(host, 1)
      assert.equal(rig.recorder.deliveries.length, 61)
    },
  )

  test('nacks: a transient failure is sent again', skippedFor(skip), async () => {
    await using rig = await startRig(host)
    await rig.publish(10)
    start(rig)
    await rig.recorder.untilReceived(10)
    own().failAckIds('ModifyAckDeadline', transient, { times: 1 })
    rig.nack(rig.recorder.deliveries.slice(0, 10))
    await rig.recorder.untilReceived(20)
    rig.ack(rig.recorder.deliveries.slice(10))
    const nacks = rig.recorder.calls.filter(({ kind }) => kind === 'nack').map(({ ids }) => ids)
    assert.deepEqual(nacks, [10, 1])
  })

  test(
    'more failures than an HTTP/2 header list can carry are still understood',
    skippedFor(skip),
    async () => {
      const observer = new RejectionRecorder()
      await using rig = await startRig(host, { observer })
      await rig.publish(2500)
      start(rig)
      await rig.recorder.untilReceived(2500)
      own().failAckIds('Acknowledge', permanent, { share: 1 })
      rig.ack(rig.recorder.deliveries.slice(0, 2500))
      const rejected = () => observer.rejected.reduce((sum, [, count]) => sum + count, 0)
      await observer.until('all rejections', () => rejected() === 2500)
      own().clear()
      await rig.recorder.untilReceived(5000)
      rig.ack(rig.recorder.deliveries.slice(2500))
    },
  )

  test(
    'a subscription with exactly-once delivery: one stale id affects no other',
    skippedFor(faults ? 'needs the official emulator' : false),
    async () => {
      const observer = new RejectionRecorder()
      const id = `s-${Date.now()}`
      await using maker = await startRig(host)
      const subscription = `projects/test-project/subscriptions/${id}`
      await maker.clients.subscriber.createSubscription({
        name: subscription,
        topic: maker.topic,
        ackDeadlineSeconds: 10,
        enableExactlyOnceDelivery: true,
      })
      await using rig = await startRig(host, { subscription, observer })
      await maker.publish(60)
      start(rig)
      await rig.recorder.untilReceived(60)
      const [stale] = rig.recorder.deliveries
      // Another consumer of the same process acks one of them behind the source's back.
      await maker.clients.subscriber.acknowledge({ subscription, ackIds: [stale?.ackId ?? ''] })
      await passDeadlines(host, 2)
      assertEachOnce(rig.recorder, 60)
      assert.deepEqual(observer.rejected, [['extend', 1]])
      rig.ack(rig.recorder.deliveries.slice(0, 60))
      await observer.until('the ack of the stale one is rejected', () => observer.rejected.length === 2)
      await passDeadlines(host, 2)
      assertEachOnce(rig.recorder, 60)
    },
  )
})
