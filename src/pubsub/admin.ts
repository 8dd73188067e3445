import { ConfigurationError } from '#core/failure.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, oneTry, statusOf } from './client.ts'

export interface SubscriptionNames {
  readonly topicId: string
  readonly subscriptionId: string
}

/**
 * Makes sure that the subscription is there. On an emulator a missing topic or subscription is created; on Google's
 * service that is the owner's decision.
 *
 * @returns the subscription's full name
 * @throws ConfigurationError where it is missing, with the line that creates it; gRPC errors otherwise
 */
export async function ensureSubscription(
  clients: PubsubClients,
  { topicId, subscriptionId }: SubscriptionNames,
  ackDeadlineSeconds: number,
): Promise<string> {
  const { projectId, subscriber } = clients
  const subscription = `projects/${projectId}/subscriptions/${subscriptionId}`
  if (clients.isEmulator) {
    const topic = await ensureTopic(clients, topicId)
    await unless(
      grpcStatus.alreadyExists,
      subscriber.createSubscription({ name: subscription, topic, ackDeadlineSeconds }, oneTry),
    )
    return subscription
  }
  try {
    await subscriber.getSubscription({ subscription }, oneTry)
  } catch (error) {
    // A subscriber needs no right to look at its subscription; the stream will tell whether it is there.
    if (statusOf(error) === grpcStatus.permissionDenied) return subscription
    if (statusOf(error) === grpcStatus.notFound) throw missing(projectId, topicId, subscriptionId)
    throw error
  }
  return subscription
}

/**
 * Deletes a subscription and its topic, of which perhaps only one is there, or none. For emulators.
 *
 * @throws gRPC errors
 */
export async function deleteBoth(
  { projectId, publisher, subscriber }: PubsubClients,
  { topicId, subscriptionId }: SubscriptionNames,
): Promise<void> {
  const subscription = `projects/${projectId}/subscriptions/${subscriptionId}`
  await unless(grpcStatus.notFound, subscriber.deleteSubscription({ subscription }, oneTry))
  await unless(
    grpcStatus.notFound,
    publisher.deleteTopic({ topic: `projects/${projectId}/topics/${topicId}` }, oneTry),
  )
}

/** Creates a topic unless it is there; returns its full name. For emulators. */
export async function ensureTopic({ projectId, publisher }: PubsubClients, topicId: string): Promise<string> {
  const topic = `projects/${projectId}/topics/${topicId}`
  await unless(grpcStatus.alreadyExists, publisher.createTopic({ name: topic }, oneTry))
  return topic
}

/**
 * Looks whether a topic is there, and creates none: what is published to a new one reaches nobody.
 *
 * @returns its full name
 * @throws ConfigurationError where it is missing, with the line that creates it; gRPC errors otherwise
 */
export async function checkTopic(clients: PubsubClients, topicId: string): Promise<string> {
  const topic = `projects/${clients.projectId}/topics/${topicId}`
  try {
    await clients.publisher.getTopic({ topic }, oneTry)
  } catch (error) {
    if (statusOf(error) === grpcStatus.notFound) throw missingTopic(clients, topicId)
    // A publisher needs no right to look at its topic; publishing will tell whether it is there.
    if (statusOf(error) !== grpcStatus.permissionDenied) throw error
  }
  return topic
}

/** The error for a topic that is not there, with the mend. */
export function missingTopic({ projectId }: PubsubClients, topicId: string): ConfigurationError {
  return new ConfigurationError(
    `there is no topic ${topicId} in project ${projectId}. Name the right one with INGESTER_TOPICID, or create it:\n` +
      `  gcloud pubsub topics create ${topicId} --project=${projectId}\n` +
      "(a new topic has no subscription yet: attach the ingester's before anything is published to it)",
  )
}

/** Waits for a request; an answer with that status is as good. */
async function unless(status: number, request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if (statusOf(error) !== status) throw error
  }
}

/** Creates a subscription on Google's service. */
export function creationLine(projectId: string, topicId: string, subscriptionId: string): string {
  return `gcloud pubsub subscriptions create ${subscriptionId} --topic=${topicId} --project=${projectId}`
}

function missing(projectId: string, topicId: string, subscriptionId: string): ConfigurationError {
  return new ConfigurationError(
    `there is no subscription ${subscriptionId} in project ${projectId}. Create it:\n` +
      `  ${creationLine(projectId, topicId, subscriptionId)}\n` +
      '(INGESTER_SUBSCRIPTIONID names it; where the topic is missing too, `gcloud pubsub topics create` first)',
  )
}
