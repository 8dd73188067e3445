import type { Config } from '#config/config.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { advice, command } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { ensureSubscription } from '#pubsub/admin.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { connectPubsub, isPermanent } from '#pubsub/client.ts'
import { credentialsFix } from '#pubsub/credentials.ts'
import { deletedTopic, detachment, differingTopic } from '#pubsub/subscription-topic.ts'
import type { Startup } from './startup.ts'

type PubsubPlace = Pick<Config['pubsub'], 'projectId' | 'emulatorHost'>

/** The broker's name, for messages. */
export function brokerName({ emulatorHost }: PubsubPlace): string {
  return emulatorHost ? `the Pub/Sub emulator at ${emulatorHost}` : 'Pub/Sub'
}

export const pubsubHint = advice`check INGESTER_PROJECTID, PUBSUB_EMULATOR_HOST and the credentials (GOOGLE_APPLICATION_CREDENTIALS)`

/**
 * Waits for credentials, where Google's service needs some: a metadata server may start later than we do.
 *
 * @throws ConfigurationError where a key is named and wrong; UnreachableError
 */
export async function reachClients(startup: Startup, pubsub: PubsubPlace): Promise<PubsubClients> {
  return startup.reach(brokerName(pubsub), credentialsFix, () => connectPubsub(pubsub))
}

/**
 * Waits for the subscription, and warns where it differs from the configuration.
 *
 * @returns its full name
 * @throws ConfigurationError, also where it is detached: it would never deliver anything; UnreachableError
 */
export async function reachSubscription(
  startup: Startup,
  { pubsub, consumer }: Pick<Config, 'pubsub' | 'consumer'>,
  clients: PubsubClients,
  { source }: Pick<Pipeline, 'source'>,
  logger: Logger,
): Promise<string> {
  const names = {
    topicId: pubsub.topicId ?? source.topicId,
    subscriptionId: pubsub.subscriptionId ?? source.subscriptionId,
  }
  const ackDeadlineSeconds = Math.round(consumer.ackDeadlineMs / 1000)
  const { name, settings } = await startup.reach(
    brokerName(pubsub),
    pubsubHint,
    () => ensureSubscription(clients, names, ackDeadlineSeconds),
    isPermanent,
  )
  if (!settings) return name
  const why = detachment(settings)
  if (settings.detached) {
    const fixes = [advice`${command('doctor')} has the lines that replace it`]
    throw new ConfigurationError(`${name} cannot be consumed: ${why}`, { fixes })
  }
  // What is in it can still be stored.
  if (settings.topic === deletedTopic)
    logger.warn({ subscription: name }, `${why}; what is in it is still consumed`)
  const topicIsSet = pubsub.topicId !== undefined
  const other = differingTopic(settings, { projectId: pubsub.projectId, ...names, topicIsSet })
  if (other) {
    const { topic, fix } = other
    const wanted = `set INGESTER_TOPICID=${fix}`
    logger.warn(
      { subscription: name, topic, configured: names.topicId },
      `the subscription is attached to another topic than ${topicIsSet ? 'INGESTER_TOPICID says' : "the pipeline's own"}; ` +
        `redrive publishes to the subscription's. To end this warning ${fix ? wanted : 'unset INGESTER_TOPICID'}`,
    )
  }
  return name
}
