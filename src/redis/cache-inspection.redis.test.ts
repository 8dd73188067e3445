import assert from 'node:assert/strict'
import { test } from 'vitest'
import { explain } from '#connect/explain.ts'
import { freePort } from '#stack/ports.ts'
import {
  adminOf,
  cacheRecord,
  callsOf,
  commit,
  newToken,
  openCache,
  startTestRedis,
} from '../../test/support/redis-cache.ts'
import { Keyspace } from './encoding.ts'
import { inspectKey } from './cache-inspection.ts'
import { RedisFailure } from './failure.ts'

const server = await startTestRedis()
const admin = adminOf(server)
const pipeline = { name: 'test', format: 1 }
const options = { host: server.host, port: server.port, db: 0, tls: false }
const look = (key: string, epoch = 'first') => inspectKey(options, pipeline, epoch, { key })
const keyspace = new Keyspace(pipeline, 'first')

test('a watermark is that of the committed record, in this epoch only', async () => {
  await using opened = await openCache(server)
  const record = cacheRecord('a', 2n ** 63n - 1n, 'x')
  await commit(opened, record)
  const { watermark, claim } = await look('a')
  assert.ok(watermark && watermark !== 'strange')
  assert.equal(watermark.version, record.version)
  assert.ok(watermark.isOf(record))
  assert.ok(!watermark.isOf({ ...record, content: 'y' }))
  assert.ok(!watermark.isOf({ ...record, version: record.version - 1n }))
  assert.equal(claim, undefined)
  assert.deepEqual(await look('a', 'second'), { watermark: undefined, claim: undefined })
  assert.deepEqual(await look('b'), { watermark: undefined, claim: undefined })
})

test('a claim, with its age and expiry; inspecting it does not change it', async () => {
  await using opened = await openCache(server)
  const record = cacheRecord('claimed', 7)
  const begun = await opened.cache.begin([record], newToken())
  for (let i = 0; i < 2; i++) {
    const { watermark, claim } = await look('claimed')
    assert.equal(watermark, undefined)
    assert.equal(claim?.version, 7n)
    assert.ok(claim.endsInMs > 5000 && claim.endsInMs <= 10_000, String(claim.endsInMs))
    assert.equal(claim.madeInMs, claim.endsInMs - 10_000)
  }
  await begun.release([record])
  assert.equal((await look('claimed')).claim, undefined)
})

test('it only reads', async () => {
  await look('x')
  await admin.config('RESETSTAT')
  await look('x')
  const stats = await admin.info('commandstats')
  const commands = [...stats.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name]) => name)
  for (const name of commands)
    assert.match(name ?? '', /^(mget|pttl|hello|select|client\|\w+|config\|\w+|info)$/)
  assert.equal(await callsOf(admin, 'mget'), 1)
})

test('foreign data is no watermark and no claim', async () => {
  for (const garbage of ['', 'x', '5:0123456789abcdefABCDEF', `${'5'.padStart(19, '0')}:short`]) {
    await admin.set(keyspace.watermark({ key: 'g' }), garbage)
    await admin.set(keyspace.claim({ key: 'g' }), garbage, 'PX', 5000)
    assert.deepEqual(await look('g'), { watermark: 'strange', claim: undefined }, garbage)
  }
  // Ours end by themselves.
  await admin.set(keyspace.claim({ key: 'endless' }), `${'5'.padStart(19, '0')}|token`)
  await admin.lpush(keyspace.watermark({ key: 'endless' }), 'a list')
  assert.deepEqual(await look('endless'), { watermark: undefined, claim: undefined })
})

test('a Redis that is down, or rejects us, is reported with the fix', async () => {
  const failed = (changes: object) =>
    inspectKey({ ...options, ...changes }, pipeline, 'first', { key: 'a' }).then(
      () => assert.fail('it was answered'),
      (error: unknown) => (assert.ok(error instanceof RedisFailure), explain(error)),
    )
  assert.match(await failed({ port: await freePort(0) }), /ECONNREFUSED.*check INGESTER_REDIS_ADDR/)
  assert.match(await failed({ db: 4711 }), /check INGESTER_REDIS_DB/)
  const locked = await startTestRedis({ requirepass: 'right' })
  assert.match(await failed({ port: locked.port }), /NOAUTH.*check INGESTER_REDIS_PASSWORD/)
})
