import { after, test } from 'node:test'
import { start, startEmulator, startRig } from '../../test/support/pubsub.ts'

const emulator = await startEmulator()
const { emulatorHost: host } = emulator
after(() => emulator.stop())

const bound = 500
/** The source asks for 80% of it; a stream that asks for a little less than its share is left as it is. */
const askedAtLeast = bound * 0.6

test('after an outage as much is taken at a time as before it', async () => {
  let acking = false
  await using rig = await startRig(host, {
    maxOutstandingMessages: bound,
    streams: 2,
    onReceive: (deliveries, rig) => acking && setImmediate(() => rig.ack(deliveries)),
  })
  const { recorder } = rig
  await rig.publish(3000)
  start(rig)
  await recorder.until('as much as it asks for', () => recorder.holding >= askedAtLeast)
  rig.source.hold()
  await recorder.until('no stream', () => recorder.streamsAlive === 0)
  // Now there is room for a few only, and that is what the streams ask for at first.
  rig.source.resume()
  await recorder.until('streams', () => recorder.streamsAlive > 0)
  acking = true
  rig.ack(recorder.deliveries.slice())
  await recorder.untilReceived(2000)
  acking = false
  await recorder.until('as much as before', () => recorder.holding >= askedAtLeast)
})
