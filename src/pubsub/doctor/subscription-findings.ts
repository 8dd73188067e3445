import type { Finding } from '#core/finding.ts'
import { failed, ok, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { setting, shell } from '#core/fix.ts'
import { creationLine, topicCreationLine } from '../admin.ts'
import { nameWithin, partsOf, subscriptionName, topicName } from '../resource-names.ts'
import type { ConfiguredTopic, Subscription } from '../subscription-topic.ts'
import { deletedTopic, detachment, differingTopic } from '../subscription-topic.ts'

export interface SubscriptionPlace extends ConfiguredTopic {
  readonly emulatorHost: string | undefined
  readonly ackDeadlineMs: number
}

export const subscriptionNames = [
  'subscription topic',
  'subscription delivery',
  'subscription ack deadline',
  'subscription options',
  'subscription dead letters',
  'subscription retention',
]

/** What the settings of an existing subscription mean to the ingester. */
export function subscriptionFindings(subscription: Subscription, place: SubscriptionPlace): Finding[] {
  return [
    topicFinding(subscription, place),
    deliveryFinding(subscription, place),
    ackDeadlineFinding(subscription, place),
    optionsFinding(subscription),
    deadLetterFinding(subscription, place),
    retentionFinding(subscription),
  ]
}

/** How long an unacked message is kept, in ms; Pub/Sub's default where it is not set. */
export function retentionMs({ messageRetentionDuration: duration }: Subscription): number {
  return duration ? Number(duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6 : 7 * 86_400_000
}

function topicFinding(subscription: Subscription, place: SubscriptionPlace): Finding {
  const name = 'subscription topic'
  const { topic } = subscription
  if (topic === deletedTopic) {
    const detail =
      'its topic was deleted: its backlog is still delivered, but nothing new; once that is stored, recreate the subscription'
    return failed(name, detail, renewal(subscription, place))
  }
  const { projectId, topicId } = place
  const other = differingTopic(subscription, place)
  const standing = standingTopic(subscription)
  const shown = standing === undefined ? 'not readable' : nameWithin(projectId, standing)
  if (other === undefined) return ok(name, shown)
  const expected = `the ${place.topicIsSet ? 'configured one' : "pipeline's own"} is ${topicId}`
  const detail = `it is ${shown}, while ${expected}: redrive publishes to the subscription's`
  return warning(name, detail, setting({ 'pubsub.topicId': other.fix }))
}

/** Its full name; undefined where it is not readable or is gone. */
function standingTopic({ topic }: Subscription): string | undefined {
  return topic && topic !== deletedTopic ? topic : undefined
}

function deliveryFinding(subscription: Subscription, place: SubscriptionPlace): Finding {
  const name = 'subscription delivery'
  if (subscription.detached) {
    const detail = `${detachment(subscription)}; renew it`
    return failed(name, detail, renewal(subscription, place))
  }
  const { projectId, id } = partsOf(subscriptionName(place.projectId, place.subscriptionId))
  if (subscription.pushConfig?.pushEndpoint) {
    const command = `gcloud pubsub subscriptions modify-push-config ${id} --push-endpoint= --project=${projectId}`
    const detail = `it pushes to ${subscription.pushConfig.pushEndpoint}: it must be pulled from`
    return failed(name, detail, shell(command))
  }
  const sink = exportOf(subscription)
  if (sink === undefined) return ok(name, 'pull')
  // The option names one of the configured project.
  const own = `${id}-ingester`
  const topic = standingTopic(subscription) ?? topicName(place.projectId, place.topicId)
  return failed(
    name,
    `it writes to ${sink}, and cannot be pulled from: the ingester needs one of its own`,
    shell(creationLine(subscriptionName(place.projectId, own), topic)),
    setting({ 'pubsub.subscriptionId': own }),
  )
}

function exportOf({ bigqueryConfig, cloudStorageConfig }: Subscription): string | undefined {
  if (bigqueryConfig?.table) return 'BigQuery'
  return cloudStorageConfig?.bucket ? 'Cloud Storage' : undefined
}

/** It is that of the subscription's other consumers: our streams ask for their own. */
function ackDeadlineFinding(
  { ackDeadlineSeconds }: Subscription,
  { ackDeadlineMs }: SubscriptionPlace,
): Finding {
  const detail = `${ackDeadlineSeconds} s; the ingester asks for ${ackDeadlineMs / 1000} s and renews them`
  return ok('subscription ack deadline', detail)
}

/** Neither is needed, and neither does harm. */
function optionsFinding({ filter, enableMessageOrdering, enableExactlyOnceDelivery }: Subscription): Finding {
  const notes = [
    ...(filter ? [`filter ${filter}: what it leaves out is never stored`] : []),
    ...(enableMessageOrdering ? ['ordered: slower, and not needed'] : []),
    ...(enableExactlyOnceDelivery ? ['exactly-once delivery: slower, and not needed'] : []),
  ]
  return ok('subscription options', notes.join('; ') || 'no filter, no ordering, at-least-once')
}

function deadLetterFinding(
  { deadLetterPolicy, retryPolicy }: Subscription,
  place: SubscriptionPlace,
): Finding {
  const name = 'subscription dead letters'
  if (!deadLetterPolicy?.deadLetterTopic)
    return ok(name, 'no policy: what cannot be stored goes to dead_letters')
  const attempts = deadLetterPolicy.maxDeliveryAttempts
  const policy = `after ${attempts} attempts to ${deadLetterPolicy.deadLetterTopic.replace(/.*\//, '')}`
  if (retryPolicy) return ok(name, `${policy}, with a retry policy`)
  const detail = `${policy}, without a retry policy: a few restarts in a row use up the attempts of good messages`
  return warning(name, detail, retryPolicyFix(place))
}

function retryPolicyFix({ projectId: configured, subscriptionId, emulatorHost }: SubscriptionPlace): Fix {
  const name = subscriptionName(configured, subscriptionId)
  if (emulatorHost === undefined) {
    const { projectId, id } = partsOf(name)
    const delays = '--min-retry-delay=10s --max-retry-delay=600s'
    return shell(`gcloud pubsub subscriptions update ${id} ${delays} --project=${projectId}`)
  }
  const retryPolicy = { minimumBackoff: '10s', maximumBackoff: '600s' }
  const body = JSON.stringify({ subscription: { name, retryPolicy }, updateMask: 'retryPolicy' })
  return shell(curl('PATCH', emulatorHost, name, body))
}

function retentionFinding(subscription: Subscription): Finding {
  const hours = retentionMs(subscription) / 3_600_000
  const detail = `messages that are not acked are kept for ${hours >= 48 ? `${hours / 24} days` : `${hours} h`}`
  return ok('subscription retention', detail)
}

/** It cannot be attached to a topic again. */
function renewal(
  subscription: Subscription,
  { projectId: configured, topicId, subscriptionId, emulatorHost }: SubscriptionPlace,
): Fix {
  const standing = standingTopic(subscription)
  const topic = standing ?? topicName(configured, topicId)
  const name = subscriptionName(configured, subscriptionId)
  if (emulatorHost === undefined) {
    const { projectId, id } = partsOf(name)
    return shell(
      `gcloud pubsub subscriptions delete ${id} --project=${projectId}`,
      ...(standing === undefined ? [topicCreationLine(topic)] : []),
      creationLine(name, topic),
    )
  }
  return shell(
    curl('DELETE', emulatorHost, name),
    ...(standing === undefined ? [curl('PUT', emulatorHost, topic)] : []),
    curl('PUT', emulatorHost, name, JSON.stringify({ topic })),
  )
}

/** Emulators speak REST, too; gcloud would ask Google. */
function curl(verb: string, emulatorHost: string, name: string, body?: string): string {
  const data = body === undefined ? '' : ` -H 'content-type: application/json' -d '${body}'`
  return `curl -sS -X ${verb} http://${emulatorHost}/v1/${name}${data}`
}
