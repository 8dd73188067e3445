import { validName } from './names.ts'
import type { Duration, FieldMask, SubscriptionConfig, TopicConfig } from './proto.ts'
import { msOf } from './proto.ts'
import { StatusError, invalidArgument, unimplemented } from './status.ts'

const minRetentionSeconds = 10 * 60
const maxRetentionSeconds = 31 * 24 * 3600
const defaultRetentionSeconds = 7 * 24 * 3600
const maxBackoffSeconds = 600

/** Settings that would change what is delivered, and whom to, and which we do not act on. */
const unservedOfTopic = ['schemaSettings', 'ingestionDataSourceSettings'] as const
const unservedOfSubscription = [
  'bigqueryConfig',
  'cloudStorageConfig',
  'bigtableConfig',
  'filter',
  'enableExactlyOnceDelivery',
] as const

const changeableOfTopic = ['labels', 'messageRetentionDuration', 'kmsKeyName', 'messageStoragePolicy']
const changeableOfSubscription = [
  'ackDeadlineSeconds',
  'labels',
  'retainAckedMessages',
  'messageRetentionDuration',
  'expirationPolicy',
  'deadLetterPolicy',
  'retryPolicy',
  'pushConfig',
  'bigqueryConfig',
  'cloudStorageConfig',
  'bigtableConfig',
  'enableExactlyOnceDelivery',
]
const fixedOfSubscription = ['name', 'topic', 'enableMessageOrdering', 'filter']

/** @throws StatusError for a setting that is wrong, or not served */
export function topicConfig(config: TopicConfig): TopicConfig {
  refuse(config, unservedOfTopic)
  if (config.messageTransforms?.length) throw unimplemented('message_transforms')
  checkRetention(config.messageRetentionDuration)
  checkRegions(config.messageStoragePolicy)
  return { ...config, name: validName('topics', config.name) }
}

/**
 * With the defaults filled in.
 *
 * @throws StatusError for a setting that is wrong, or not served
 */
export function subscriptionConfig(config: SubscriptionConfig): SubscriptionConfig {
  refuse(config, unservedOfSubscription)
  if (config.messageTransforms?.length) throw unimplemented('message_transforms')
  if (config.pushConfig?.pushEndpoint) throw unimplemented('push_config')
  checkRetention(config.messageRetentionDuration)
  return {
    ...config,
    name: validName('subscriptions', config.name),
    pushConfig: {},
    ackDeadlineSeconds: ackDeadline(config.ackDeadlineSeconds ?? 0),
    messageRetentionDuration: config.messageRetentionDuration ?? { seconds: defaultRetentionSeconds },
    deadLetterPolicy: config.deadLetterPolicy ? deadLetterPolicy(config.deadLetterPolicy) : null,
    retryPolicy: config.retryPolicy ? retryPolicy(config.retryPolicy) : null,
    detached: false,
    state: 'ACTIVE',
  }
}

/** @throws StatusError for a mask that names nothing that can be changed */
export function changedTopic(
  standing: TopicConfig,
  change: TopicConfig,
  mask: FieldMask | null | undefined,
): TopicConfig {
  return topicConfig({ ...standing, ...masked('Topic', change, mask, changeableOfTopic, ['name']) })
}

/** @throws StatusError for a mask that names nothing that can be changed */
export function changedSubscription(
  standing: SubscriptionConfig,
  change: SubscriptionConfig,
  mask: FieldMask | null | undefined,
): SubscriptionConfig {
  const changed = masked('Subscription', change, mask, changeableOfSubscription, fixedOfSubscription)
  return { ...subscriptionConfig({ ...standing, ...changed }), detached: standing.detached ?? false }
}

function masked<T extends object>(
  kind: string,
  change: T,
  mask: FieldMask | null | undefined,
  changeable: readonly string[],
  fixed: readonly string[],
): Partial<T> {
  if (!mask?.paths?.length) {
    const request = `Update${kind}Request`
    throw invalidArgument(
      `The update_mask in the ${request} must be set, and must contain a non-empty paths list.`,
    )
  }
  const names = mask.paths.map((path) => {
    const name = path.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (changeable.includes(name) && path === snakeCase(name)) return name
    const why = fixed.includes(name)
      ? `the ${path} field in the ${kind} is not mutable.`
      : `${path} is not a known ${kind} field that can be changed.`
    throw invalidArgument(`Invalid update_mask provided in the Update${kind}Request: ${why}`)
  })
  return Object.fromEntries(names.map((name) => [name, change[name as keyof T]])) as Partial<T>
}

const snakeCase = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

function refuse<T extends object>(config: T, unserved: readonly (keyof T & string)[]): void {
  const name = unserved.find((one) => config[one])
  if (name) throw unimplemented(snakeCase(name))
}

function ackDeadline(seconds: number): number {
  if (seconds === 0) return 10
  if (seconds < 10 || seconds > 600) throw invalidArgument('ack_deadline_secs out of bounds')
  return seconds
}

function checkRetention(duration: Duration | null | undefined): void {
  if (!duration) return
  const seconds = msOf(duration) / 1000
  if (seconds < minRetentionSeconds || seconds > maxRetentionSeconds) {
    throw invalidArgument('message_retention_duration out of bounds')
  }
}

/** Without a policy the organization's applies; one without regions would allow no place at all. */
function checkRegions(policy: TopicConfig['messageStoragePolicy']): void {
  const regions = policy?.allowedPersistenceRegions
  if (policy && (!regions?.length || regions.includes(''))) {
    throw invalidArgument('message_storage_policy.allowed_persistence_regions must name at least one region')
  }
}

function deadLetterPolicy(policy: NonNullable<SubscriptionConfig['deadLetterPolicy']>) {
  const attempts = policy.maxDeliveryAttempts || 5
  const wrong =
    attempts < 5 ? ['small', 'minimum', 5] : attempts > 100 ? ['large', 'maximum', 100] : undefined
  if (!wrong) return { ...policy, maxDeliveryAttempts: attempts }
  const [size, bound, value] = wrong
  throw new StatusError(
    'OUT_OF_RANGE',
    `The value for max_delivery_attempts is too ${size}. You passed ${attempts} in the request, but the ${bound} ` +
      `value is ${value}.`,
  )
}

function retryPolicy({
  minimumBackoff,
  maximumBackoff,
}: NonNullable<SubscriptionConfig['retryPolicy']>): NonNullable<SubscriptionConfig['retryPolicy']> {
  const minimum = minimumBackoff ? msOf(minimumBackoff) / 1000 : 10
  const maximum = maximumBackoff ? msOf(maximumBackoff) / 1000 : maxBackoffSeconds
  for (const [name, value] of [
    ['minimum_backoff', minimum],
    ['maximum_backoff', maximum],
  ] as const) {
    if (value >= 0 && value <= maxBackoffSeconds) continue
    throw invalidArgument(
      `The value for ${name} is out of bounds. You passed ${value}s in the request, but the value must be between ` +
        `0s and ${maxBackoffSeconds}s.`,
    )
  }
  if (maximum < minimum) {
    throw invalidArgument(
      `The value for maximum_backoff is too small. You passed ${maximum}s in the request, but the minimum value is ` +
        `${minimum}s.`,
    )
  }
  return { minimumBackoff: duration(minimum), maximumBackoff: duration(maximum) }
}

function duration(seconds: number): Duration {
  const whole = Math.floor(seconds)
  return { seconds: whole, nanos: Math.round((seconds - whole) * 1e9) }
}
