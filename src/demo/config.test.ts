import assert from 'node:assert/strict'
import { test } from 'vitest'
import { scans } from '#pipeline/scans.ts'
import { configOf } from '#config/config.ts'
import { demoEnvironment, demoLog } from './config.ts'

const demoConfig = (...given: Parameters<typeof demoEnvironment>) =>
  configOf(demoEnvironment(...given)).config

const addresses = {
  emulatorHost: '127.0.0.1:8085',
  postgres: { host: '127.0.0.1', port: 5433, user: 'u', password: 'p', database: 'd' },
  redis: { address: '127.0.0.1:6379', password: 'r' },
}

test('the demo does not use the addresses, names and secrets of the environment', () => {
  const { redis, postgres, pubsub, pipelines } = demoConfig(
    {
      INGESTER_REDIS_ADDR: 'redis.example.com:6380',
      INGESTER_REDIS_PASSWORD: 'of another Redis',
      INGESTER_REDIS_URL: 'rediss://:of-another@redis.example.com:6380/7',
      INGESTER_POSTGRES_URL: 'postgres://of:another@db.example.com/database',
      INGESTER_POSTGRES_PASSWORD_FILE: '/no/such/file',
      INGESTER_REDIS_DB: '7',
      INGESTER_REDIS_TLS: 'true',
      INGESTER_POSTGRES_HOST: 'db.example.com',
      INGESTER_POSTGRES_PASSWORD: 'of another PostgreSQL',
      INGESTER_POSTGRES_SSL_MODE: 'verify-full',
      INGESTER_PROJECTID: 'production',
      INGESTER_TOPICID: 'orders',
      INGESTER_SUBSCRIPTIONID: 'orders-sub',
    },
    addresses,
    scans,
  )
  assert.deepEqual([redis.host, redis.port, redis.password?.()], ['127.0.0.1', 6379, 'r'])
  assert.deepEqual([redis.db, redis.tls], [0, false])
  assert.deepEqual([postgres.host, postgres.password(), postgres.sslMode], ['127.0.0.1', 'p', 'disable'])
  assert.deepEqual([pubsub.projectId, pubsub.emulatorHost], ['test-project', '127.0.0.1:8085'])
  assert.deepEqual([pubsub.topicId, pubsub.subscriptionId, ...pipelines], ['scan-topic', 'scan-sub', 'scans'])
})

test('other settings are the user’s', () => {
  assert.equal(demoConfig({ INGESTER_MAX_BATCH_SIZE: '17' }, addresses, scans).engine.maxBatchRecords, 17)
})

test('on a shared emulator the names are the demo’s own', () => {
  const { pubsub } = demoConfig({ PUBSUB_EMULATOR_HOST: 'elsewhere:1' }, addresses, scans)
  assert.deepEqual(
    [pubsub.topicId, pubsub.subscriptionId],
    [`scan-topic-demo-${process.pid}`, `scan-sub-demo-${process.pid}`],
  )
})

test('without Redis there is no cache', () => {
  assert.equal(demoConfig({}, { ...addresses, redis: undefined }, scans).redis.enabled, false)
})

test('before the stack runs, the log settings are known, and faults in what the user may set', () => {
  const ofOthers = { INGESTER_POSTGRES_PORT: 'x', INGESTER_POSTGRES_PASSWORD_FILE: '/no/such/file' }
  assert.deepEqual(demoLog(ofOthers), { level: 'info', output: 'console' })
  assert.throws(() => demoLog({ INGESTER_MAX_BATCH_SIZE: 'x', INGESTER_REDIS_TTL: 'y' }), {
    message: /^invalid configuration:\n {2}INGESTER_REDIS_TTL: .*\n {2}INGESTER_MAX_BATCH_SIZE: .*$/,
  })
})
