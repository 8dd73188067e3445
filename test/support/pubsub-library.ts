import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CreateSubscriptionOptions, Message, Subscription, Topic } from '@google-cloud/pubsub'
import { PubSub } from '@google-cloud/pubsub'
import { connectPubsub } from '#pubsub/client.ts'

// With an emulator there is no metadata server; looking for one would go out to the network.
process.env['METADATA_SERVER_DETECTION'] = 'none'

export interface Project extends AsyncDisposable {
  readonly pubsub: PubSub
}

/** The library as its users set it up; in a project of its own, unless one is named. */
export function createProject(emulatorHost: string, projectId = `p-${randomUUID()}`): Project {
  const pubsub = new PubSub({ projectId, apiEndpoint: emulatorHost, emulatorMode: true })
  return { pubsub, [Symbol.asyncDispose]: () => pubsub.close() }
}

export interface Place extends Project {
  readonly topic: Topic
  readonly subscription: Subscription
}

/** A topic with a subscription, in a project of their own. */
export async function createPlace(
  emulatorHost: string,
  settings: CreateSubscriptionOptions = {},
): Promise<Place> {
  const project = createProject(emulatorHost)
  const [topic] = await project.pubsub.createTopic('the-topic')
  const [subscription] = await topic.createSubscription('the-subscription', settings)
  return { ...project, topic, subscription }
}

/** What one subscriber of the library receives. Waiting callers are woken by each event. */
export class Inbox implements AsyncDisposable {
  readonly subscription: Subscription
  readonly messages: Message[] = []
  readonly errors: (Error & { readonly code?: number })[] = []
  readonly #looks = new Set<() => void>()

  /** Acks what it gets, unless told otherwise. */
  constructor(
    subscription: Subscription,
    onMessage: (message: Message) => void = (message) => message.ack(),
  ) {
    this.subscription = subscription
    subscription.on('error', (error: Error) => this.#note(() => this.errors.push(error)))
    subscription.on('message', (message: Message) =>
      this.#note(() => {
        this.messages.push(message)
        onMessage(message)
      }),
    )
  }

  get texts(): string[] {
    return this.messages.map(({ data }) => data.toString())
  }

  /** Resolves when an event makes it true. */
  async until(what: string, condition: () => boolean, withinMs = 30_000): Promise<void> {
    if (condition()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      if (condition()) resolve()
    }
    const seen = () => `${this.messages.length} messages, errors: ${this.errors.map(String).join('; ')}`
    const timer = setTimeout(() => reject(new Error(`never saw: ${what} (${seen()})`)), withinMs)
    this.#looks.add(look)
    await promise.finally(() => {
      clearTimeout(timer)
      this.#looks.delete(look)
    })
  }

  async untilReceived(count: number, withinMs?: number): Promise<void> {
    await this.until(`${count} messages`, () => this.messages.length >= count, withinMs)
  }

  /** What was acked or nacked has been sent when it resolves. */
  async close(): Promise<void> {
    await this.subscription.close()
    this.subscription.removeAllListeners()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #note(change: () => void): void {
    change()
    for (const look of this.#looks) look()
  }
}

export async function publishNumbers(topic: Topic, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, i) => topic.publishMessage({ data: Buffer.from(String(i)) }))
  await Promise.all(all)
}

/** 0 to below `count`, as texts, sorted as texts are. */
export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i)).sort()
}

/** The gRPC status code that a call fails with; undefined if it does not fail. */
export async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  return call.then(
    () => undefined,
    (error: { code: number }) => error.code,
  )
}

/**
 * Resolves when this many seconds have passed by the emulator's own clock: a message that was pulled and not acked is
 * redelivered.
 */
export async function letPass(emulatorHost: string, seconds: number): Promise<void> {
  const clients = await connectPubsub({ projectId: `p-${randomUUID()}`, emulatorHost })
  const { projectId, subscriber, publisher } = clients
  const topic = `projects/${projectId}/topics/clock`
  const subscription = `projects/${projectId}/subscriptions/clock`
  try {
    await publisher.createTopic({ name: topic })
    await subscriber.createSubscription({ name: subscription, topic, ackDeadlineSeconds: seconds })
    await publisher.publish({ topic, messages: [{ data: Buffer.from('tick') }] })
    for (const what of ['the tick', 'the tock']) {
      const [{ receivedMessages }] = await subscriber.pull({ subscription, maxMessages: 1 })
      assert.equal(receivedMessages?.length, 1, what)
    }
  } finally {
    await clients.close()
  }
}
