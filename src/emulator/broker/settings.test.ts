import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { SubscriptionConfig, TopicConfig } from './proto.ts'
import { changedSubscription, changedTopic, subscriptionConfig, topicConfig } from './settings.ts'
import type { StatusName } from './status.ts'

const topicName = 'projects/p/topics/topic'
const name = 'projects/p/subscriptions/subscription'
const topic = (fields: TopicConfig = {}) => topicConfig({ name: topicName, ...fields })
const subscription = (fields: SubscriptionConfig = {}) =>
  subscriptionConfig({ name, topic: topicName, ...fields })
const seconds = (count: number, nanos = 0) => ({ seconds: count, nanos })

const refused = (call: () => unknown, message: string | RegExp, status: StatusName = 'INVALID_ARGUMENT') =>
  assert.throws(call, { status, message })

describe('settings of a subscription', () => {
  test('have defaults', () => {
    assert.deepEqual(subscription({ labels: { a: 'b' }, enableMessageOrdering: true }), {
      name,
      topic: topicName,
      labels: { a: 'b' },
      enableMessageOrdering: true,
      pushConfig: {},
      ackDeadlineSeconds: 10,
      messageRetentionDuration: { seconds: 7 * 24 * 3600 },
      deadLetterPolicy: null,
      retryPolicy: null,
      detached: false,
      state: 'ACTIVE',
    })
  })

  test('an ack deadline is 10 to 600 s', () => {
    for (const [given, taken] of [
      [0, 10],
      [10, 10],
      [600, 600],
    ]) {
      assert.equal(subscription({ ackDeadlineSeconds: given as number }).ackDeadlineSeconds, taken)
    }
    for (const ackDeadlineSeconds of [-1, 1, 9, 601]) {
      refused(() => subscription({ ackDeadlineSeconds }), 'ack_deadline_secs out of bounds')
    }
  })

  test('messages are retained for 10 min to 31 days', () => {
    for (const given of [seconds(600), seconds(31 * 86_400)]) {
      assert.deepEqual(subscription({ messageRetentionDuration: given }).messageRetentionDuration, given)
      assert.deepEqual(topic({ messageRetentionDuration: given }).messageRetentionDuration, given)
    }
    for (const given of [seconds(0), seconds(599, 999_999_999), seconds(31 * 86_400, 1_000_000)]) {
      const message = 'message_retention_duration out of bounds'
      refused(() => subscription({ messageRetentionDuration: given }), message)
      refused(() => topic({ messageRetentionDuration: given }), message)
    }
  })

  test('dead letters: 5 to 100 attempts, 5 by default', () => {
    const attempts = (maxDeliveryAttempts: number) =>
      subscription({ deadLetterPolicy: { deadLetterTopic: topicName, maxDeliveryAttempts } }).deadLetterPolicy
    for (const [given, taken] of [
      [0, 5],
      [5, 5],
      [100, 100],
    ]) {
      assert.deepEqual(attempts(given as number), { deadLetterTopic: topicName, maxDeliveryAttempts: taken })
    }
    const prefix = 'The value for max_delivery_attempts is too'
    refused(
      () => attempts(4),
      `${prefix} small. You passed 4 in the request, but the minimum value is 5.`,
      'OUT_OF_RANGE',
    )
    refused(
      () => attempts(101),
      `${prefix} large. You passed 101 in the request, but the maximum value is 100.`,
      'OUT_OF_RANGE',
    )
  })

  test('retries: 0 to 600 s, 10 and 600 by default, the second not less than the first', () => {
    type Backoff = ReturnType<typeof seconds> | undefined
    const retries = (minimumBackoff: Backoff, maximumBackoff: Backoff) =>
      subscription({
        retryPolicy: { ...(minimumBackoff && { minimumBackoff }), ...(maximumBackoff && { maximumBackoff }) },
      }).retryPolicy
    for (const [minimum, maximum, least, most] of [
      [undefined, undefined, seconds(10), seconds(600)],
      [seconds(0), seconds(0), seconds(0), seconds(0)],
      [seconds(1, 500_000_000), seconds(600), seconds(1, 500_000_000), seconds(600)],
      [seconds(600), undefined, seconds(600), seconds(600)],
    ] as const) {
      assert.deepEqual(retries(minimum, maximum), { minimumBackoff: least, maximumBackoff: most })
    }
    const bounds = (which: string, value: number) =>
      `The value for ${which} is out of bounds. You passed ${value}s in the request, but the value must be between 0s and 600s.`
    refused(() => retries(seconds(-1), undefined), bounds('minimum_backoff', -1))
    refused(() => retries(seconds(601), seconds(602)), bounds('minimum_backoff', 601))
    refused(() => retries(seconds(1), seconds(600, 1_000_000)), bounds('maximum_backoff', 600.001))
    refused(
      () => retries(undefined, seconds(9)),
      'The value for maximum_backoff is too small. You passed 9s in the request, but the minimum value is 10s.',
    )
  })

  test('unsupported settings are rejected, not ignored', () => {
    const unserved: [SubscriptionConfig, string][] = [
      [{ filter: 'attributes:a' }, 'filter'],
      [{ enableExactlyOnceDelivery: true }, 'enable_exactly_once_delivery'],
      [{ bigqueryConfig: { table: 't' } }, 'bigquery_config'],
      [{ cloudStorageConfig: { bucket: 'b' } }, 'cloud_storage_config'],
      [{ pushConfig: { pushEndpoint: 'http://localhost' } }, 'push_config'],
      [{ messageTransforms: [{}] }, 'message_transforms'],
    ]
    for (const [fields, field] of unserved) {
      refused(() => subscription(fields), `${field} is not served by this emulator.`, 'UNIMPLEMENTED')
    }
    assert.doesNotThrow(() =>
      subscription({ filter: '', enableExactlyOnceDelivery: false, pushConfig: {}, messageTransforms: [] }),
    )
    for (const [fields, field] of [
      [{ schemaSettings: { schema: 's' } }, 'schema_settings'],
      [{ ingestionDataSourceSettings: {} }, 'ingestion_data_source_settings'],
      [{ messageTransforms: [{}] }, 'message_transforms'],
    ] as [TopicConfig, string][]) {
      refused(() => topic(fields), `${field} is not served by this emulator.`, 'UNIMPLEMENTED')
    }
  })

  test('a name must be valid', () => {
    refused(() => topic({ name: 'topic' }), 'Invalid [topics] name: (name=topic)')
    refused(() => subscription({ name: topicName }), `Invalid [subscriptions] name: (name=${topicName})`)
  })
})

describe('updates of settings', () => {
  const standing = subscription({ ackDeadlineSeconds: 20, labels: { a: 'b' } })
  const change = (fields: SubscriptionConfig, ...paths: string[]) =>
    changedSubscription(standing, fields, { paths })
  const prefix = (kind: string) => `Invalid update_mask provided in the Update${kind}Request:`

  test('change what the mask names', () => {
    const changed = change({ ackDeadlineSeconds: 30, labels: { c: 'd' } }, 'ack_deadline_seconds')
    assert.deepEqual(changed, { ...standing, ackDeadlineSeconds: 30 })
    const both = change({ ackDeadlineSeconds: 30, labels: {} }, 'ack_deadline_seconds', 'labels')
    assert.deepEqual(both, { ...standing, ackDeadlineSeconds: 30, labels: {} })
    const labels = changedTopic(topic(), { labels: { c: 'd' }, kmsKeyName: 'k' }, { paths: ['labels'] })
    assert.deepEqual(labels, { name: topicName, labels: { c: 'd' } })
  })

  test('reset a masked field without a value to its default', () => {
    assert.equal(change({}, 'ack_deadline_seconds').ackDeadlineSeconds, 10)
    const policed = subscription({ deadLetterPolicy: { deadLetterTopic: topicName, maxDeliveryAttempts: 9 } })
    assert.equal(changedSubscription(policed, {}, { paths: ['dead_letter_policy'] }).deadLetterPolicy, null)
  })

  test('have the same limits', () => {
    refused(
      () => change({ ackDeadlineSeconds: 9 }, 'ack_deadline_seconds'),
      'ack_deadline_secs out of bounds',
    )
    refused(
      () =>
        changedTopic(
          topic(),
          { messageRetentionDuration: seconds(1) },
          { paths: ['message_retention_duration'] },
        ),
      'message_retention_duration out of bounds',
    )
  })

  test('do not attach a detached subscription', () => {
    const detached = { ...standing, detached: true }
    assert.equal(changedSubscription(detached, { labels: {} }, { paths: ['labels'] }).detached, true)
  })

  test('need a mask', () => {
    const message = (kind: string) =>
      `The update_mask in the Update${kind}Request must be set, and must contain a non-empty paths list.`
    for (const mask of [undefined, null, {}, { paths: [] }]) {
      refused(() => changedSubscription(standing, {}, mask), message('Subscription'))
      refused(() => changedTopic(topic(), {}, mask), message('Topic'))
    }
  })

  test('whose fields can be changed', () => {
    for (const path of ['name', 'topic', 'filter', 'enable_message_ordering']) {
      refused(
        () => change({}, path),
        `${prefix('Subscription')} the ${path} field in the Subscription is not mutable.`,
      )
    }
    refused(
      () => changedTopic(topic(), {}, { paths: ['name'] }),
      `${prefix('Topic')} the name field in the Topic is not mutable.`,
    )
    for (const path of ['nonsense', 'ackDeadlineSeconds', 'state', '']) {
      refused(
        () => change({}, 'labels', path),
        `${prefix('Subscription')} ${path} is not a known Subscription field that can be changed.`,
      )
    }
  })
})
