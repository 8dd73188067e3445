import assert from 'node:assert/strict'
import { test } from 'vitest'
import { FakeSubscriber } from '../../test/support/fake-subscriber.ts'
import type { FakeStream } from '../../test/support/fake-subscriber.ts'
import { Recorder } from '../../test/support/pubsub.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { PubsubSourceOptions } from './source.ts'
import { PubsubSource } from './source.ts'

/** The first pause before a stream is opened again, and a little. */
const reopenMs = 250

/** Room for 100 messages of 10,000 bytes in all; two streams. */
function started(overrides: Partial<PubsubSourceOptions> = {}) {
  const server = new FakeSubscriber()
  const clock = new VirtualClock()
  const recorder = new Recorder()
  const source = new PubsubSource({
    clients: server.clients,
    subscription: 's',
    ackDeadlineMs: 12_000,
    maxOutstandingMessages: 100,
    maxOutstandingBytes: 1_000_000,
    streams: 2,
    clock,
    logger: recorder.logger,
    observer: recorder,
    onFatal: (error) => recorder.fatal.push(error),
    ...overrides,
  })
  source.start((deliveries) => recorder.receive(deliveries))
  const stream = (i = 0) => server.alive[i] as FakeStream
  return { server, clock, recorder, source, stream }
}

test('a stream that ends with OK is replaced', async () => {
  const { server, clock, stream } = started()
  stream().endOk()
  assert.equal(server.alive.length, 1)
  await clock.advance(reopenMs)
  assert.equal(server.alive.length, 2)
})

test('a stream with an undecodable response is closed with a log line, and replaced', async () => {
  const { server, clock, recorder, stream } = started({ streams: 1 })
  const garbage = stream()
  garbage.emit('data', Buffer.from('garbage'))
  assert.equal(garbage.cancelled, true)
  assert.equal(recorder.deliveries.length, 0)
  assert.match(String(recorder.warnings[0]?.fields['error']), /wire type|ends in the middle/)
  await clock.advance(reopenMs)
  stream().deliver(1)
  assert.equal(recorder.deliveries.length, 1)
  assert.equal(server.streams.length, 2)
})

test('a server that ends or rejects every stream is asked with growing delays', async () => {
  const { server, clock, stream } = started({ streams: 1 })
  const opened: number[] = []
  const end = (one: FakeStream, minute: number) => (minute % 2 === 0 ? one.fail(14) : one.endOk())
  for (let minute = 0; minute < 5; minute++) {
    const before = server.streams.length
    for (let ms = 0; ms < 60_000; ms += 10) {
      if (server.alive.length > 0) end(stream(), minute)
      await clock.advance(10)
    }
    opened.push(server.streams.length - before)
  }
  assert.ok((opened[0] ?? 0) <= 35, opened.join())
  for (const count of opened.slice(1)) assert.ok(count >= 11 && count <= 25, opened.join())
})

test('streams that requested little are replaced when there is room again, one at a time', async () => {
  const { server, clock, source, stream, recorder } = started()
  const asked = () => server.alive.map(({ request }) => request.maxOutstandingMessages)
  stream().deliver(78)
  source.hold()
  for (const one of server.alive) one.endOk()
  source.resume()
  await clock.advance(2000)
  assert.deepEqual(asked(), [1, 1])
  source.ack(recorder.deliveries)
  const halfClosed = () => server.alive.filter((one) => one.halfClosed > 0)
  assert.equal(halfClosed().length, 1)
  halfClosed()[0]?.endOk()
  // The other one is all there is until the new one is open.
  stream().deliver(1)
  source.ack(recorder.deliveries.slice(-1))
  assert.equal(halfClosed().length, 0)
  await clock.advance(reopenMs)
  server.alive[1]?.emit('metadata')
  assert.equal(halfClosed().length, 1)
  halfClosed()[0]?.endOk()
  await clock.advance(2000)
  assert.deepEqual(asked(), [40, 40])
})

test('a delivery makes the next reopening prompt again', async () => {
  const { server, clock, stream } = started({ streams: 1 })
  for (let i = 0; i < 10; i++) {
    stream().fail(14)
    await clock.advance(10_000)
  }
  stream().deliver(1)
  stream().fail(14)
  await clock.advance(reopenMs)
  assert.equal(server.alive.length, 1)
})

test('the limits are divided among the streams, less what is outstanding', async () => {
  const { server, clock, recorder, source, stream } = started()
  const asked = () => server.alive.map(({ request }) => request.maxOutstandingMessages)
  const askedBytes = server.alive.map(({ request }) => request.maxOutstandingBytes)
  assert.deepEqual(asked(), [40, 40])
  assert.deepEqual(askedBytes, [133_333, 133_333])
  stream().deliver(30)
  source.hold()
  for (const one of server.alive) one.endOk()
  source.resume()
  await clock.advance(reopenMs)
  assert.deepEqual(asked(), [25, 25])
  assert.equal(recorder.holding, 30)
})

test('around the watermarks streams do not flap, and never exceed what was configured', async () => {
  const { server, clock, recorder, source, stream } = started()
  const settle = (count: number) => {
    for (let i = 0; i < count; i++) source.ack(recorder.deliveries.splice(0, 1))
  }
  stream().deliver(89)
  assert.deepEqual(
    server.alive.map((one) => one.halfClosed),
    [0, 0],
  )
  stream().deliver(1)
  assert.equal(source.wantsMore, false)
  settle(49)
  assert.equal(source.wantsMore, false, '41 are held')
  settle(1)
  assert.equal(source.wantsMore, true, '40 are held')
  await clock.advance(1000)
  assert.equal(server.streams.length, 2, 'streams that drain still count')
  stream().deliver(40)
  settle(40)
  stream().deliver(40)
  settle(40)
  assert.deepEqual(
    server.alive.map((one) => one.halfClosed),
    [1, 1],
    'each is half-closed once',
  )
  for (const one of server.alive) one.endOk()
  await clock.advance(reopenMs)
  assert.equal(server.alive.length, 2)
  assert.deepEqual(
    server.alive.map((one) => one.halfClosed),
    [0, 0],
  )
})

test('at a hard limit excess messages are dropped, and the streams are ended gracefully', () => {
  const { server, recorder, source, stream } = started()
  stream().deliver(70)
  stream(1).deliver(70)
  assert.equal(recorder.deliveries.length, 100)
  assert.equal(recorder.refused, 40)
  assert.deepEqual(
    server.alive.map(({ halfClosed, cancelled }) => [halfClosed, cancelled]),
    [
      [1, false],
      [1, false],
    ],
  )
  source.ack(recorder.deliveries.slice(0, 30))
  stream().deliver(30)
  assert.equal(recorder.refused, 40, 'there is room again for what was on its way')
})

test('what a cancelled stream still had is not accepted', async () => {
  const { clock, recorder, source, stream } = started({ streams: 1 })
  const cancelled = stream()
  const stopped = source.stop()
  await clock.advance(2000)
  await stopped
  assert.equal(cancelled.cancelled, true)
  cancelled.deliver(1)
  assert.equal(recorder.deliveries.length, 0)
  assert.equal(clock.timers, 0)
})

test('nothing more is requested until a dropped message has room, or it would age by being dropped again', async () => {
  const { server, clock, recorder, source, stream } = started()
  stream().deliver(4, 33_400)
  stream().deliver(1, 233_000)
  assert.equal(recorder.refused, 1)
  for (const one of server.alive) one.endOk()
  await clock.advance(60_000)
  assert.deepEqual([server.streams.length, server.alive.length], [2, 0])
  source.ack(recorder.deliveries.slice(0, 1))
  await clock.advance(1000)
  assert.equal(server.alive.length, 0, '0.3 MB are held, 0.7 MB are free less the overheads')
  source.ack(recorder.deliveries.slice(1, 2))
  await clock.advance(1000)
  assert.equal(server.alive.length, 2)
})

test('a message larger than the limit passes alone', async () => {
  const { server, clock, recorder, source, stream } = started()
  stream().deliver(1)
  stream().deliver(1, 3_000_000)
  assert.equal(recorder.refused, 1)
  for (const one of server.alive) one.endOk()
  await clock.advance(10_000)
  assert.equal(server.alive.length, 0)
  source.ack(recorder.deliveries)
  await clock.advance(1000)
  stream().deliver(1, 3_000_000)
  assert.equal(recorder.deliveries.length, 2)
  assert.equal(source.wantsMore, false)
})

test('draining streams are left alone while one of them receives anything, then closed', async () => {
  const { clock, recorder, source, stream } = started()
  const [busy, silent] = [stream(0), stream(1)]
  const cut = () => [busy.cancelled, silent.cancelled]
  source.hold()
  for (let i = 0; i < 4; i++) {
    await clock.advance(1900)
    busy.deliver(1)
  }
  // What waits for it may stand behind the other's data.
  assert.deepEqual(cut(), [false, false])
  silent.deliver(1)
  assert.equal(recorder.deliveries.length, 5)
  await clock.advance(1900)
  assert.deepEqual(cut(), [false, false])
  await clock.advance(600)
  assert.deepEqual(cut(), [true, true])
})

test('a server that ignores the half-close is cut off when the deadline has passed', async () => {
  const { clock, source, stream } = started()
  const endless = stream()
  const stopped = source.stop()
  for (let ms = 0; ms < 12_000; ms += 1000) {
    assert.equal(endless.cancelled, false)
    endless.deliver(1)
    await clock.advance(1000)
  }
  assert.equal(endless.cancelled, true)
  await stopped
})

test('a fatal error is reported once; other streams are ended, none is opened, stop resolves', async () => {
  const { server, clock, recorder, source, stream } = started()
  stream().deliver(1)
  const other = stream(1)
  stream().fail(7)
  assert.equal(other.halfClosed, 1)
  source.ack(recorder.deliveries)
  source.hold()
  source.resume()
  const stopped = source.stop()
  other.fail(5)
  await stopped
  await clock.advance(60_000)
  assert.equal(recorder.fatal.length, 1)
  assert.equal(server.streams.length, 2)
})

test('stop resolves when the last stream has ended, and accepts what arrives until then', async () => {
  const { clock, recorder, source, stream } = started()
  const [first, last] = [stream(0), stream(1)]
  let stopped = false
  const done = source.stop().then(() => (stopped = true))
  first.endOk()
  await clock.settle()
  assert.equal(stopped, false)
  last.deliver(1)
  last.endOk()
  await done
  assert.equal(recorder.deliveries.length, 1)
})

test('after close no timer is left, even if lease extensions were failing', async () => {
  const { server, clock, source, stream } = started()
  stream().deliver(10)
  server.failure = Object.assign(new Error('away'), { code: 14 })
  await clock.advance(4100)
  assert.ok(server.extended.length > 0)
  const closed = source.close()
  for (const one of server.alive) one.endOk()
  await closed
  await clock.settle()
  assert.equal(clock.timers, 0)
})

test('leases are extended each third of the deadline; lost ones are counted once and left alone', async () => {
  const { server, clock, recorder, source, stream } = started()
  stream().deliver(10)
  await clock.advance(3 * 4000)
  assert.deepEqual(
    server.extended.map((ids) => ids.length),
    [10, 10, 10],
  )
  server.failure = Object.assign(new Error('away'), { code: 14 })
  await clock.advance(24_000)
  assert.equal(recorder.lost, 10)
  server.failure = undefined
  const asked = server.extended.length
  await clock.advance(12_000)
  assert.equal(server.extended.length, asked)
  source.ack(recorder.deliveries)
  await clock.settle()
  assert.deepEqual(
    server.acked.map((ids) => ids.length),
    [10],
  )
})

test('a message that waits keeps neither its neighbours nor their response', async () => {
  const { clock, recorder, source, stream } = started()
  stream().deliver(10, 20_000)
  const [waiting = assert.fail(), ...others] = recorder.deliveries
  const [before, id] = [waiting.data.buffer.byteLength, waiting.ackId]
  assert.ok(before > 200_000, `${before} bytes`)
  source.ack(others)
  await clock.advance(4000)
  assert.ok(waiting.data.buffer.byteLength < before / 2, `${waiting.data.buffer.byteLength} bytes`)
  assert.deepEqual([waiting.ackId, waiting.data.length], [id, 20_000])
  const { response } = waiting.lease ?? assert.fail()
  assert.deepEqual(response.deliveries, [waiting])
})

test('a failed extension is retried before the next one is due', async () => {
  const { server, clock, recorder, stream } = started()
  stream().deliver(10)
  server.failure = Object.assign(new Error('away'), { code: 14 })
  await clock.advance(4000)
  assert.equal(server.extended.length, 1)
  server.failure = undefined
  await clock.advance(1000)
  assert.equal(server.extended.length, 2)
  assert.equal(recorder.warnings.length, 0)
})

test('an extension is retried to the end of its third of the deadline, at least once a second', async () => {
  for (let run = 0; run < 20; run++) {
    const { server, clock, recorder, stream } = started()
    stream().deliver(10)
    server.failure = Object.assign(new Error('away'), { code: 14 })
    await clock.advance(4000 + 2900)
    server.failure = undefined
    await clock.advance(1000)
    assert.deepEqual(recorder.warnings, [])
    assert.equal(recorder.lost, 0)
  }
})

test('acks of one tick are sent together, nacks apart; settling twice sends nothing twice', async () => {
  const { server, clock, recorder, source, stream } = started()
  stream().deliver(20)
  const all = recorder.deliveries
  for (const delivery of all.slice(0, 10)) source.ack([delivery])
  source.nack(all.slice(10))
  source.ack(all)
  await clock.settle()
  assert.deepEqual(
    [server.acked.map((ids) => ids.length), server.nacked.map((ids) => ids.length)],
    [[10], [10]],
  )
})

test('an ack is retried for a deadline, and no longer', async () => {
  const { server, clock, recorder, source, stream } = started()
  stream().deliver(2)
  server.failure = Object.assign(new Error('away'), { code: 14 })
  source.ack(recorder.deliveries.slice(0, 1))
  await clock.advance(6000)
  server.failure = undefined
  await clock.advance(5000)
  const tries = server.acked.length
  assert.ok(tries >= 3 && tries <= 8, `${tries} tries`)
  assert.equal(recorder.warnings.length, 0)
  server.failure = Object.assign(new Error('away'), { code: 14 })
  source.ack(recorder.deliveries.slice(1))
  await clock.advance(12_001)
  assert.match(recorder.warnings.map(({ message }) => message).join(), /giving up on acks/)
})

const quickly = { pingMs: 30_000, silenceMs: 90_000 }

test('streams are pinged at once and every 30 s', async () => {
  const { clock, stream } = started({ streams: 1, liveness: quickly })
  const one = stream()
  assert.equal(one.pings, 1)
  for (let seconds = 0; seconds < 300; seconds += 5) {
    one.heartbeat()
    await clock.advance(5000)
  }
  assert.ok(one.pings >= 9 && one.pings <= 11, `${one.pings} pings in 5 minutes`)
  assert.equal(one.halfClosed, 0, 'a stream that answers is kept')
})

test('a stream that is silent for 90 s is replaced gracefully, with a log line, one at a time', async () => {
  let silent = 0
  const observer = Object.assign(new Recorder(), { streamSilent: () => (silent += 1) })
  const { server, clock, recorder, source, stream } = started({ liveness: quickly, observer })
  const [one, two] = [stream(0), stream(1)]
  two.heartbeat()
  await clock.advance(60_000)
  two.heartbeat()
  await clock.advance(35_000)
  assert.deepEqual([one.halfClosed, two.halfClosed, silent], [1, 0, 1])
  assert.match(recorder.warnings[0]?.message ?? '', /brought nothing, not even a heartbeat; replacing it/)
  assert.equal(source.isSilent, false, 'the other one is alive')
  one.endOk()
  await clock.advance(reopenMs)
  assert.equal(server.alive.length, 2)
})

test('all streams silent: not ready until one receives something, whatever was replaced meanwhile', async () => {
  const { server, clock, source, stream } = started({ liveness: quickly })
  for (const one of server.alive) one.heartbeat()
  await clock.advance(85_000)
  assert.equal(source.isSilent, false)
  await clock.advance(60_000)
  assert.equal(source.isSilent, true)
  assert.ok(server.streams.length > 2, 'they were replaced')
  stream().heartbeat()
  assert.equal(source.isSilent, false)
})

test('a server that never sent a heartbeat is not considered dead: its streams are replaced without a log line', async () => {
  const { server, clock, recorder, source } = started({ liveness: quickly })
  await clock.advance(300_000)
  assert.equal(source.isSilent, false)
  assert.ok(server.streams.length >= 6, `${server.streams.length} streams`)
  assert.deepEqual(recorder.warnings, [])
})

test('a stream on a channel that is not connected does not count as open', async () => {
  const server = new FakeSubscriber()
  let connected = false
  const clients = { ...server.clients, isConnected: () => connected }
  const { clock, source } = started({ clients, streams: 1 })
  await clock.advance(5000)
  assert.equal(source.streamsOpen, 0)
  connected = true
  await clock.advance(1000)
  assert.equal(source.streamsOpen, 1)
})
