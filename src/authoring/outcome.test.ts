import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Delivery } from '#core/delivery.ts'
import type { Decoded } from '#core/pipeline.ts'
import { Ignored } from '#core/ignored.ts'
import { Rejection } from '#core/rejection.ts'
import { definePipeline } from '#pipeline/define-pipeline.ts'
import { outcomeOf } from './outcome.ts'

interface Row {
  readonly id: number | string
  readonly at: number
  readonly isOn?: boolean
  readonly gone?: string
}

const delivery: Delivery = {
  messageId: '1',
  publishTimeMs: 0,
  orderingKey: '',
  attributes: {},
  data: Buffer.alloc(0),
  deliveryAttempt: 0,
  bytes: 0,
  receivedAtMs: 0,
}

function outcome(decode: () => Decoded<Row>) {
  const pipeline = definePipeline<Row, string>({
    name: 'switches',
    topic: 'switches',
    subscription: 'switches-sub',
    table: {
      name: 'switches',
      columns: [
        { name: 'id', type: 'bigint', of: (row) => row.id },
        { name: 'at', type: 'timestamptz', from: 'unix-seconds', of: (row) => row.at },
        { name: 'is_on', type: 'boolean', of: (row) => row.isOn ?? null },
        { name: 'gone_at', type: 'text', of: (row) => row.gone ?? null },
      ],
      key: ['id'],
      version: ['at'],
      delete: { when: (row) => row.gone !== undefined, mode: { column: 'gone_at' } },
    },
    decode,
    rejections: ['odd'],
    ignoreRules: ['test'],
  })
  return outcomeOf(pipeline, delivery, 7, { maxMessageBytes: 1000, maxClockSkewMs: 0 })
}

const nothing = { message: 7, rows: [], deleted: [], added: [], ignored: [], rejected: [] }

test('a row has the values that will be in the table', () => {
  assert.deepEqual(
    outcome(() => ({ id: '9007199254740993', at: 1_700_000_000, isOn: true })),
    {
      ...nothing,
      rows: [{ id: '9007199254740993', at: '2023-11-14T22:13:20Z', is_on: true, gone_at: null }],
    },
  )
  const [row] = outcome(() => ({ id: 1, at: 0, isOn: false })).rows
  assert.deepEqual(row, { id: 1, at: '1970-01-01T00:00:00Z', is_on: false, gone_at: null })
})

test('of a deletion what counts', () => {
  const { deleted, rows } = outcome(() => ({ id: 1, at: 0, isOn: true, gone: 'yes' }))
  assert.deepEqual([deleted, rows], [[{ id: 1, at: '1970-01-01T00:00:00Z', gone_at: 'yes' }], []])
})

test('of several records each', () => {
  const several = outcome(() => [
    { id: 1, at: 0 },
    new Ignored('test'),
    new Rejection('odd', 'it is odd'),
    { id: 'x', at: 0 },
  ])
  assert.equal(several.rows.length, 1)
  assert.deepEqual(several.ignored, ['test'])
  assert.deepEqual(
    several.rejected.map(({ reason }) => reason),
    ['odd', 'bad-value'],
  )
})

test('none at all, rules that are not declared, and code that fails, as the engine counts them', () => {
  assert.deepEqual(
    outcome(() => []),
    { ...nothing, ignored: ['empty'] },
  )
  assert.deepEqual(
    outcome(() => new Ignored('made-up')),
    { ...nothing, ignored: ['undeclared'] },
  )
  const failing = () => {
    throw new Error('boom')
  }
  assert.deepEqual(outcome(failing), { ...nothing, rejected: [{ reason: 'decoder-error', detail: 'boom' }] })
})

test('of sums: what is added to the row of which key', () => {
  const sums = definePipeline<{ page: string; views: bigint }, string>({
    name: 'views',
    topic: 'views',
    subscription: 'views-sub',
    table: {
      name: 'views',
      mode: 'sum',
      columns: [
        { name: 'views', type: 'bigint', of: ({ views }) => views },
        { name: 'page', type: 'text', of: ({ page }) => page },
      ],
      key: ['page'],
    },
    decode: () => [
      { page: '/', views: 2n ** 53n + 1n },
      { page: '/b', views: -1n },
    ],
  })
  const limits = { maxMessageBytes: 1000, maxClockSkewMs: 0 }
  assert.deepEqual(outcomeOf(sums, delivery, 7, limits), {
    ...nothing,
    added: [
      { key: { page: '/' }, by: { views: '9007199254740993' } },
      { key: { page: '/b' }, by: { views: -1 } },
    ],
  })
  const unreadable = { ...delivery, attributes: { 'ingester-request': 'x' } }
  assert.equal(outcomeOf(sums, unreadable, 7, limits).rejected[0]?.reason, 'bad-identity')
})
