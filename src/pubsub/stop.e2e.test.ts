import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import {
  assertEachOnce,
  numbered,
  passDeadlines,
  start,
  startEmulator,
  startRig,
} from '../../test/support/pubsub.ts'

const emulator = await startEmulator()
const { emulatorHost: host } = emulator
afterAll(() => emulator.stop())

/** A process that holds ten messages, acks five of them, closes, says so, and has nothing left to do. */
const program = `
  import { connectPubsub } from '#pubsub/client.ts'
  import { PubsubSource } from '#pubsub/source.ts'
  import { noLogger } from '#core/logger.ts'
  import { systemClock } from '#runtime/clock.ts'
  const [emulatorHost, subscription] = process.argv.slice(-2)
  const clients = await connectPubsub({ projectId: 'test-project', emulatorHost })
  const source = new PubsubSource({
    clients, subscription, ackDeadlineMs: 60_000, maxOutstandingMessages: 1000, maxOutstandingBytes: 1e6,
    streams: 2, clock: systemClock, logger: noLogger, observer: {}, onFatal: () => {},
  })
  const held = []
  source.start(async (deliveries) => {
    held.push(...deliveries)
    if (held.length < 10) return
    source.ack(held.slice(0, 5))
    await source.close()
    await clients.close()
    console.log('closed')
  })
`

describe('stopping on an emulator', { concurrent: true }, () => {
  test('hold accepts what is on its way and then no more; resume continues; nothing is lost', async () => {
    await using rig = await startRig(host, { streams: 4 })
    const { recorder } = rig
    await rig.publish(4000)
    start(rig)
    for (const count of [200, 1200, 2500]) {
      await recorder.untilReceived(count)
      rig.source.hold()
      await recorder.until('no stream is left', () => recorder.streamsAlive === 0)
      rig.source.resume()
    }
    await recorder.untilReceived(4000)
    rig.source.hold()
    await recorder.until('no stream is left', () => recorder.streamsAlive === 0)
    await rig.publish(numbered(10, 4000))
    await passDeadlines(host, 1)
    assertEachOnce(recorder, 4000)
    rig.source.resume()
    await recorder.untilReceived(4010)
    assertEachOnce(recorder, 4010)
    assert.deepEqual(recorder.attempts, [1])
    assert.ok(recorder.mostStreamsAlive <= 4)
  })

  test('after stop nothing arrives, and leases are kept; close sends the acks that it was given', async () => {
    await using rig = await startRig(host)
    await using other = await startRig(host, { subscription: rig.subscription })
    const { recorder } = rig
    await rig.publish(3000)
    start(rig)
    await recorder.untilReceived(300)
    await rig.source.stop()
    const taken = recorder.deliveries.slice()
    assert.equal(recorder.streamsAlive, 0)
    await rig.publish(numbered(100, 3000))
    start(other)
    const rest = 3100 - taken.length
    await other.recorder.untilReceived(rest)
    await passDeadlines(host, 1)
    assert.equal(recorder.deliveries.length, taken.length)
    assertEachOnce(other.recorder, rest)
    rig.ack(taken)
    await rig.source.close()
    assert.equal(
      recorder.done('ack').reduce((sum, { ids }) => sum + ids, 0),
      taken.length,
    )
    await passDeadlines(host, 1)
    assertEachOnce(other.recorder, rest)
    assert.deepEqual(other.recorder.attempts, [1])
  })

  test('after source and clients are closed, nothing keeps the process alive', async () => {
    await using rig = await startRig(host)
    await rig.publish(10)
    const child = spawn(
      process.execPath,
      ['--input-type=module', '--eval', program, '--', host, rig.subscription],
      { cwd: resolve(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exited = once(child, 'exit')
    const [line] = (await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) })) as [Buffer]
    assert.equal(line.toString().trim(), 'closed')
    const closedAt = performance.now()
    const limit = setTimeout(() => child.kill('SIGKILL'), 10_000)
    assert.deepEqual(await exited, [0, null])
    clearTimeout(limit)
    assert.ok(performance.now() - closedAt < 2000, 'it ended late')
  })
})
