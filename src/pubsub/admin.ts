import type { protos } from '@google-cloud/pubsub'
import { ConfigurationError } from '#core/command-error.ts'
import { advice, option } from '#core/advice.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, noRetry, statusOf } from './client.ts'

export interface SubscriptionNames {
  readonly topicId: string
  readonly subscriptionId: string
}

/** A subscription that exists. */
export interface FoundSubscription {
  /** Full name. */
  readonly name: string
  /** Undefined where it may not be looked at. */
  readonly settings: protos.google.pubsub.v1.ISubscription | undefined
}

/**
 * Ensures that the subscription exists. On an emulator a missing one is created, with its topic; on Google's
 * service that is the owner's decision.
 *
 * @throws ConfigurationError where it is missing, with the line that creates it; gRPC errors otherwise
 */
export async function ensureSubscription(
  clients: PubsubClients,
  names: SubscriptionNames,
  ackDeadlineSeconds: number,
): Promise<FoundSubscription> {
  const { projectId, subscriber } = clients
  const name = `projects/${projectId}/subscriptions/${names.subscriptionId}`
  const read = async () => (await subscriber.getSubscription({ subscription: name }, noRetry))[0]
  try {
    return { name, settings: await read() }
  } catch (error) {
    // A subscriber may lack permission to read its subscription; the stream will show whether it exists.
    if (statusOf(error) === grpcStatus.permissionDenied) return { name, settings: undefined }
    if (statusOf(error) !== grpcStatus.notFound) throw error
    if (!clients.isEmulator) throw missingSubscription(projectId, names)
  }
  const topic = await ensureTopic(clients, names.topicId)
  // Another replica may have been faster.
  await unless(
    grpcStatus.alreadyExists,
    subscriber.createSubscription({ name, topic, ackDeadlineSeconds }, noRetry),
  )
  return { name, settings: await read() }
}

/**
 * Deletes a subscription and its topic, where they exist. For emulators.
 *
 * @throws gRPC errors
 */
export async function deleteBoth(
  { projectId, publisher, subscriber }: PubsubClients,
  { topicId, subscriptionId }: SubscriptionNames,
): Promise<void> {
  const subscription = `projects/${projectId}/subscriptions/${subscriptionId}`
  await unless(grpcStatus.notFound, subscriber.deleteSubscription({ subscription }, noRetry))
  await unless(
    grpcStatus.notFound,
    publisher.deleteTopic({ topic: `projects/${projectId}/topics/${topicId}` }, noRetry),
  )
}

/** Creates a topic unless it exists; returns its full name. For emulators. */
export async function ensureTopic({ projectId, publisher }: PubsubClients, topicId: string): Promise<string> {
  const topic = `projects/${projectId}/topics/${topicId}`
  await unless(grpcStatus.alreadyExists, publisher.createTopic({ name: topic }, noRetry))
  return topic
}

/** Waits for a request; an answer with that status is as good. */
async function unless(status: number, request: Promise<unknown>): Promise<void> {
  try {
    await request
  } catch (error) {
    if (statusOf(error) !== status) throw error
  }
}

/** Creates a subscription on Google's service. The topic: its id, or its full name where it is of another project. */
export function creationLine(projectId: string, topic: string, subscriptionId: string): string {
  return `gcloud pubsub subscriptions create ${subscriptionId} --topic=${topic} --project=${projectId}`
}

const creation = (line: string) =>
  advice`create it:\n  ${line}\n(${option('pubsub.subscriptionId')} names it; where the topic is missing too, \`gcloud pubsub topics create\` first)`

/** The error for a missing subscription, with the command that creates it. */
export function missingSubscription(
  projectId: string,
  { topicId, subscriptionId }: SubscriptionNames,
): ConfigurationError {
  return new ConfigurationError(`there is no subscription ${subscriptionId} in project ${projectId}`, {
    fixes: [creation(creationLine(projectId, topicId, subscriptionId))],
  })
}
