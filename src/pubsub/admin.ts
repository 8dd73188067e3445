import type { protos } from '@google-cloud/pubsub'
import { ConfigurationError } from '#core/command-error.ts'
import { advice, option } from '#core/advice.ts'
import type { PubsubClients } from './client.ts'
import { grpcStatus, noRetry, statusOf } from './client.ts'
import { nameWithin, partsOf, subscriptionName, topicName } from './resource-names.ts'

/** Ids in the configured project, or full names. */
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
 * @param beforeCreation called before a missing one is created
 * @throws ConfigurationError where it is missing, with the line that creates it; gRPC errors otherwise
 */
export async function ensureSubscription(
  clients: PubsubClients,
  names: SubscriptionNames,
  ackDeadlineSeconds: number,
  beforeCreation: () => void = () => {},
): Promise<FoundSubscription> {
  const { projectId, subscriber } = clients
  const name = subscriptionName(projectId, names.subscriptionId)
  const read = async () => (await subscriber.getSubscription({ subscription: name }, noRetry))[0]
  try {
    return { name, settings: await read() }
  } catch (error) {
    // A subscriber may lack permission to read its subscription; the stream will show whether it exists.
    if (statusOf(error) === grpcStatus.permissionDenied) return { name, settings: undefined }
    if (statusOf(error) !== grpcStatus.notFound) throw error
    if (!clients.isEmulator) throw missingSubscription(projectId, names)
  }
  beforeCreation()
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
  const subscription = subscriptionName(projectId, subscriptionId)
  await unless(grpcStatus.notFound, subscriber.deleteSubscription({ subscription }, noRetry))
  await unless(grpcStatus.notFound, publisher.deleteTopic({ topic: topicName(projectId, topicId) }, noRetry))
}

/** Creates a topic unless it exists; returns its full name. For emulators. */
export async function ensureTopic({ projectId, publisher }: PubsubClients, topicId: string): Promise<string> {
  const topic = topicName(projectId, topicId)
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

/** Creates a subscription on Google's service; both by their full names. */
export function creationLine(subscription: string, topic: string): string {
  const { projectId, id } = partsOf(subscription)
  return `gcloud pubsub subscriptions create ${id} --topic=${nameWithin(projectId, topic)} --project=${projectId}`
}

/** Creates a topic on Google's service, by its full name. */
export function topicCreationLine(topic: string): string {
  const { projectId, id } = partsOf(topic)
  return `gcloud pubsub topics create ${id} --project=${projectId}`
}

const creation = (line: string) =>
  advice`create it:\n  ${line}\n(${option('pubsub.subscriptionId')} names it; where the topic is missing too, \`gcloud pubsub topics create\` first)`

/** The error for a missing subscription, with the command that creates it. */
export function missingSubscription(
  projectId: string,
  { topicId, subscriptionId }: SubscriptionNames,
): ConfigurationError {
  const name = subscriptionName(projectId, subscriptionId)
  const { projectId: project, id } = partsOf(name)
  return new ConfigurationError(`there is no subscription ${id} in project ${project}`, {
    fixes: [creation(creationLine(name, topicName(projectId, topicId)))],
  })
}
