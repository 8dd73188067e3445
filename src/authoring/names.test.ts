import assert from 'node:assert/strict'
import { test } from 'vitest'
import { isResourceId } from '#config/names.ts'
import { defaultFile, guessedSubscription, guessedTopic, pipelineName, resourceFault } from './names.ts'

const tables: readonly (readonly [table: string, name: string, file: string])[] = [
  ['orders', 'orders', 'orders.pipeline.yaml'],
  ['sales.orders', 'orders', 'orders.pipeline.yaml'],
  ['scan_results', 'scan-results', 'scan_results.pipeline.yaml'],
  ['OrderItems', 'order-items', 'OrderItems.pipeline.yaml'],
  ['"sales.eu"."Größe 2"', 'gro-e-2', 'Größe-2.pipeline.yaml'],
  ['2024_orders', 'table-2024-orders', '2024_orders.pipeline.yaml'],
  ['注文', 'table', '注文.pipeline.yaml'],
  ['"../../etc/x"', 'etc-x', 'etc-x.pipeline.yaml'],
  ['"..."', 'table', 'table.pipeline.yaml'],
  ['t', 't', 't.pipeline.yaml'],
  ['google', 'google', 'google.pipeline.yaml'],
  ['x'.repeat(63), 'x'.repeat(50), `${'x'.repeat(63)}.pipeline.yaml`],
]

test('names for a table: of the pipeline, the file, topic and subscription', () => {
  for (const [table, name, file] of tables) {
    assert.deepEqual([pipelineName(table), defaultFile(table)], [name, file], table)
    assert.match(name, /^[a-z][a-z0-9-]{0,49}$/)
    for (const id of [guessedTopic(name), guessedSubscription(name)]) assert.ok(isResourceId(id), id)
  }
  assert.deepEqual([guessedTopic('orders'), guessedSubscription('orders')], ['orders', 'orders-sub'])
  assert.deepEqual([guessedTopic('t'), guessedSubscription('google')], ['topic-t', 'subscription-google'])
})

test('names of topics and subscriptions: ids, and full names of their own kind', () => {
  for (const text of ['orders-sub', 'projects/my-project/subscriptions/orders'])
    assert.equal(resourceFault('subscription', text), undefined)
  for (const text of [
    '',
    'a',
    'goog-x',
    'a b',
    'projects/p/topics/orders',
    'projects/p/subscriptions/',
    'x/y',
  ])
    assert.match(
      resourceFault('subscription', text) ?? '',
      /^must be an id .* or projects\/PROJECT\/subscriptions\/ID, not "/,
      text,
    )
  assert.equal(resourceFault('topic', 'projects/p/topics/orders'), undefined)
})
