import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import {
  adminOf,
  cacheRecord,
  commit,
  openCache,
  startTestRedis,
  verdictsOf,
} from '../../test/support/redis-cache.ts'
import { until } from '../../test/support/postgres.ts'
import { alwaysAsync } from '../../test/support/seed.ts'
import { Keyspace } from './encoding.ts'

/** A cluster of one: it refuses a script whose keys are not of one slot. */
const server = await startTestRedis({ 'cluster-enabled': 'yes' })
const admin = adminOf(server)
await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')

const braces = fc.string({ maxLength: 6, unit: fc.constantFrom('{', '}', ':', 'a', 'é', ' ') })

test('all keys of a pipeline are in one slot of a cluster, braces or not', async () => {
  const property = fc.asyncProperty(braces, fc.array(braces, { minLength: 1 }), async (name, keys) => {
    const keyspace = new Keyspace({ name, format: 1 }, 'epoch')
    const names = keys.flatMap((key) => {
      const record = cacheRecord(key, 1)
      return [keyspace.watermark(record), keyspace.claim(record)]
    })
    const slots = await Promise.all(names.map((one) => admin.cluster('KEYSLOT', one)))
    assert.equal(new Set(slots).size, 1)
  })
  await alwaysAsync(property, 100)
})

test('a cluster executes the script', async () => {
  const state = async () => /cluster_state:(\w+)/.exec(String(await admin.call('CLUSTER', 'INFO')))?.[1]
  await until(async () => (await state()) === 'ok')
  await using opened = await openCache(server, { pipeline: { name: 'a {b} c', format: 1 } })
  const records = ['a', '{a}', '{b}', '}{', ''].map((key) => cacheRecord(key, 5))
  await commit(opened, ...records)
  assert.deepEqual(
    await verdictsOf(opened, ...records),
    records.map(() => 'stale'),
  )
  assert.deepEqual(opened.tally.bypasses, {})
})
