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
  test(`after an outage as much is taken at a time as before it: ${what}`, async () => {
    // A stream that asks for a little less than its share is left as it is.
    const atLeast = asked * 0.75
    let acking = false
    await using rig = await startRig(host, {
      ...options,
      streams: 2,
      onReceive: (deliveries, rig) => acking && setImmediate(() => rig.ack(deliveries)),
    })
    const { recorder } = rig
    await rig.publish(messages)
    start(rig)
    await recorder.until('as much as it asks for', () => recorder.holding >= atLeast)
    rig.source.hold()
    await recorder.until('no stream', () => recorder.streamsAlive === 0)
    // Now there is room for a few only, and that is what the streams ask for at first.
    rig.source.resume()
    await recorder.until('streams', () => recorder.streamsAlive > 0)
    acking = true
    rig.ack(recorder.deliveries.slice())
    await recorder.untilReceived(2000)
    acking = false
    await recorder.until('as much as before', () => recorder.holding >= atLeast)
  })
}
