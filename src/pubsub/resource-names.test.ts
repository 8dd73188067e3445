import assert from 'node:assert/strict'
import { test } from 'vitest'
import { nameWithin, partsOf, subscriptionName, topicName } from './resource-names.ts'

test('an id is of the configured project, a full name of its own', () => {
  assert.equal(subscriptionName('shop', 'orders-sub'), 'projects/shop/subscriptions/orders-sub')
  assert.equal(topicName('shop', 'orders'), 'projects/shop/topics/orders')
  const [subscription, topic] = ['projects/example.com:mill/subscriptions/s%2B', 'projects/42/topics/t']
  assert.equal(subscriptionName('shop', subscription), subscription)
  assert.equal(topicName('shop', topic), topic)
})

test('a full name and its parts; gcloud needs the project only of another one', () => {
  const topic = 'projects/example.com:mill/topics/flour'
  assert.deepEqual(partsOf(topic), { projectId: 'example.com:mill', id: 'flour' })
  assert.equal(nameWithin('example.com:mill', topic), 'flour')
  assert.equal(nameWithin('mill', topic), topic)
})
