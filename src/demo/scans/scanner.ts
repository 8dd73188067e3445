import { UnreachableError } from '#core/command-error.ts'
import { messageOf } from '#core/error-message.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { ensureTopic } from '#pubsub/admin.ts'
import { publish } from '#pubsub/publisher.ts'
import { topicName } from '#pubsub/resource-names.ts'
import { sleep, systemClock } from '#runtime/clock.ts'
import type { GeneratedMessage, Mixture } from './scan-generator.ts'
import { ScanGenerator } from './scan-generator.ts'

export interface ScannerOptions extends Mixture {
  readonly projectId: string
  readonly topicId: string
  readonly emulatorHost: string | undefined
  /** Messages a second; 0: as fast as the broker takes them. */
  readonly rate: number
  readonly seed: number
  /** Ends after this many messages. */
  readonly count?: number | undefined
  /** Ends after this time. */
  readonly forMs?: number | undefined
  /** Ends when it aborts. */
  readonly signal: AbortSignal
  /** Called with messages that the broker has confirmed. */
  readonly published?: (messages: readonly GeneratedMessage[]) => void
}

/** A group of messages goes out this often, so that a rate costs no timer a message. */
const tickMs = 20
const maxGroup = 1000

/**
 * Publishes scan results until the count, the time or the signal ends it; returns how many.
 *
 * @throws ConfigurationError without credentials; UnreachableError when the broker does not take them
 */
export async function runScanner(options: ScannerOptions): Promise<number> {
  const { rate, seed, count = Infinity, forMs = Infinity, signal } = options
  const clients = await connectPubsub(options)
  await using _ = { [Symbol.asyncDispose]: () => clients.close() }
  const topic = clients.isEmulator
    ? await taken(ensureTopic(clients, options.topicId))
    : topicName(options.projectId, options.topicId)

  const generator = new ScanGenerator(seed, options, () => Math.floor(systemClock.unixMs() / 1000))
  const start = systemClock.now()
  let published = 0
  while (!signal.aborted && published < count) {
    const elapsedMs = systemClock.now() - start
    if (elapsedMs >= forMs) break
    const due = rate === 0 ? Infinity : Math.floor((rate * (elapsedMs + tickMs)) / 1000) - published
    const group = Array.from({ length: Math.min(due, maxGroup, count - published) }, () => generator.next())
    if (group.length > 0) {
      await taken(publish(clients, topic, group))
      options.published?.(group)
      published += group.length
    }
    if (due <= maxGroup) await sleep(systemClock, tickMs, signal)
  }
  return published
}

async function taken<T>(request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    throw new UnreachableError(`publishing failed: ${messageOf(error)}`, { cause: error })
  }
}
