// The cache as a user meets it: with the program, a real Redis and a real PostgreSQL.
import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DemoSummary } from '#demo/run.ts'
import type { Scan } from '#demo/scan.ts'
import { serverProcesses } from '#stack/processes.ts'
import { freePort } from '#stack/ports.ts'
import { startRedis } from '#stack/redis.ts'
import type { Program } from '../support/program.ts'
import { startIngesterProgram } from '../support/program.ts'
import { publishScans } from '../support/publish.ts'
import { viewRedis } from '../support/redis.ts'
import type { TestSystem } from '../support/system.ts'
import { metric, startSystem, until } from '../support/system.ts'

const seed = process.env['TEST_SEED'] ?? String(Date.now() % 2 ** 32)

const scansOf = (count: number): Scan[] =>
  Array.from({ length: count }, (_, i) => ({
    ip: `10.0.0.${i}`,
    port: 80,
    service: 'HTTP',
    timestamp: 1_700_000_000,
    response: `hello ${i}`,
  }))

async function adminUrl(program: Program): Promise<string> {
  const [, url] = await program.said(/"admin":"(http[^"]+)"/)
  return url as string
}

const settled = (url: string, reason: string) =>
  metric(url, `ingester_messages_settled_total{reason="${reason}"`)
const verdicts = (url: string, verdict: string) =>
  metric(url, `ingester_cache_verdicts_total{verdict="${verdict}"`)
const rows = async (system: TestSystem) => (await system.scans()).length
const is = (wanted: number) => (count: number) => count === wanted

test('kill -9 between begin and commit: the redelivered message is stored, not treated as a duplicate', {}, async () => {
  await using system = await startSystem({ INGESTER_FLUSH_INTERVAL: '0' })
  await using redis = viewRedis(system.redis)
  await using victim = startIngesterProgram(['run'], { env: system.env })
  await adminUrl(victim)
  await system.sql.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
  await publishScans(system, scansOf(10))
  await until(
    async () => (await redis.keys('c')).length,
    (claims) => claims > 0,
  )
  victim.signal('SIGKILL')
  await expect(victim).toEndWith('SIGKILL')
  // Its statement waits for the lock and could still land.
  await system.sql.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ingester'`,
  )
  await system.sql.query('COMMIT')
  assert.equal(await rows(system), 0)
  assert.ok((await redis.keys('c')).length > 0, 'the dead one held no claim')
  assert.deepEqual(await redis.keys('w'), [])

  await using other = startIngesterProgram(['run'], { env: system.env })
  const url = await adminUrl(other)
  await until(() => rows(system), is(10))
  await until(() => settled(url, 'written'), is(10))
  assert.equal(await settled(url, 'stale'), 0)
})

test('a duplicate of a committed record never reaches PostgreSQL', async () => {
  await using system = await startSystem()
  await using run = startIngesterProgram(['run'], { env: system.env })
  const url = await adminUrl(run)
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'written'), is(10))
  const offered = await metric(url, 'ingester_batch_records_sum')
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'stale'), is(10))
  assert.equal(await verdicts(url, 'stale'), 10)
  assert.equal(await metric(url, 'ingester_batch_records_sum'), offered)
})

test('rows deleted, `cache bump`, the same messages again: all rows are back', {}, async () => {
  await using system = await startSystem()
  await using run = startIngesterProgram(['run'], { env: system.env })
  const url = await adminUrl(run)
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'written'), is(10))
  await system.sql.query('DELETE FROM scan_results')

  await using bump = startIngesterProgram(['cache', 'bump', '--json'], { env: system.env })
  await expect(bump).toEndWith(0)
  const { pipeline, epoch, effectiveWithinSeconds } = JSON.parse(bump.stdout())
  assert.deepEqual([pipeline, effectiveWithinSeconds], ['scans', 10])
  await run.said(new RegExp(`"epoch":"[^"]*${epoch}".*scan_results has a new epoch`))
  await publishScans(system, scansOf(10))
  await until(() => rows(system), is(10))
})

test('`cache bump` says what it did, or what is missing', async () => {
  await using system = await startSystem()
  await using bump = startIngesterProgram(['cache', 'bump'], { env: system.env })
  await expect(bump).toEndWith(0)
  assert.match(bump.stdout(), /^scans: new epoch [\da-f-]{36}\nrunning ingesters take it up within 10 s/)
  await using unknown = startIngesterProgram(['cache', 'bump'], {
    env: { ...system.env, INGESTER_PIPELINE: 'scan' },
  })
  await expect(unknown).toEndWith(2)
  assert.match(unknown.stderr(), /unknown pipeline "scan" \(available: scans\)/)
  await using away = startIngesterProgram(['cache', 'bump'], {
    env: { ...system.env, INGESTER_POSTGRES_PORT: '1' },
  })
  await expect(away).toEndWith(3)
  await system.sql.query('DROP TABLE cache_epochs')
  for (const args of [['cache', 'bump'], ['run']]) {
    await using tableless = startIngesterProgram(args, { env: system.env })
    await expect(tableless).toEndWith(2)
    assert.match(tableless.stderr(), /table cache_epochs does not exist.*bin\/ingester migrate up/)
  }
})

test('Redis unavailable at startup: continues without it, says so once, and uses it when it is up', {}, async () => {
  const port = await freePort(0)
  await using system = await startSystem({ INGESTER_REDIS_ADDR: `127.0.0.1:${port}` })
  await using run = startIngesterProgram(['run'], { env: system.env })
  const url = await adminUrl(run)
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'written'), is(10))
  const readiness = await fetch(`${url}/readyz`)
  assert.equal(readiness.status, 200)
  const { status, reasons } = (await readiness.json()) as { status: string; reasons: string[] }
  assert.equal(status, 'degraded')
  assert.match(reasons.join(), /Redis: connect ECONNREFUSED 127.0.0.1:\d+; check INGESTER_REDIS_ADDR/)
  assert.ok((await metric(url, 'ingester_cache_bypassed_total{cause="disconnected"')) >= 10)
  assert.equal(run.stderr().match(/cache bypassed/g)?.length, 1)

  const { password = '' } = system.redis
  await using redis = await startRedis({ port, settings: { requirepass: password } })
  assert.equal(redis?.port, port)
  // Until it is connected again, what is published goes past it.
  await until(
    async () => {
      await publishScans(system, scansOf(1))
      return verdicts(url, 'stale')
    },
    (stale) => stale > 0,
  )
  await until(
    async () => (await fetch(`${url}/readyz`)).text(),
    (text) => text.includes('"ready"'),
  )
  assert.match(run.stderr(), /cache back in use/)
})

test('a wrong password for Redis: continues without it, with the fix and no secret in the log', {}, async () => {
  await using redis = await startRedis({ port: 0, settings: { requirepass: 'right' } })
  const secret = 'planted-secret-55ab'
  await using system = await startSystem({
    INGESTER_REDIS_ADDR: redis?.address ?? '',
    INGESTER_REDIS_PASSWORD: secret,
  })
  await using run = startIngesterProgram(['run'], { env: system.env })
  const url = await adminUrl(run)
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'written'), is(10))
  assert.ok((await metric(url, 'ingester_cache_bypassed_total{cause="no-rights"')) >= 10)
  assert.match(run.stderr(), /WRONGPASS.*check INGESTER_REDIS_PASSWORD/)
  assert.doesNotMatch(run.stderr(), new RegExp(secret))
})

test('INGESTER_REDIS_ENABLED=false: nothing connects, nothing is missing', {}, async () => {
  await using system = await startSystem({ INGESTER_REDIS_ENABLED: 'false' })
  await using redis = viewRedis(system.redis)
  await using run = startIngesterProgram(['run'], { env: system.env })
  const url = await adminUrl(run)
  await publishScans(system, [...scansOf(10), ...scansOf(10)])
  await until(() => settled(url, 'written'), is(10))
  assert.match(await (await fetch(`${url}/readyz`)).text(), /"ready"/)
  assert.doesNotMatch((await redis.client.client('LIST')) as string, /name=ingester/)
  assert.match(run.stderr(), /"cache":"none \(INGESTER_REDIS_ENABLED=false\)"/)
})

test('Redis killed during a demo, and restarted empty: the table converges', {}, async (t) => {
  void t.annotate(`TEST_SEED=${seed}`)
  const mixture = ['--duplicates', '30', '--late', '30', '--seed', seed]
  // It is found below this folder, which no other test uses.
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ingester-test-'))
  const env = { XDG_RUNTIME_DIR: folder.path, INGESTER_HTTP_PORT: '0' }
  await using demo = startIngesterProgram(
    ['demo', '--for', '8s', '--rate', '1500', '--replicas', '2', ...mixture, '--json'],
    { env },
  )
  const [, port] = await demo.said(/cache\s+redis:\/\/127\.0\.0\.1:(\d+)\/0, watermarks and claims/)
  await demo.said(/ready after/)
  await using status = startIngesterProgram(['stack', 'status', '--json'], { env })
  await expect(status).toEndWith(0)
  const password: string = JSON.parse(status.stdout()).env.INGESTER_REDIS_PASSWORD
  await using view = viewRedis({ host: '127.0.0.1', port: Number(port), password })
  await until(
    async () => (await view.keys('w')).length,
    (watermarks) => watermarks > 100,
  )
  const info = await view.client.info('server')
  const pid = Number(/process_id:(\d+)/.exec(info)?.[1])
  assert.ok((await serverProcesses(demo.pid)).includes(pid), 'that is not the Redis of this demo')
  process.kill(pid, 'SIGKILL')
  await demo.said(/cache bypassed/)
  await using redis = await startRedis({ port: Number(port), settings: { requirepass: password } })
  assert.equal(redis?.port, Number(port))
  await demo.said(/cache back in use/)
  await expect(demo).toEndWith(0)
  const summary: DemoSummary = JSON.parse(demo.stdout().trimEnd().split('\n').at(-1) as string)
  assert.equal(summary.converged, true)
  assert.ok(summary.offered < summary.received, JSON.stringify(summary))
})
