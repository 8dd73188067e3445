import assert from 'node:assert/strict'
import { test } from 'vitest'
import { variables } from '#connect/option-variables.ts'
import type { Settings } from '#core/fix.ts'
import type { Option } from '#core/option.ts'
import type { Config } from '#config/config.ts'
import { configOf } from '#config/config.ts'
import { builtInPipeline } from '#connect/pipelines.ts'
import type { Finding } from '#core/finding.ts'
import {
  combinationFindings,
  deleteHorizonFinding,
  identityHorizonFinding,
  postgresTlsFinding,
  redisTlsFinding,
  redisTtlFinding,
} from './combination-findings.ts'

const configWith = (environment: Readonly<Record<string, string>> = {}) =>
  configOf({
    INGESTER_PROJECTID: 'my-project',
    INGESTER_POSTGRES_USER: 'u',
    INGESTER_POSTGRES_PASSWORD: 'p',
    INGESTER_POSTGRES_DB: 'd',
    ...environment,
  }).config

const variablesOf = (values: Settings) =>
  Object.fromEntries(Object.entries(values).map(([option, value]) => [variables[option as Option], value]))

/** What is printed as a warning is right once its settings are pasted. */
function warns(
  findings: (config: ReturnType<typeof configWith>) => Finding[],
  ...environments: Record<string, string>[]
) {
  for (const environment of environments) {
    const [found, ...others] = findings(configWith(environment)).filter(({ status }) => status !== 'ok')
    assert.equal(found?.status, 'warning', JSON.stringify(environment))
    assert.deepEqual(others, [])
    const [fix] = found.fixes
    assert.equal(fix?.kind, 'setting')
    const then = findings(configWith({ ...environment, ...variablesOf(fix.values) }))
    assert.ok(then.every(({ status }) => status === 'ok'))
  }
}

const combinations = (config: Config) => combinationFindings(config, [builtInPipeline('scans')])

test('a pipeline has a flush interval of its own, where none is configured', () => {
  const detailOf = (config: Config) =>
    combinationFindings(config, [builtInPipeline('increments')]).find(({ name }) => name === 'flush interval')
      ?.detail
  assert.match(String(detailOf(configWith())), /^1s, below/)
  assert.match(String(detailOf(configWith({ INGESTER_FLUSH_INTERVAL: '5s' }))), /^5s, below/)
})

test('the defaults fit together, and so do the minimum values', () => {
  const least = {
    INGESTER_MAX_OUTSTANDING_MESSAGES: '1',
    INGESTER_MAX_BATCH_SIZE: '1',
    INGESTER_MAX_OUTSTANDING_BYTES: '1',
    INGESTER_MAX_BATCH_BYTES: '1',
    INGESTER_MAX_MESSAGE_BYTES: '1',
  }
  for (const config of [configWith(), configWith(least)]) {
    assert.ok(combinations(config).every(({ status }) => status === 'ok'))
  }
})

test('a batch that never fills, a flush after the lease, a shutdown timeout that is too short or too long', () => {
  warns(
    combinations,
    { INGESTER_MAX_BATCH_SIZE: '16001' },
    { INGESTER_MAX_BATCH_BYTES: '51MiB' },
    { INGESTER_FLUSH_INTERVAL: '30s' },
    { INGESTER_FLUSH_INTERVAL: '10s', INGESTER_ACK_DEADLINE: '10s' },
    { INGESTER_SHUTDOWN_TIMEOUT: '0' },
    { INGESTER_SHUTDOWN_TIMEOUT: '29s' },
  )
})

test('plaintext, or encryption without verification, to another machine', () => {
  const host = 'db.example'
  warns(
    ({ postgres }) => [postgresTlsFinding(postgres)],
    { INGESTER_POSTGRES_HOST: host, INGESTER_POSTGRES_SSL_MODE: 'disable' },
    { INGESTER_POSTGRES_HOST: host, INGESTER_POSTGRES_SSL_MODE: 'require' },
  )
  warns(({ redis }) => [redisTlsFinding(redis)], { INGESTER_REDIS_ADDR: `${host}:6379` })
  for (const own of ['127.0.0.1', 'localhost', '::1', '/run/postgresql']) {
    const { postgres } = configWith({ INGESTER_POSTGRES_HOST: own, INGESTER_POSTGRES_SSL_MODE: 'disable' })
    assert.equal(postgresTlsFinding(postgres).status, 'ok')
  }
  for (const other of ['127.0.0.1.example.com', '128.0.0.1', '0.0.0.0']) {
    const { postgres } = configWith({ INGESTER_POSTGRES_HOST: other, INGESTER_POSTGRES_SSL_MODE: 'disable' })
    assert.equal(postgresTlsFinding(postgres).status, 'warning')
  }
})

test('a deletion that is forgotten before its messages', () => {
  const week = 7 * 86_400_000
  warns(({ engine }) => [deleteHorizonFinding(engine, week)], { INGESTER_DELETE_HORIZON: '191h' })
  assert.equal(deleteHorizonFinding(configWith().engine, week).status, 'ok', 'the default is that and a day')
  assert.equal(deleteHorizonFinding(configWith().engine, undefined).status, 'skipped')
})

test('what has counted, forgotten before it is delivered for the last time', () => {
  const week = 7 * 86_400_000
  warns(({ engine }) => [identityHorizonFinding(engine, week)], { INGESTER_IDENTITY_HORIZON: '191h' })
  assert.equal(
    identityHorizonFinding(configWith().engine, week).status,
    'ok',
    'the default is that and a day',
  )
  assert.equal(identityHorizonFinding(configWith().engine, undefined).status, 'skipped')
})

test('a watermark that expires before its message', () => {
  const week = 7 * 86_400_000
  warns(({ redis }) => [redisTtlFinding(redis, week)], { INGESTER_REDIS_TTL: '167.9h' })
  assert.equal(redisTtlFinding(configWith().redis, week).status, 'ok', 'the default is what Pub/Sub keeps')
  assert.equal(redisTtlFinding(configWith().redis, undefined).status, 'skipped')
})
