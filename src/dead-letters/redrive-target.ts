import type { loadRedriveConfig } from '#config/config.ts'
import { chosenPipeline } from '#connect/pipelines.ts'
import { brokerName, pubsubHint } from '#connect/pubsub.ts'
import type { Startup } from '#connect/startup.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { advice } from '#core/advice.ts'
import { tooOld } from '#core/dead-letter.ts'
import { engineRules } from '#core/ignored.ts'
import type { LoadedPipeline } from '#core/pipeline.ts'
import { countsOnce, isUnbound } from '#core/pipeline.ts'
import type { PubsubClients } from '#pubsub/client.ts'
import { subscriptionName, topicName } from '#pubsub/resource-names.ts'
import { attachedTopic } from '#pubsub/subscription-topic.ts'
import type { RedriveUser } from './redrive-batch.ts'
import { isNonRetryable } from './redrive-batch.ts'
import type { Selection } from './selection.ts'

export type RedriveConfig = ReturnType<typeof loadRedriveConfig>

/** Which dead letters to publish. */
export interface RedriveSelection extends Selection {
  /** Also those that came from another subscription than the one that is configured. */
  readonly anySubscription?: boolean | undefined
  /** To count as messages that were never seen before. */
  readonly asNew?: boolean | undefined
}

/** Where dead letters are published: the topic of their pipeline's subscription. Both by ids or by full names. */
export interface Target {
  readonly pipeline: string
  readonly subscriptionId: string
  /** As the configuration has it: where it is set, the user hears if the subscription has another. */
  readonly topicId: string
  readonly topicIsSet: boolean
  /** What becomes of records whose messages were published longer ago than this; undefined where age does not matter. */
  readonly horizon: Horizon | undefined
}

export interface Horizon {
  readonly ms: number
  readonly variable: 'INGESTER_IDENTITY_HORIZON' | 'INGESTER_DELETE_HORIZON'
  /** As in a sentence about several of them. */
  readonly beyond: string
}

/** The variables name topic and subscription of the one configured pipeline; of any other we know only its own. */
export async function targetOf(
  { pipelines, pubsub, horizons }: RedriveConfig,
  { pipeline: wanted }: Selection,
): Promise<Target> {
  const { topicId, subscriptionId } = pubsub
  const pipeline = await chosenPipeline(pipelines, wanted)
  const { name, source } = pipeline
  if ((topicId ?? subscriptionId) !== undefined) {
    const variable = topicId === undefined ? 'INGESTER_SUBSCRIPTIONID' : 'INGESTER_TOPICID'
    const { name: configured } = await chosenPipeline(pipelines, undefined)
    if (name !== configured)
      throw new ConfigurationError(`${variable} is of the pipeline ${configured}`, {
        fixes: [advice`to redrive ${name} set INGESTER_PIPELINE=${wanted ?? name} and its own names`],
      })
  }
  return {
    pipeline: name,
    subscriptionId: subscriptionId ?? source.subscriptionId,
    topicId: topicId ?? source.topicId,
    topicIsSet: topicId !== undefined,
    horizon: horizonOf(pipeline, horizons),
  }
}

function horizonOf(pipeline: LoadedPipeline, horizons: RedriveConfig['horizons']): Horizon | undefined {
  const { mode = 'newest', deletes } = isUnbound(pipeline) ? pipeline.table : pipeline.sink
  if (countsOnce({ mode }))
    return {
      ms: horizons.identityMs,
      variable: 'INGESTER_IDENTITY_HORIZON',
      beyond: `are dead-lettered again (${tooOld})`,
    }
  if (!deletes) return undefined
  return {
    ms: horizons.deleteMs,
    variable: 'INGESTER_DELETE_HORIZON',
    beyond: `are ignored (${engineRules.expired}) where their key has no row, since its deletion may be forgotten`,
  }
}

export function originOf(
  { pubsub }: RedriveConfig,
  { subscriptionId }: Target,
  { anySubscription }: RedriveSelection,
): { readonly subscription: string | undefined } {
  const own = subscriptionName(pubsub.projectId, subscriptionId)
  return { subscription: anySubscription === true ? undefined : own }
}

/** The topic that the subscription is attached to, full name; the user hears where the configuration names another. */
export async function reachTopic(
  startup: Startup,
  { pubsub }: RedriveConfig,
  clients: PubsubClients,
  target: Target,
  user: Pick<RedriveUser, 'report'>,
): Promise<string> {
  const topic = await startup.reach(
    brokerName(pubsub),
    pubsubHint,
    () => attachedTopic(clients, target),
    isNonRetryable,
  )
  const { topicId, topicIsSet, subscriptionId } = target
  if (topicIsSet && topic !== topicName(pubsub.projectId, topicId))
    user.report(
      `INGESTER_TOPICID says ${topicId}, but the subscription ${subscriptionId} is attached to ${topic}`,
    )
  return topic
}

/** @throws ConfigurationError where what was published to the topic may not have reached the subscription */
export async function confirmTopic(clients: PubsubClients, target: Target, topic: string): Promise<void> {
  const now = await attachedTopic(clients, target)
  if (now === topic) return
  throw new ConfigurationError(
    `the subscription ${target.subscriptionId} was replaced and is attached to ${now} now, no longer to ${topic}`,
    { fixes: [advice`redrive again`] },
  )
}
