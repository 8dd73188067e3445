// The topic that a subscription is attached to. The subscription knows it best: it may be of another project, and no
// variable has to name it. What is published to any other topic never reaches the subscription.
import type { protos } from '@google-cloud/pubsub'
import { ConfigurationError } from '#core/command-error.ts'
import { advice, command, option } from '#core/advice.ts'
import type { SubscriptionNames } from './admin.ts'
import { missingSubscription } from './admin.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, noRetry, statusOf } from './client.ts'
import { partsOf, subscriptionName, topicName } from './resource-names.ts'

export type Subscription = protos.google.pubsub.v1.ISubscription

/** What Pub/Sub reports as a subscription's topic once that is deleted. */
export const deletedTopic = '_deleted-topic_'

/** The configured topic, and whether it is set or the pipeline's default. */
export interface ConfiguredTopic extends SubscriptionNames {
  readonly projectId: string
  readonly topicIsSet: boolean
}

/**
 * Where the subscription is attached to another topic than the configuration says: that topic, and the value for
 * the option. It is empty where no value is right, since the option names no topic of another project; then only an
 * option that is set can be wrong.
 */
export function differingTopic(
  { topic }: Subscription,
  { projectId, topicId, topicIsSet }: ConfiguredTopic,
): { readonly topic: string; readonly fix: string } | undefined {
  if (!topic || topic === deletedTopic || topic === topicName(projectId, topicId)) return undefined
  const { projectId: ownProject, id } = partsOf(topic)
  const fix = ownProject === projectId ? id : ''
  return fix === '' && !topicIsSet ? undefined : { topic, fix }
}

/**
 * What keeps a subscription from ever delivering what is published from now on; undefined where nothing does. A topic
 * that was deleted leaves what is in the subscription, a detached subscription has nothing.
 */
export function detachment({ topic, detached }: Subscription): string | undefined {
  if (detached) return 'it is detached from its topic and delivers nothing any more'
  return topic === deletedTopic ? 'its topic was deleted, so nothing new reaches it' : undefined
}

const replacement = advice`name the subscription that replaces it with ${option('pubsub.subscriptionId')}; ${command('doctor')} has the lines that create one`

/**
 * The topic (full name) whose messages reach the subscription now. To attach one again is not possible, so what was
 * published to the topic before this resolves has reached the subscription.
 *
 * @throws ConfigurationError where there is none, or where that cannot be known; gRPC errors otherwise
 */
export async function attachedTopic(clients: PubsubClients, names: SubscriptionNames): Promise<string> {
  const { projectId, subscriber } = clients
  const { subscriptionId } = names
  const subscription = subscriptionName(projectId, subscriptionId)
  let found: Subscription
  try {
    ;[found] = await subscriber.getSubscription({ subscription }, noRetry)
  } catch (error) {
    if (statusOf(error) === grpcStatus.notFound) throw missingSubscription(projectId, names)
    if (statusOf(error) !== grpcStatus.permissionDenied) throw error
    throw new ConfigurationError(
      `the topic of ${subscription} cannot be read: permission denied. Grant pubsub.subscriptions.get on it ` +
        `(roles/pubsub.viewer), or run this with credentials that have it`,
      { cause: error },
    )
  }
  const why = detachment(found) ?? (found.topic ? undefined : 'the service does not say which topic it has')
  if (why === undefined && found.topic) return found.topic
  throw new ConfigurationError(`what is published would not reach ${subscription}: ${why}`, {
    fixes: [replacement],
  })
}
