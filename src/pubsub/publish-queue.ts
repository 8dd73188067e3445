import type { DoorMessage } from '#core/door.ts'
import type { Logger } from '#core/logger.ts'
import type { PublishOutcome, Publishing } from '#core/publishing.ts'
import type { Clock } from '#runtime/clock.ts'
import { sleep, systemClock } from '#runtime/clock.ts'
import { messageOf } from '#core/error-message.ts'
import type { PubsubClients } from './client.ts'
import { CallWithheld } from './publish-failure.ts'
import { PublishPart, PublishRequest } from './publish-request.ts'
import type { OutgoingMessage } from './publisher.ts'
import { requestsOf, sizeOf, unbundled } from './publisher.ts'
import { TopicPublisher } from './topic-publisher.ts'

export interface PublishQueueOptions {
  readonly clients: Pick<PubsubClients, 'publisher' | 'publisherConnecting'>
  readonly logger: Logger
  /** Why nothing may be published to a topic (full name) now: what waits for it goes on waiting. Undefined: it may. */
  readonly withheldBecause?: (topic: string) => string | undefined
  readonly clock?: Clock
  /**
   * How long a message waits for others of the same call. At 1,000 requests a second 3 ms are no cheaper than 1 ms (some 85 µs of
   * CPU a request), and add 3 ms to the median; Pub/Sub charges for at least 1,000 bytes a call.
   */
  readonly lingerMs?: number
  /** Within this time a request is answered. */
  readonly waitMs?: number
  /** After this a call's answer counts as lost. Less than half the wait leaves room for another call. */
  readonly callTimeoutMs?: number
  /** What may wait or be on its way; one request more, and it is refused at once. */
  readonly maxMessages?: number
  readonly maxBytes?: number
  /** Calls in flight to a topic. */
  readonly maxCalls?: number
  /** The same for messages with an ordering key, of which each has one. */
  readonly maxKeyedCalls?: number
}

const defaults = {
  clock: systemClock,
  lingerMs: 2,
  waitMs: 10_000,
  callTimeoutMs: 4000,
  maxMessages: 20_000,
  maxBytes: 64_000_000,
  maxCalls: 4,
  maxKeyedCalls: 64,
}

/**
 * Publishes the messages of many requests in few calls. What fails is retried until the request's time is up, unless a
 * retry cannot help: every message has an identity, so one that arrives twice counts once.
 */
export class PublishQueue implements Publishing {
  readonly #options: typeof defaults & PublishQueueOptions
  readonly #topics = new Map<string, TopicPublisher>()
  /** Unsettled requests and some that are settled, in the order of their deadlines. */
  #pending: PublishRequest[] = []
  /** The first of them that may be unsettled. */
  #oldest = 0
  #messages = 0
  #bytes = 0
  #isClosing = false
  #idle: (() => void) | undefined
  #cancelDeadline: (() => void) | undefined

  constructor(options: PublishQueueOptions) {
    this.#options = { ...defaults, ...options }
  }

  get queued(): number {
    return this.#messages
  }

  /** Why calls fail at present; undefined: they do not. */
  get failingBecause(): string | undefined {
    for (const { failingBecause } of this.#topics.values())
      if (failingBecause !== undefined) return failingBecause
    return undefined
  }

  /**
   * Queues the messages of one request, all or none. Never rejects: answers within `waitMs`, at once where there is no room.
   *
   * @param topic full name
   */
  publish(topic: string, messages: readonly DoorMessage[]): Promise<PublishOutcome> {
    if (messages.length === 0) return Promise.resolve({ outcome: 'confirmed' })
    if (this.#isClosing) return notSent('the gateway is shutting down')
    const bytes = messages.reduce((sum, message) => sum + sizeOf(message), 0)
    const full = this.#fullBecause(messages.length, bytes)
    if (full !== undefined) return notSent(full)
    const { clock, waitMs } = this.#options
    const size = { messages: messages.length, bytes }
    const request = new PublishRequest(size, clock.now() + waitMs, this.#settled)
    this.#messages += messages.length
    this.#bytes += bytes
    this.#pending.push(request)
    this.#cancelDeadline ??= clock.after(waitMs, this.#expire)
    this.#enqueue(this.#topicOf(topic), request, messages)
    return request.outcome
  }

  /** Takes no more, and sends what waits; what is not settled within the limit is answered by what is known of it. */
  async close(limitMs: number): Promise<void> {
    this.#isClosing = true
    for (const topic of this.#topics.values()) topic.flush()
    if (this.#messages > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#idle = resolve
      const limit = new AbortController()
      await Promise.race([promise, sleep(this.#options.clock, limitMs, limit.signal)])
      limit.abort()
    }
    for (const topic of this.#topics.values()) topic.close()
    for (const request of this.#pending.slice(this.#oldest)) request.expire('the gateway is shutting down')
    this.#cancelDeadline?.()
  }

  #fullBecause(messages: number, bytes: number): string | undefined {
    const { maxMessages, maxBytes } = this.#options
    // A request that is larger than the queue must still have a chance.
    if (this.#messages === 0) return undefined
    const isFull = this.#messages + messages > maxMessages || this.#bytes + bytes > maxBytes
    return isFull ? `the queue is full: ${this.#messages} messages wait to be published` : undefined
  }

  #enqueue(topic: TopicPublisher, request: PublishRequest, messages: readonly DoorMessage[]): void {
    const [first, second] = messages
    const calls: readonly (readonly OutgoingMessage[])[] = second ? [...requestsOf(messages)] : [messages]
    request.split(
      calls.map((call) => {
        const bytes = second ? call.reduce((sum, message) => sum + sizeOf(message), 0) : request.bytes
        return new PublishPart(request, call, bytes)
      }),
    )
    for (const part of request.parts) topic.add((part.messages[0] ?? first)?.orderingKey ?? '', part)
  }

  #topicOf(topic: string): TopicPublisher {
    const found = this.#topics.get(topic)
    if (found) return found
    const { clients, logger, callTimeoutMs, withheldBecause } = this.#options
    const settings = { ...unbundled, timeout: callTimeoutMs }
    const created = new TopicPublisher({
      ...this.#options,
      call: async (messages) => {
        const why = withheldBecause?.(topic)
        if (why !== undefined) throw new CallWithheld(why)
        await clients.publisher.publish({ topic, messages: messages as OutgoingMessage[] }, settings)
      },
      connecting: () => clients.publisherConnecting(callTimeoutMs),
      onFailing: (cause) => {
        if (cause === undefined) logger.info({ topic }, 'publishing resumed')
        else logger.warn({ topic, error: messageOf(cause) }, 'publishing failed; retrying')
      },
    })
    this.#topics.set(topic, created)
    return created
  }

  readonly #settled = (request: PublishRequest) => {
    this.#messages -= request.messages
    this.#bytes -= request.bytes
    while (this.#pending[this.#oldest]?.isSettled) this.#oldest += 1
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#pending.length) {
      this.#pending = this.#pending.slice(this.#oldest)
      this.#oldest = 0
    }
    if (this.#messages === 0) this.#idle?.()
  }

  /** One timer for all: they were given the same time, so the oldest ends first. */
  readonly #expire = () => {
    const { clock, waitMs } = this.#options
    this.#cancelDeadline = undefined
    for (;;) {
      const oldest = this.#pending[this.#oldest]
      if (!oldest) return
      const leftMs = oldest.deadlineMs - clock.now()
      if (leftMs > 0) {
        this.#cancelDeadline = clock.after(leftMs, this.#expire)
        return
      }
      oldest.expire(this.failingBecause ?? `the broker has not confirmed it within ${waitMs / 1000} s`)
    }
  }
}

function notSent(why: string): Promise<PublishOutcome> {
  return Promise.resolve({ outcome: 'not-sent', why })
}
