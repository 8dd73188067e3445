import type { Finding } from '#core/finding.ts'
import { failed, ok, warning } from '#core/finding.ts'
import type { Fix } from '#core/fix.ts'
import { setting, shell } from '#core/fix.ts'
import { creationLine } from '../admin.ts'
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
  if (other === undefined) return ok(name, topicOf(subscription, projectId) ?? 'not readable')
  const expected = `the ${place.topicIsSet ? 'configured one' : "pipeline's own"} is ${topicId}`
  const detail = `it is ${topicOf(subscription, projectId)}, while ${expected}: redrive publishes to the subscription's`
  return warning(name, detail, setting({ 'pubsub.topicId': other.fix }))
}

/** As gcloud takes it: the id of one of this project, else the full name; undefined where it is not readable or is gone. */
function topicOf({ topic }: Subscription, projectId: string): string | undefined {
  if (!topic || topic === deletedTopic) return undefined
  const own = `projects/${projectId}/topics/`
  return topic.startsWith(own) ? topic.slice(own.length) : topic
}

function deliveryFinding(subscription: Subscription, place: SubscriptionPlace): Finding {
  const name = 'subscription delivery'
  if (subscription.detached) {
    const detail = `${detachment(subscription)}; renew it`
    return failed(name, detail, renewal(subscription, place))
  }
  const { projectId, subscriptionId } = place
  if (subscription.pushConfig?.pushEndpoint) {
    const command = `gcloud pubsub subscriptions modify-push-config ${subscriptionId} --push-endpoint= --project=${projectId}`
    const detail = `it pushes to ${subscription.pushConfig.pushEndpoint}: it must be pulled from`
    return failed(name, detail, shell(command))
  }
  const sink = exportOf(subscription)
  if (sink === undefined) return ok(name, 'pull')
  const own = `${subscriptionId}-ingester`
  return failed(
    name,
    `it writes to ${sink}, and cannot be pulled from: the ingester needs one of its own`,
    shell(creationLine(projectId, topicOf(subscription, projectId) ?? place.topicId, own)),
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

function retryPolicyFix({ projectId, subscriptionId, emulatorHost }: SubscriptionPlace): Fix {
  if (emulatorHost === undefined) {
    const delays = '--min-retry-delay=10s --max-retry-delay=600s'
    return shell(`gcloud pubsub subscriptions update ${subscriptionId} ${delays} --project=${projectId}`)
  }
  const name = `projects/${projectId}/subscriptions/${subscriptionId}`
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
  { projectId, topicId, subscriptionId, emulatorHost }: SubscriptionPlace,
): Fix {
  const standing = topicOf(subscription, projectId)
  if (emulatorHost === undefined) {
    return shell(
      `gcloud pubsub subscriptions delete ${subscriptionId} --project=${projectId}`,
      ...(standing === undefined ? [`gcloud pubsub topics create ${topicId} --project=${projectId}`] : []),
      creationLine(projectId, standing ?? topicId, subscriptionId),
    )
  }
  const topic = standing === undefined ? `projects/${projectId}/topics/${topicId}` : subscription.topic
  const name = `projects/${projectId}/subscriptions/${subscriptionId}`
  return shell(
    curl('DELETE', emulatorHost, name),
    ...(standing === undefined ? [curl('PUT', emulatorHost, topic as string)] : []),
    curl('PUT', emulatorHost, name, JSON.stringify({ topic })),
  )
}

/** Emulators speak REST, too; gcloud would ask Google. */
function curl(verb: string, emulatorHost: string, name: string, body?: string): string {
  const data = body === undefined ? '' : ` -H 'content-type: application/json' -d '${body}'`
  return `curl -sS -X ${verb} http://${emulatorHost}/v1/${name}${data}`
}
