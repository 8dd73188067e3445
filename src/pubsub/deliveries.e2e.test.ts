import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import { assertEachOnce, passDeadlines, start, startEmulator, startRig } from '../../test/support/pubsub.ts'

const emulator = await startEmulator()
const { emulatorHost: host } = emulator
afterAll(() => emulator.stop())

describe('deliveries of an emulator', { concurrent: true }, () => {
  test('a delivery carries what was published', async () => {
    await using rig = await startRig(host)
    const begin = Date.now()
    const bytes = Buffer.from([0, 255, 128, 10])
    await rig.publish([{ data: bytes, attributes: { kind: 'a', ключ: 'é' }, orderingKey: 'k-1' }])
    await rig.publish([{ data: Buffer.alloc(0), attributes: { only: 'attributes' } }])
    start(rig)
    await rig.recorder.untilReceived(2)
    const [full, empty] = rig.recorder.deliveries.toSorted((a, b) => b.data.length - a.data.length)
    assert.ok(full && empty)
    assert.deepEqual(full.data, bytes)
    assert.deepEqual(full.attributes, { kind: 'a', ключ: 'é' })
    assert.equal(full.orderingKey, 'k-1')
    assert.deepEqual([full.subscription, empty.subscription], [rig.subscription, rig.subscription])
    assert.equal(full.deliveryAttempt, 1)
    assert.ok(full.messageId !== '' && full.messageId !== empty.messageId)
    assert.ok(full.ackId !== '' && full.ackId !== empty.ackId)
    assert.ok(Number.isInteger(full.publishTimeMs))
    assert.ok(full.publishTimeMs >= begin - 1000 && full.publishTimeMs <= Date.now() + 1000)
    assert.ok(full.receivedAtMs > 0 && full.receivedAtMs <= performance.now())
    assert.ok(Buffer.isBuffer(empty.data) && empty.data.length === 0)
    assert.deepEqual(empty.attributes, { only: 'attributes' })
    assert.equal(empty.orderingKey, '')
    assert.ok(full.bytes > full.data.length && empty.bytes > 'onlyattributes'.length)
  })

  test('an acked message is never redelivered; acks are sent in bulk', async () => {
    await using rig = await startRig(host)
    await rig.publish(3000)
    start(rig)
    await rig.recorder.untilReceived(3000)
    rig.ack(rig.recorder.deliveries)
    await rig.recorder.until('the acks', () => rig.recorder.done('ack').length === 2)
    assert.deepEqual(
      rig.recorder.calls.filter(({ kind }) => kind === 'ack').map(({ ids }) => ids),
      [2500, 500],
    )
    await passDeadlines(host, 1)
    assertEachOnce(rig.recorder, 3000)
  })

  test('a nacked message is redelivered at once, as another attempt', async () => {
    await using rig = await startRig(host)
    await rig.publish(10)
    start(rig)
    await rig.recorder.untilReceived(10)
    const first = rig.recorder.deliveries.slice()
    rig.ack(first.slice(0, 4))
    rig.nack(first.slice(4))
    await rig.recorder.untilReceived(16, 5000)
    const again = rig.recorder.deliveries.slice(10)
    assert.ok(again.every(({ deliveryAttempt }) => deliveryAttempt === 2))
    const ids = (deliveries: typeof first) => deliveries.map(({ messageId }) => messageId).sort()
    assert.deepEqual(ids(again), ids(first.slice(4)))
    rig.ack(again)
  })

  test('an unsettled message goes to another subscriber when the source is closed', async () => {
    await using rig = await startRig(host)
    await using other = await startRig(host, { subscription: rig.subscription })
    await rig.publish(10)
    start(rig)
    await rig.recorder.untilReceived(10)
    rig.ack(rig.recorder.deliveries.slice(0, 4))
    await rig.source.close()
    assert.equal(rig.recorder.done('ack').length, 1)
    start(other)
    await other.recorder.untilReceived(6)
    await passDeadlines(host, 1)
    assertEachOnce(other.recorder, 6)
    assert.deepEqual(other.recorder.attempts, [2])
  })
})
