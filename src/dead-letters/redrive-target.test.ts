import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { RedriveConfig } from './redrive-target.ts'
import { originOf } from './redrive-target.ts'

test('dead letters are those of the subscription, which may be of another project', () => {
  const config = { pubsub: { projectId: 'shop' } } as RedriveConfig
  const of = (subscriptionId: string, anySubscription = false) =>
    originOf(
      config,
      { pipeline: 'orders', subscriptionId, topicId: 'orders', topicIsSet: false, horizon: undefined },
      { status: 'new', anySubscription },
    ).subscription
  assert.equal(of('orders-sub'), 'projects/shop/subscriptions/orders-sub')
  const full = 'projects/mill/subscriptions/orders-sub'
  assert.equal(of(full), full)
  assert.equal(of(full, true), undefined)
})
