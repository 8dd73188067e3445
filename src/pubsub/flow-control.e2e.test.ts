import assert from 'node:assert/strict'
import { afterAll, test } from 'vitest'
import { start, startEmulator, startRig } from '../../test/support/pubsub.ts'

const emulator = await startEmulator()
const { emulatorHost: host } = emulator
afterAll(() => emulator.stop())

const messageBytes = 10_000
const messages = Array.from({ length: 3000 }, () => ({ data: Buffer.alloc(messageBytes) }))

/** Each with the messages that the source asks for under it: 80% of each bound, where a byte of data counts as three. */
const bounds = [
  { what: 'messages', options: { maxOutstandingMessages: 500 }, asked: 400 },
  { what: 'bytes', options: { maxOutstandingBytes: 500 * messageBytes }, asked: 133 },
]

for (const { what, options, asked } of bounds) {
  test(`after an outage as much is delivered at a time as before it: ${what}`, async () => {
    let acking = false
    await using rig = await startRig(host, {
      ...options,
      streams: 2,
      onReceive: (deliveries, rig) => acking && setImmediate(() => rig.ack(deliveries)),
    })
    const { recorder } = rig
    await rig.publish(messages)
    start(rig)
    await recorder.until('as much as it asks for', () => recorder.holding >= asked * 0.75)
    rig.source.hold()
    await recorder.until('no stream', () => recorder.streamsAlive === 0)
    // Now there is room for a few only, and that is what the streams ask for at first.
    rig.source.resume()
    await recorder.until('streams', () => recorder.streamsAlive > 0)
    acking = true
    rig.ack(recorder.deliveries.slice())
    await recorder.untilReceived(2000)
    acking = false
    // A stream is left as it is if it asks for a little less than its share of the room at that moment, some of which may be
    // taken. Those that began with room for a few hold no tenth of it.
    await recorder.until('as much as before', () => recorder.holding >= asked * 0.6)
  })
}

test('a process that is stalled while its streams end receives what has arrived meanwhile', async () => {
  let stalled = false
  await using rig = await startRig(host, {
    onReceive: (_, rig) => {
      if (stalled) return
      stalled = true
      rig.source.hold()
      standStill(3000)
    },
  })
  await rig.publish(messages.slice(0, 2000))
  start(rig)
  const { recorder } = rig
  await recorder.until('no stream', () => stalled && recorder.streamsAlive === 0)
  rig.source.resume()
  await recorder.untilReceived(2000)
  assert.deepEqual([recorder.attempts, recorder.deliveries.length], [[1], 2000])
})

/** As under a scheduler that gives the process no time: its timers are late, and what came meanwhile is not read. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
