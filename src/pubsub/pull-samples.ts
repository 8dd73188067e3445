import type { protos } from '@google-cloud/pubsub'
import type { Advice } from '#core/advice.ts'
import { ConfigurationError } from '#core/command-error.ts'
import type { Delivery } from '#core/delivery.ts'
import { messageOf } from '#core/error-message.ts'
import { requestsOf } from './chunks.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, noRetry, statusOf } from './client.ts'
import { copyBacklog } from './copied-backlog.ts'
import type { Subscription } from './subscription-topic.ts'

export interface SamplingOptions {
  /** Full name. */
  readonly subscription: string
  /** At most so many. */
  readonly count: number
  /** For the first of them. */
  readonly waitMs: number
  /** Ends it early; what was pulled is given back all the same. */
  readonly signal?: AbortSignal
  readonly warn: (message: string) => void
  /** What to do where there is no such subscription. */
  readonly absenceAdvice?: Advice
}

/**
 * Messages that are in a subscription now, given back as soon as they are here: they are delivered again at once. Where the
 * subscription counts attempts and dead-letters after some, they come from a copy of its backlog, so that none is used up.
 *
 * @throws ConfigurationError where it does not exist or cannot be pulled from; gRPC errors otherwise
 */
export async function pullSamples(
  clients: PubsubClients,
  options: SamplingOptions,
): Promise<readonly Delivery[]> {
  const { subscription, warn } = options
  const settings = await settingsOf(clients, options)
  if (settings === undefined) {
    const why = `${subscription} cannot be looked at, which takes pubsub.subscriptions.get`
    warn(`${why}: if it has a dead-letter policy, each message that is pulled counts one attempt`)
    return await pullAndGiveBack(clients, options)
  }
  const { deadLetterPolicy: policy } = settings
  if (!policy?.deadLetterTopic) return await pullAndGiveBack(clients, options)
  await using copy = await copyBacklog(clients, settings, warn)
  if ('subscription' in copy) return await pullAndGiveBack(clients, options, copy.subscription)
  const cost = `each message that is pulled counts one attempt of ${policy.maxDeliveryAttempts}`
  warn(`${cost}, since the backlog of ${subscription} cannot be copied: ${copy.refusal}`)
  return await pullAndGiveBack(clients, options)
}

async function settingsOf(
  { subscriber }: PubsubClients,
  { subscription, absenceAdvice }: SamplingOptions,
): Promise<Subscription | undefined> {
  let settings: Subscription
  try {
    ;[settings] = await subscriber.getSubscription({ subscription }, noRetry)
  } catch (error) {
    if (statusOf(error) === grpcStatus.permissionDenied) return undefined
    if (statusOf(error) !== grpcStatus.notFound) throw error
    throw new ConfigurationError(`there is no subscription ${subscription}`, {
      fixes: absenceAdvice ? [absenceAdvice] : [],
      cause: error,
    })
  }
  if (settings.detached)
    throw new ConfigurationError(`${subscription} has no messages: it is detached from its topic`)
  return settings
}

/** How long it waits for more once there are some. */
const moreWithinMs = 1000

/** @param from which subscription they are pulled: a copy of the one that they are of */
async function pullAndGiveBack(
  { subscriber }: PubsubClients,
  { subscription, count, waitMs, signal, warn }: SamplingOptions,
  from = subscription,
): Promise<readonly Delivery[]> {
  const ackIds: string[] = []
  const byId = new Map<string, Delivery>()
  try {
    while (byId.size < count && signal?.aborted !== true) {
      const received = await pullOnce(count - byId.size, byId.size === 0 ? waitMs : moreWithinMs)
      if (received.length === 0) break
      for (const { ackId, message } of received) {
        if (ackId) ackIds.push(ackId)
        const delivery = deliveryOf(message ?? {}, subscription)
        byId.set(delivery.messageId, delivery)
      }
    }
    return [...byId.values()]
  } finally {
    await giveBack()
  }

  async function giveBack() {
    for (const ids of requestsOf(ackIds, (id) => Buffer.byteLength(id))) {
      try {
        const request = { subscription: from, ackIds: ids, ackDeadlineSeconds: 0 }
        await subscriber.modifyAckDeadline(request, noRetry)
      } catch (error) {
        warn(`the messages will be delivered again when their ack deadline has passed: ${messageOf(error)}`)
      }
    }
  }

  async function pullOnce(maxMessages: number, timeout: number) {
    try {
      // Not cut short by the signal: what is on its way then would be leased, and not given back.
      const [response] = await subscriber.pull({ subscription: from, maxMessages }, { ...noRetry, timeout })
      return response.receivedMessages ?? []
    } catch (error) {
      if (statusOf(error) === grpcStatus.deadlineExceeded) return []
      if (statusOf(error) !== grpcStatus.failedPrecondition) throw error
      const what = `${subscription} cannot be pulled from: ${messageOf(error)}`
      throw new ConfigurationError(what, { cause: error })
    }
  }
}

type Message = protos.google.pubsub.v1.IPubsubMessage

function deliveryOf(message: Message, subscription: string): Delivery {
  const { seconds = 0, nanos = 0 } = message.publishTime ?? {}
  const data = Buffer.from((message.data ?? '') as Uint8Array)
  return {
    messageId: message.messageId ?? '',
    subscription,
    publishTimeMs: Number(seconds ?? 0) * 1000 + Math.floor((nanos ?? 0) / 1e6),
    orderingKey: message.orderingKey ?? '',
    attributes: message.attributes ?? {},
    data,
    deliveryAttempt: 0,
    bytes: data.length,
    receivedAtMs: performance.now(),
  }
}
