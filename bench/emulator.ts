// What the Pub/Sub emulator can do: from a backlog to one subscriber that only acks.
//
//   node_modules/.bin/node bench/emulator.ts [messages = 1000000] [runs = 3]
//
// The emulator has a process of its own, which is loaded first (150 bytes a message, by its in-process API); then one
// StreamingPull of the generated client takes everything and acks it on the stream. Reported: the time until it is
// up, messages a second from the opening of the stream to its end, when all acks are done, CPU time of both (from
// /proc, so Linux only), memory per message beyond its payload; for 1,000, 10,000, 100,000 and all messages
// outstanding (acked only when that many have arrived). Medians, and the least and greatest in brackets.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startEmulator } from '#emulator/emulator.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { cpuSeconds } from './process-usage.ts'
import { spreadOf } from './statistics.ts'

const topic = 'projects/bench/topics/bench-topic'
const subscription = 'projects/bench/subscriptions/bench-sub'
const payloadBytes = 150

interface Loaded {
  readonly emulatorHost: string
  readonly upMs: number
  readonly bytesPerMessage: number
}

interface Figures {
  readonly messagesPerSecond: number
  readonly emulatorCpuSecondsPerMillion: number
  readonly subscriberCpuSecondsPerMillion: number
  readonly bytesPerMessageBeyondPayload: number
  readonly upMs: number
}

/** The emulator's process: loads, reports, serves until it is killed. */
async function serve(messages: number): Promise<void> {
  const started = performance.now()
  const emulator = await startEmulator({ port: 0 })
  const upMs = performance.now() - started
  const clients = await connectPubsub({ projectId: 'bench', emulatorHost: emulator.emulatorHost })
  await clients.publisher.createTopic({ name: topic })
  await clients.subscriber.createSubscription({ name: subscription, topic, ackDeadlineSeconds: 600 })
  await clients.close()
  const before = usedBytes()
  for (let done = 0; done < messages; done += 1000) {
    emulator.publish(
      topic,
      Array.from({ length: 1000 }, (_, i) => ({ data: Buffer.alloc(payloadBytes, String(done + i)) })),
    )
    // Between requests there is time for everything else, as there is on the wire.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const bytesPerMessage = (usedBytes() - before) / messages
  process.send?.({ emulatorHost: emulator.emulatorHost, upMs, bytesPerMessage } satisfies Loaded)
}

function usedBytes(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, external } = process.memoryUsage()
  return heapUsed + Math.max(arrayBuffers, external)
}

/** User and system time of this process so far, without its children. */
function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function run(messages: number, outstanding: number): Promise<Figures> {
  const child = fork(fileURLToPath(import.meta.url), ['serve', String(messages)], {
    execArgv: ['--expose-gc'],
  })
  try {
    const [loaded] = (await once(child, 'message')) as [Loaded]
    const clients = await connectPubsub({ projectId: 'bench', emulatorHost: loaded.emulatorHost })
    const cpu = () => ({ emulator: cpuSeconds(child.pid as number), subscriber: ownCpuSeconds() })
    const before = cpu()
    const start = performance.now()
    const stream = clients.subscriber.streamingPull({})
    stream.on('error', () => {})
    const all = Promise.withResolvers<void>()
    let received = 0
    let held: string[] = []
    const ack = (ids: readonly string[]) => {
      for (let i = 0; i < ids.length; i += 2500) stream.write({ ackIds: ids.slice(i, i + 2500) })
    }
    stream.on('data', ({ receivedMessages }: { receivedMessages: { ackId: string }[] }) => {
      received += receivedMessages.length
      for (const { ackId } of receivedMessages) held.push(ackId)
      if (held.length >= outstanding || received === messages) {
        ack(held)
        held = []
      }
      if (received === messages) all.resolve()
    })
    stream.write({ subscription, streamAckDeadlineSeconds: 600 })
    await all.promise
    // The emulator ends the stream when all that came on it is done.
    const ended = once(stream, 'end')
    stream.end()
    await ended
    const seconds = (performance.now() - start) / 1000
    const after = cpu()
    await clients.close()
    return {
      messagesPerSecond: messages / seconds,
      emulatorCpuSecondsPerMillion: ((after.emulator - before.emulator) / messages) * 1e6,
      subscriberCpuSecondsPerMillion: ((after.subscriber - before.subscriber) / messages) * 1e6,
      bytesPerMessageBeyondPayload: loaded.bytesPerMessage - payloadBytes,
      upMs: loaded.upMs,
    }
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

function summary(values: readonly number[]): string {
  const { median, least, greatest } = spreadOf(values)
  const shown = (value: number) => value.toFixed(greatest > 1000 ? 0 : 2)
  return `${shown(median)} (${shown(least)}–${shown(greatest)})`
}

if (process.argv[2] === 'serve') {
  await serve(Number(process.argv[3]))
} else {
  const messages = Number(process.argv[2] ?? 1_000_000)
  const runs = Number(process.argv[3] ?? 3)
  const outstandings = [1000, 10_000, 100_000, messages]
  const results = new Map<number, Figures[]>(outstandings.map((outstanding) => [outstanding, []]))
  for (let round = 1; round <= runs; round += 1) {
    for (const [outstanding, figures] of results) {
      process.stderr.write(`run ${round} of ${runs}: up to ${outstanding} outstanding …\n`)
      figures.push(await run(messages, outstanding))
    }
  }
  console.table(
    Object.fromEntries(
      [...results].map(([outstanding, figures]) => [
        `${outstanding} outstanding`,
        Object.fromEntries(
          Object.keys(figures[0] ?? {}).map((name) => [
            name,
            summary(figures.map((one) => one[name as keyof Figures])),
          ]),
        ),
      ]),
    ),
  )
}
