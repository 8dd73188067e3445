import assert from 'node:assert/strict'
import { afterAll, describe, test } from 'vitest'
import type { Rig } from '../../test/support/pubsub.ts'
import {
  assertEachOnce,
  numbered,
  passDeadlines,
  start,
  startEmulator,
  startRig,
} from '../../test/support/pubsub.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'
import { connectPubsub, grpcStatus, statusOf } from './client.ts'

const emulator = await startEmulator()
const { emulatorHost: host, port } = emulator
afterAll(() => emulator.stop())

/**
 * Resolves when messages that are published now arrive. The official emulator keeps streams whose connection broke and
 * goes on sending to them (measured), so of several requests some are lost until their deadline passes.
 */
async function arrives(rig: Rig): Promise<void> {
  const before = rig.recorder.deliveries.length
  await rig.recorder.until('all streams', () => rig.recorder.open === 2)
  for (const message of numbered(30)) await rig.publish([message])
  await rig.recorder.until('some of 30 messages', () => rig.recorder.deliveries.length > before, 5000)
}

describe('reconnecting to an emulator', { concurrent: true }, () => {
  test('streams are reopened after their connection was cut', async () => {
    await using proxy = await TcpProxy.to(port)
    await using rig = await startRig(host, { through: proxy.address })
    start(rig)
    for (let i = 0; i < 3; i++) {
      await rig.recorder.until('both streams', () => rig.recorder.open === 2)
      proxy.cut()
      await rig.recorder.until('the loss', () => rig.recorder.open < 2)
      await arrives(rig)
    }
    assert.equal(rig.recorder.mostStreamsAlive, 2)
    assert.deepEqual(rig.recorder.fatal, [])
  })

  test('while there is no server it retries now and then, and is back soon after', async () => {
    await using proxy = await TcpProxy.to(port)
    await using rig = await startRig(host, { through: proxy.address })
    start(rig)
    await rig.recorder.until('both streams', () => rig.recorder.open === 2)
    const before = rig.recorder.streamsBegun
    await proxy.refuse()
    await passDeadlines(host, 1)
    const tries = rig.recorder.streamsBegun - before
    assert.ok(tries >= 4 && tries <= 20, `${tries} tries of 2 streams in a deadline`)
    await proxy.accept()
    await arrives(rig)
    assert.equal(rig.recorder.mostStreamsAlive, 2)
  })

  test('in a long outage the channel, too, keeps trying to connect', async () => {
    await using proxy = await TcpProxy.to(port)
    await using rig = await startRig(host, { through: proxy.address })
    start(rig)
    await rig.recorder.until('both streams', () => rig.recorder.open === 2)
    proxy.turnAway()
    await passDeadlines(host, 1)
    const before = proxy.connections
    await passDeadlines(host, 1)
    const tries = proxy.connections - before
    assert.ok(tries >= 3 && tries <= 20, `${tries} connections in a deadline`)
  })

  test('an ack survives an outage', async () => {
    await using proxy = await TcpProxy.to(port)
    await using rig = await startRig(host, { through: proxy.address })
    await using other = await startRig(host, { subscription: rig.subscription })
    await rig.publish(200)
    start(rig)
    await rig.recorder.untilReceived(200)
    const [first, second] = [rig.recorder.deliveries.slice(0, 100), rig.recorder.deliveries.slice(100)]
    rig.source.hold()
    await rig.recorder.until('no stream is left', () => rig.recorder.streamsAlive === 0)
    await proxy.refuse()
    rig.ack(first)
    await rig.recorder.until('a failed ack', () =>
      rig.recorder.calls.some(({ kind, failed }) => kind === 'ack' && failed === true),
    )
    await proxy.accept()
    await rig.recorder.until('the first ack', () => rig.recorder.done('ack').length === 1)
    proxy.freeze()
    rig.ack(second)
    await rig.recorder.until('an ack underway', () => rig.recorder.calls.at(-1)?.failed === undefined)
    proxy.thaw()
    await rig.recorder.until('the second ack', () => rig.recorder.done('ack').length === 2)
    start(other)
    await passDeadlines(host, 1)
    assert.equal(other.recorder.deliveries.length, 0)
    assertEachOnce(rig.recorder, 200)
  })

  test('a frozen connection that thaws continues', async () => {
    await using proxy = await TcpProxy.to(port)
    await using rig = await startRig(host, { through: proxy.address })
    start(rig)
    await rig.recorder.until('both streams', () => rig.recorder.open === 2)
    proxy.freeze()
    await rig.publish(10)
    proxy.thaw()
    await rig.recorder.untilReceived(10)
    assert.equal(rig.recorder.streamsBegun, 2)
  })

  test('silent streams are replaced, and the service is not ready until one receives something', async () => {
    await using proxy = await TcpProxy.to(port)
    const liveness = { pingMs: 200, silenceMs: 2000 }
    const through = await connectPubsub({ projectId: 'test-project', emulatorHost: proxy.address })
    await using _ = { [Symbol.asyncDispose]: () => through.close() }
    // As Google's service, of which heartbeats are expected.
    const clients = { ...through, isEmulator: false }
    await using rig = await startRig(host, { clients, liveness })
    start(rig)
    await rig.recorder.until('both streams', () => rig.recorder.open === 2)
    // Requests arrive, and whatever is answered is swallowed: no error tells of it.
    proxy.loseReplies()
    await rig.recorder.until('a replaced stream', () =>
      rig.recorder.warnings.some(({ message }) => /not even a heartbeat/.test(message)),
    )
    assert.equal(rig.source.isSilent, true)
    proxy.bringReplies()
    await arrives(rig)
    assert.equal(rig.source.isSilent, false)
  })

  test('a deleted subscription is fatal, and reported once', async () => {
    await using rig = await startRig(host, { streams: 4 })
    await rig.publish(10)
    start(rig)
    await rig.recorder.untilReceived(10)
    await rig.recorder.until('all streams', () => rig.recorder.open === 4)
    await rig.clients.subscriber.deleteSubscription({ subscription: rig.subscription })
    await rig.recorder.until('the fatal error', () => rig.recorder.fatal.length > 0)
    await rig.recorder.until('the end of all streams', () => rig.recorder.streamsAlive === 0)
    rig.ack(rig.recorder.deliveries)
    await rig.source.close()
    assert.deepEqual(rig.recorder.fatal.map(statusOf), [grpcStatus.notFound])
    assert.equal(rig.recorder.streamsBegun, 4)
  })

  test('a missing subscription is fatal, and reported once', async () => {
    await using rig = await startRig(host, { subscription: 'projects/test-project/subscriptions/nobody' })
    start(rig)
    await rig.recorder.until('the fatal error', () => rig.recorder.fatal.length > 0)
    await rig.source.stop()
    assert.deepEqual(rig.recorder.fatal.map(statusOf), [grpcStatus.notFound])
  })
})
