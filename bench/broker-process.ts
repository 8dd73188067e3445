// The broker's process: the embedded emulator, or the stub broker, loaded before it says that it is ready. It counts
// acks and reports when a mark is reached, so that the ingester need not be asked.
import { setTimeout as wait } from 'node:timers/promises'
import { startEmulator } from '#emulator/emulator.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { startStubBroker } from './stub-broker.ts'
import type { BrokerCounts, BrokerOptions, FromBroker, Published, ToBroker } from './broker.ts'
import { projectId, subscription, topic } from './broker.ts'
import { dataOf } from './workload.ts'

/** Monotonic, and on the clock of the other processes on this machine; in ms with fractions. */
const unixMs = () => performance.timeOrigin + performance.now()
const reportEveryMs = 500
const loadAtOnce = 1000

const options = JSON.parse(process.argv[2] ?? '') as BrokerOptions
const { workload } = options
const report = (message: FromBroker) => process.send?.(message)
// The parent is gone.
process.once('disconnect', () => process.exit())

const marks = options.marks.toSorted((a, b) => a - b)
function acked(count: number): void {
  while (marks.length > 0 && (marks[0] as number) <= count) {
    // What goes with a mark must be as new as it is.
    report({ kind: 'counts', counts: counts() })
    report({ kind: 'reached', mark: marks.shift() as number, unixMs: unixMs() })
  }
}

const began = performance.now()
const counts = options.kind === 'stub' ? await serveStub() : await serveEmulator()
setInterval(() => report({ kind: 'counts', counts: counts() }), reportEveryMs)

async function serveStub(): Promise<() => BrokerCounts> {
  const source = await startStubBroker({
    messages: workload.messages,
    dataOf: (i) => dataOf(workload, i),
    preEncode: options.preEncode,
    // So that nothing of what is measured has been worked on before; and what is stale must come after its newest.
    barrier: workload.warmUp,
    onAcked: acked,
  })
  report({ kind: 'ready', emulatorHost: source.emulatorHost, seconds: (performance.now() - began) / 1000 })
  return () => ({ acked: source.acked, modacked: source.modacked })
}

async function serveEmulator(): Promise<() => BrokerCounts> {
  const emulator = await startEmulator({ port: 0 })
  const clients = await connectPubsub({ projectId, emulatorHost: emulator.emulatorHost })
  await clients.publisher.createTopic({ name: topic })
  await clients.subscriber.createSubscription({ name: subscription, topic, ackDeadlineSeconds: 30 })
  await clients.close()

  let count = 0
  /** Of message 0; the others' ids follow. */
  let firstId = 0
  const published: Published = {
    publishedMs: new Float64Array(workload.messages),
    ackedMs: new Float64Array(workload.messages),
  }
  emulator.faults.beforeAck = async ({ messages }) => {
    const now = unixMs()
    for (const { messageId } of messages) published.ackedMs[Number(messageId) - firstId] = now
    count += messages.length
    acked(count)
  }
  const publish = (from: number, to: number) => {
    const messages = Array.from({ length: to - from }, (_, n) => ({ data: dataOf(workload, from + n) }))
    const [id] = emulator.publish(topic, messages)
    if (from === 0) firstId = Number(id)
  }
  if (options.publishPerSecond === undefined) await load(publish)
  else {
    process.on('message', (message: ToBroker) => {
      if (message.kind === 'publish')
        void publishAtRate(options.publishPerSecond as number, publish, published)
      else report({ kind: 'published', published })
    })
  }
  report({ kind: 'ready', emulatorHost: emulator.emulatorHost, seconds: (performance.now() - began) / 1000 })
  return () => ({ acked: count, modacked: 0 })
}

async function load(publish: (from: number, to: number) => void): Promise<void> {
  for (let from = 0; from < workload.messages; from += loadAtOnce) {
    publish(from, Math.min(workload.messages, from + loadAtOnce))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * Each message when it is due, to about a millisecond. One that is late because other processes had the processor is
 * published at once, and its latency counts from when it was due.
 */
async function publishAtRate(
  perSecond: number,
  publish: (from: number, to: number) => void,
  { publishedMs }: Published,
): Promise<void> {
  const start = performance.now()
  for (let done = 0; done < workload.messages; ) {
    const due = Math.min(workload.messages, 1 + Math.floor(((performance.now() - start) / 1000) * perSecond))
    if (due > done) {
      for (let i = done; i < due; i++)
        publishedMs[i] = performance.timeOrigin + start + (i * 1000) / perSecond
      publish(done, due)
      done = due
    }
    await wait(1)
  }
}
