import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { RunningDemo } from '#demo/run.ts'
import { configOf, gatewayConfigOf } from '#config/config.ts'
import { demoBlock, gatewayBlock, runBlock } from './start-block.ts'

const { config } = configOf({
  INGESTER_PROJECTID: 'my-project',
  INGESTER_TOPICID: 'scan-topic',
  INGESTER_SUBSCRIPTIONID: 'scan-sub',
  INGESTER_POSTGRES_USER: 'u',
  INGESTER_POSTGRES_PASSWORD: 'hunter2',
  INGESTER_POSTGRES_DB: 'd',
  INGESTER_WORKER_COUNT: '3',
})
const ingester = {
  adminUrl: 'http://127.0.0.1:9400',
  pipelines: [
    {
      name: 'scans',
      subscription: 'projects/p/subscriptions/scan-sub',
      table: 'scan_results',
      cache: 'redis://localhost:6379/0, watermarks and claims',
      flushIntervalMs: 100,
    },
  ],
}
const service = (change: Partial<typeof config> = {}) => ({
  config: { ...config, ...change },
  ingester,
  psql: 'psql postgres://…',
  startSeconds: 0.6,
})

test('run: one aligned block with version, pipeline, stores, limits and addresses, and no password', () => {
  const lines = runBlock(service())
  assert.match(lines.join('\n'), /^\ningester \d+\.\d+\.\d+, ready after 0\.6 s\n/)
  const facts = lines.filter((line) => line.startsWith('  '))
  for (const line of facts) assert.match(line, /^ {2}\S.{11} {2}\S/, 'aligned')
  assert.deepEqual(
    facts.map((line) => line.slice(2, 14).trim()),
    ['pipeline', 'PostgreSQL', 'cache', 'workers', 'in flight', 'lease', 'admin', 'Ctrl-C'],
  )
  const text = lines.join('\n')
  for (const fact of [
    'scans: projects/p/subscriptions/scan-sub → scan_results, dead_letters',
    '3; batches of 1,000 records, every 100ms',
    'at most 20,000 messages, 100 MiB',
    'http://127.0.0.1:9400/metrics, http://127.0.0.1:9400/readyz',
    'drains in-flight messages for up to 25s',
  ])
    assert.ok(text.includes(fact), fact)
  assert.ok(!text.includes('hunter2'))
})

test('run: a line for each pipeline', () => {
  const orders = {
    name: 'orders',
    subscription: 'projects/p/subscriptions/o',
    table: 'orders',
    cache: '',
    flushIntervalMs: 100,
  }
  const running = { ...service(), ingester: { ...ingester, pipelines: [...ingester.pipelines, orders] } }
  const lines = runBlock(running)
  assert.deepEqual(
    lines.filter((line) => line.includes('→')).map((line) => line.trim().replaceAll(/\s+/g, ' ')),
    [
      'pipeline scans: projects/p/subscriptions/scan-sub → scan_results, dead_letters',
      'pipeline orders: projects/p/subscriptions/o → orders, dead_letters',
    ],
  )
  assert.match(lines.join('\n'), /workers {7}3 each; /)
})

test('run: an emulator is named, and an interval of 0 is explained', () => {
  const atOnce = ingester.pipelines.map((one) => ({ ...one, flushIntervalMs: 0 }))
  const text = runBlock({
    ...service({ pubsub: { ...config.pubsub, emulatorHost: '127.0.0.1:8085' } }),
    ingester: { ...ingester, pipelines: atOnce },
  }).join('\n')
  assert.match(text, /emulator {6}PUBSUB_EMULATOR_HOST=127\.0\.0\.1:8085$/m)
  assert.match(text, /records, as soon as one is free$/m)
})

test('an admin server on all addresses is shown with the address for a browser', () => {
  for (const [listens, told] of [
    ['http://0.0.0.0:9400', 'http://127.0.0.1:9400'],
    ['http://[::]:9400', 'http://[::1]:9400'],
    ['http://10.0.0.0:9400', 'http://10.0.0.0:9400'],
  ] as const) {
    const running = { ...service(), ingester: { ...ingester, adminUrl: listens } }
    assert.ok(runBlock(running).join('\n').includes(` ${told}/metrics, ${told}/readyz`), listens)
  }
})

test('demo: what it publishes, all addresses, and what is missing with its fix', () => {
  const settings = { forMs: 20_000 }
  const running = {
    config,
    stack: { missing: [] as { why: string; fix: string }[] },
    psql: 'PGSERVICEFILE=/x/service psql service=scans',
    pipeline: { name: 'scans', table: 'scan_results' },
    ingesters: [ingester, ingester],
    adminUrls: [] as string[],
    startSeconds: 2.7,
    facts: [['scanner', '500/s: 10% duplicates; seed 7']],
  }
  const text = demoBlock(running as unknown as RunningDemo, settings).join('\n')
  assert.match(text, /scanner {7}500\/s: 10% duplicates; seed 7$/m)
  assert.match(text, /PostgreSQL {4}PGSERVICEFILE=\/x\/service psql service=scans$/m)
  assert.match(text, /ingesters {5}2, with 3 workers each$/m)
  assert.equal(text.match(/^ {2}admin/gm)?.length, 2)
  assert.match(text, /ends {10}after 20s of publishing/)
  assert.match(
    demoBlock(running as unknown as RunningDemo, { forMs: undefined }).join('\n'),
    /Ctrl-C {8}stops everything/,
  )
  running.adminUrls.push('http://127.0.0.1:9402')
  const withAnother = demoBlock(running as unknown as RunningDemo, settings).join('\n')
  assert.match(withAnother, /ingesters {5}3, with 3 workers each; 1 in a process of its own$/m)
  assert.match(withAnother, /admin {9}http:\/\/127\.0\.0\.1:9402\/metrics, /m)
  running.stack.missing.push({ why: 'redis-server is not on PATH', fix: 'install it' })
  assert.match(
    demoBlock(running as unknown as RunningDemo, settings).join('\n'),
    /cache {9}none: redis-server is not on PATH \(install it\)$/m,
  )
})

test('gateway: one aligned block with routes, addresses that can be opened here, and no token', () => {
  const { config: own } = gatewayConfigOf({
    INGESTER_PROJECTID: 'p',
    INGESTER_GATEWAY_TOKENS: 'planted-token-0123456789',
    PUBSUB_EMULATOR_HOST: '127.0.0.1:8085',
  })
  const route = {
    system: 'increments',
    route: 'POST /increment',
    topic: 'projects/p/topics/increments',
    subscription: 'projects/p/subscriptions/increments-sub',
  }
  const gateway = { url: 'http://0.0.0.0:8080', adminUrl: 'http://127.0.0.1:9400', routes: [route] }
  const lines = gatewayBlock({ config: own, gateway, startSeconds: 0.6 })
  const facts = lines.filter((line) => line.startsWith('  '))
  for (const line of facts) assert.match(line, /^ {2}\S.{11} {2}\S/, 'aligned')
  const text = lines.join('\n')
  assert.match(text, /increments +POST \/increment → projects\/p\/topics\/increments\n/)
  assert.match(text, /gateway +http:\/\/127\.0\.0\.1:8080, http:\/\/127\.0\.0\.1:8080\/docs/)
  assert.match(text, /rate limit +60\/s a client address, counted in Redis at localhost:6379\n/)
  assert.ok(!text.includes('planted'))
})
