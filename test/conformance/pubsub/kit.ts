import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { protos } from '@google-cloud/pubsub'
import { status } from '@grpc/grpc-js'
import { connectPubsub, noRetry } from '#pubsub/client.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import type { Received, StreamingPull, StreamingPullRequest } from './stream.ts'
import { openStream, receivedOf } from './stream.ts'

export type Topic = protos.google.pubsub.v1.ITopic
export type Subscription = protos.google.pubsub.v1.ISubscription
export type Message = protos.google.pubsub.v1.IPubsubMessage

/** What a test sets itself; it may choose the name, too. */
type Fields<T> = Omit<T, 'name'> & { readonly name?: string }

export const projectId = 'conformance'

/** One try, and the answer as it is: no pages are collected. */
export const raw = { ...noRetry, autoPaginate: false } as const

/** The calls without retries and without pages collected, and what tests do all the time. */
export interface Kit extends AsyncDisposable {
  readonly emulatorHost: string
  readonly publisher: PubsubClients['publisher']
  readonly subscriber: PubsubClients['subscriber']
  /** A new topic; returns its name. */
  createTopic(fields?: Fields<Topic>): Promise<string>
  /** A new subscription; returns its name. */
  createSubscription(topic: string, fields?: Fields<Subscription>): Promise<string>
  /** Both of them new. */
  subscribe(fields?: Fields<Subscription>): Promise<{ topic: string; subscription: string }>
  /** Texts, or whole messages; returns their ids. */
  publish(topic: string, ...messages: readonly (string | Message)[]): Promise<string[]>
  /** What is there now; the server may give fewer than there are. */
  pull(subscription: string, maxMessages?: number): Promise<Received[]>
  /** Pulls, waiting, until it has this many; fails after `withinMs`. */
  receive(subscription: string, count: number, withinMs?: number): Promise<Received[]>
  ack(subscription: string, ...received: readonly Received[]): Promise<void>
  /** 0 s: nacks. */
  modack(subscription: string, seconds: number, ...received: readonly Received[]): Promise<void>
  nack(subscription: string, ...received: readonly Received[]): Promise<void>
  /** A stream with this as its first request; undefined: none is sent. */
  stream(first: StreamingPullRequest | undefined): StreamingPull
}

/** Gives a test the kit of the server that its suite started. */
export type OnServer = (body: (kit: Kit) => Promise<void>) => () => Promise<void>

export async function connectKit(emulatorHost: string): Promise<Kit> {
  const clients = await connectPubsub({ projectId, emulatorHost })
  const { publisher, subscriber } = clients
  const kit: Kit = {
    emulatorHost,
    publisher,
    subscriber,
    createTopic: async (fields) => {
      const topic = { name: topicName(), ...fields }
      await publisher.createTopic(topic, raw)
      return topic.name
    },
    createSubscription: async (topic, fields) => {
      const subscription = { name: subscriptionName(), topic, ...fields }
      await subscriber.createSubscription(subscription, raw)
      return subscription.name
    },
    subscribe: async (fields) => {
      const topic = await kit.createTopic()
      return { topic, subscription: await kit.createSubscription(topic, fields) }
    },
    publish: async (topic, ...messages) => {
      const [{ messageIds }] = await publisher.publish({ topic, messages: messages.map(messageOf) }, raw)
      return messageIds ?? []
    },
    pull: async (subscription, maxMessages = 1000) =>
      await pullOnce(subscriber, { subscription, maxMessages, returnImmediately: true }),
    receive: async (subscription, count, withinMs = 20_000) => {
      const got: Received[] = []
      const endMs = performance.now() + withinMs
      while (got.length < count) {
        // As long as may be: what an abandoned call was given would be lost until its deadline.
        const timeout: number = endMs - performance.now()
        const seen: string = `received ${got.length} of ${count} within ${withinMs} ms: ${textsOf(got).join()}`
        assert.ok(timeout > 0, seen)
        const request = { subscription, maxMessages: count - got.length }
        try {
          got.push(...(await pullOnce(subscriber, request, timeout)))
        } catch (error) {
          const inTime = (error as { code?: number }).code !== status.DEADLINE_EXCEEDED
          throw inTime ? error : new Error(seen, { cause: error })
        }
      }
      return got
    },
    ack: async (subscription, ...received) => {
      await subscriber.acknowledge({ subscription, ackIds: ackIdsOf(received) }, raw)
    },
    modack: async (subscription, ackDeadlineSeconds, ...received) => {
      const request = { subscription, ackIds: ackIdsOf(received), ackDeadlineSeconds }
      await subscriber.modifyAckDeadline(request, raw)
    },
    nack: async (subscription, ...received) => await kit.modack(subscription, 0, ...received),
    stream: (first) => openStream(subscriber, first),
    [Symbol.asyncDispose]: () => clients.close(),
  }
  return kit
}

export const topicName = (id = `t-${randomUUID()}`, project = projectId) => `projects/${project}/topics/${id}`

export const subscriptionName = (id = `s-${randomUUID()}`, project = projectId) =>
  `projects/${project}/subscriptions/${id}`

export const newProject = () => `p-${randomUUID()}`

export const seconds = (count: number) => ({ seconds: count })

export const textsOf = (received: readonly Received[]) => received.map(({ text }) => text)

const ackIdsOf = (received: readonly Received[]) => received.map(({ ackId }) => ackId)

/** `a0`, `a1`, … */
export const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => prefix + i)

/** The one that there is. */
export function only<T>(list: readonly T[]): T {
  assert.equal(list.length, 1)
  return list[0] as T
}

interface Failure {
  readonly code: number
  /** The server's text, without the client's prefix. */
  readonly message: string
}

/** How a call failed, as the server said it. */
async function failure(call: Promise<unknown>): Promise<Failure> {
  try {
    await call
  } catch (error) {
    const { code, details } = error as { code?: number; details?: string }
    if (typeof code !== 'number') throw error
    return { code, message: details ?? '' }
  }
  return assert.fail('the call was to fail')
}

/** The call fails with this status, and with a text like that. */
export async function refused(call: Promise<unknown>, code: number, message = /./): Promise<void> {
  const failed = await failure(call)
  assert.equal(failed.code, code, failed.message)
  assert.match(failed.message, message)
}

function messageOf(message: string | Message): Message {
  return typeof message === 'string' ? { data: Buffer.from(message) } : message
}

async function pullOnce(
  subscriber: PubsubClients['subscriber'],
  request: protos.google.pubsub.v1.IPullRequest,
  timeout: number = raw.timeout,
): Promise<Received[]> {
  const [{ receivedMessages }] = await subscriber.pull(request, { ...raw, timeout })
  return (receivedMessages ?? []).map(receivedOf)
}
