import assert from 'node:assert/strict'
import { test } from 'vitest'
import { similarName } from './similar.ts'

const known = [
  'INGESTER_WORKER_COUNT',
  'INGESTER_POSTGRES_HOST',
  'INGESTER_POSTGRES_PORT',
  'INGESTER_TOPICID',
]

for (const [name, meant] of [
  ['ingester_worker_count', 'INGESTER_WORKER_COUNT'],
  ['INGESTER-WORKER.COUNT', 'INGESTER_WORKER_COUNT'],
  ['INGESTR_WORKER_COUNT', 'INGESTER_WORKER_COUNT'],
  ['INGESTER_POSTGRES_HOTS', 'INGESTER_POSTGRES_HOST'],
  ['INGESTER_POSTGRES_POTR', 'INGESTER_POSTGRES_PORT'],
  ['INGESTER_TOPIC_ID', 'INGESTER_TOPICID'],
  ['INGESTER_SERVICE_HOST', undefined],
  ['POSTGRES_HOST', undefined],
  ['PATH', undefined],
] as const) {
  test(`${name} is ${meant ?? 'none of them'}`, () => assert.equal(similarName(name, known), meant))
}

for (const [name, meant] of [
  ['pth', 'path'],
  ['unti', 'unit'],
  ['is', 'in'],
  ['<<', undefined],
  ['a', undefined],
] as const) {
  test(`of short names, ${name} is ${meant ?? 'none of them'}`, () => {
    assert.equal(similarName(name, ['path', 'unit', 'in', 'skip']), meant)
  })
}
