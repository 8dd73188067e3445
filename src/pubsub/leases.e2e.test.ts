import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import { assertEachOnce, passDeadlines, start, startEmulator, startRig } from '../../test/support/pubsub.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'

const emulator = await startEmulator()
const { emulatorHost: host, port } = emulator
afterAll(() => emulator.stop())

describe('leases on an emulator', { concurrent: true }, () => {
  test('are kept as long as deliveries are outstanding', async () => {
    await using rig = await startRig(host)
    await rig.publish(3000)
    start(rig)
    await rig.recorder.untilReceived(3000)
    await passDeadlines(host, 3)
    assertEachOnce(rig.recorder, 3000)
    assert.deepEqual(rig.recorder.attempts, [1])
    assert.equal(rig.recorder.lost, 0)
  })

  test('are kept while the streams are closed', async () => {
    await using rig = await startRig(host)
    await using other = await startRig(host, { subscription: rig.subscription })
    await rig.publish(100)
    start(rig)
    await rig.recorder.untilReceived(100)
    rig.source.hold()
    await rig.recorder.until('no stream is left', () => rig.recorder.streamsAlive === 0)
    start(other)
    await passDeadlines(host, 2)
    assert.equal(other.recorder.deliveries.length, 0)
    rig.ack(rig.recorder.deliveries)
    await rig.recorder.until('the ack', () => rig.recorder.done('ack').length === 1)
    await passDeadlines(host, 1)
    assert.equal(other.recorder.deliveries.length, 0)
    assert.equal(rig.recorder.lost, 0)
  })

  test('are kept through an outage that is shorter than the deadline', async () => {
    await using proxy = await TcpProxy.to(port)
    await using rig = await startRig(host, { through: proxy.address })
    await using other = await startRig(host, { subscription: rig.subscription })
    await rig.publish(100)
    start(rig)
    await rig.recorder.untilReceived(100)
    rig.source.hold()
    await rig.recorder.until('no stream is left', () => rig.recorder.streamsAlive === 0)
    start(other)
    const extended = async () => {
      const before = rig.recorder.done('extend').length
      await rig.recorder.until('an extension', () => rig.recorder.done('extend').length > before)
    }
    proxy.cut()
    await extended()
    await proxy.refuse()
    await rig.recorder.until('a failure', () => rig.recorder.calls.some(({ failed }) => failed === true))
    await proxy.accept()
    await extended()
    await passDeadlines(host, 1)
    assert.equal(rig.recorder.lost, 0)
    assert.equal(other.recorder.deliveries.length, 0)
  })

  test('that could not be kept are counted; the late ack does no harm', async () => {
    await using proxy = await TcpProxy.to(port)
    await using rig = await startRig(host, { through: proxy.address })
    await using other = await startRig(host, { subscription: rig.subscription })
    await rig.publish(100)
    start(rig)
    await rig.recorder.untilReceived(100)
    // The emulator would go on sending to streams that are frozen.
    rig.source.hold()
    await rig.recorder.until('no stream is left', () => rig.recorder.streamsAlive === 0)
    proxy.freeze()
    start(other)
    await rig.recorder.until('lost leases', () => rig.recorder.lost > 0)
    await other.recorder.untilReceived(100)
    assert.deepEqual(other.recorder.attempts, [2])
    other.ack(other.recorder.deliveries)
    await other.source.close()
    proxy.thaw()
    rig.ack(rig.recorder.deliveries)
    await rig.recorder.until('the late ack', () => rig.recorder.done('ack').length === 1)
    rig.source.resume()
    await rig.publish(10)
    await rig.recorder.untilReceived(110)
    await passDeadlines(host, 1)
    assert.equal(rig.recorder.deliveries.length, 110)
    assert.equal(rig.recorder.lost, 100)
    assert.deepEqual(rig.recorder.fatal, [])
  })
})
