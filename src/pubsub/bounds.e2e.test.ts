import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import type { PulledDelivery } from './pulled-delivery.ts'
import type { Rig } from '../../test/support/pubsub.ts'
import { numbered, passDeadlines, start, startEmulator, startRig } from '../../test/support/pubsub.ts'

const emulator = await startEmulator()
const { emulatorHost: host } = emulator
afterAll(() => emulator.stop())
// The source's bounds have to hold with servers that ignore what it asks for, too, as the official emulator does.
if ('emulator' in emulator) emulator.emulator?.faults.deliveries({ ignoreFlowControl: true })

const bytesOf = (deliveries: readonly PulledDelivery[]) =>
  deliveries.reduce((sum, { bytes }) => sum + bytes, 0)
const uniqueTexts = (rig: Rig) => new Set(rig.recorder.texts).size

/** Acks what comes from now on, a turn of the event loop later, as a fast writer would. */
function ackLater(deliveries: readonly PulledDelivery[], rig: Rig): void {
  setImmediate(() => rig.ack(deliveries))
}

describe('limits with a server that ignores flow control', { concurrent: true }, () => {
  test('messages: the limit is never exceeded, and no outstanding message is redelivered', async (t) => {
    let acking = false
    const onReceive = (deliveries: readonly PulledDelivery[], rig: Rig) => acking && ackLater(deliveries, rig)
    await using rig = await startRig(host, { maxOutstandingMessages: 500, streams: 4, onReceive })
    const { recorder } = rig
    await rig.publish(5000)
    start(rig)
    await recorder.until('full', () => !rig.source.wantsMore && recorder.streamsAlive === 0)
    const held = recorder.deliveries.slice()
    assert.ok(held.length >= 450 && held.length <= 500, `${held.length} held`)
    void t.annotate(`held ${held.length}, refused ${recorder.refused}`)
    await passDeadlines(host, 2)
    assert.equal(recorder.deliveries.length, held.length)
    assert.deepEqual([recorder.lost, recorder.streamsAlive, recorder.streamsBegun], [0, 0, 4])

    acking = true
    const kept = held.slice(0, 100)
    rig.ack(held.slice(100))
    await recorder.until('all 5,000', () => uniqueTexts(rig) === 5000, 60_000)
    await passDeadlines(host, 1)
    assert.ok(recorder.mostHolding <= 500, `${recorder.mostHolding} held at once`)
    assert.equal(recorder.mostStreamsAlive, 4)
    const came = Map.groupBy(recorder.deliveries, ({ messageId }) => messageId)
    for (const delivery of held) assert.deepEqual(came.get(delivery.messageId), [delivery])
    const spent = recorder.deliveries.reduce((sum, { deliveryAttempt }) => sum + deliveryAttempt - 1, 0)
    void t.annotate(`attempts ${spent}; refused ${recorder.refused}; streams begun ${recorder.streamsBegun}`)
    assert.equal(spent, recorder.refused, 'only what was let go costs an attempt')
    assert.equal(recorder.deliveries.length, 5000, 'each came once')
    rig.ack(kept)
  })

  test('bytes: the limit is never exceeded; acking lets delivery continue', async (t) => {
    const bound = 2_000_000
    let bytes = 0
    let most = 0
    let acking = false
    const ack = (deliveries: readonly PulledDelivery[], rig: Rig) => {
      bytes -= bytesOf(deliveries)
      rig.ack(deliveries)
    }
    await using rig = await startRig(host, {
      maxOutstandingBytes: bound,
      onReceive: (deliveries, rig) => {
        bytes += bytesOf(deliveries)
        most = Math.max(most, bytes)
        if (acking) setImmediate(() => ack(deliveries, rig))
      },
    })
    const { recorder } = rig
    await rig.publish(numbered(100).map(({ data }) => ({ data, attributes: { fill: 'x'.repeat(1000) } })))
    await rig.publish(
      numbered(60, 100).map(({ data }) => ({ data: Buffer.concat([data, Buffer.alloc(100_000)]) })),
    )
    start(rig)
    await recorder.until('full', () => !rig.source.wantsMore && recorder.streamsAlive === 0)
    acking = true
    ack(recorder.deliveries.slice(), rig)
    await recorder.until('all 160', () => uniqueTexts(rig) === 160, 60_000)
    assert.ok(most <= bound, `${most} bytes held at once`)
    void t.annotate(`most ${most} bytes; attempts ${recorder.attempts.join()}; refused ${recorder.refused}`)
  })

  test('a message larger than the limit passes, alone', async () => {
    let together = 0
    await using rig = await startRig(host, {
      maxOutstandingBytes: 100_000,
      onReceive: (deliveries, rig) => {
        if (deliveries.some(({ data }) => data.length > 100_000)) together = rig.recorder.holding
        ackLater(deliveries, rig)
      },
    })
    await rig.publish([{ data: Buffer.alloc(300_000) }])
    await rig.publish(numbered(10))
    start(rig)
    await rig.recorder.until('all 11', () => uniqueTexts(rig) === 11, 60_000)
    assert.equal(together, 1)
  })
})
