// The cache as a user meets it: with the program, a real Redis and a real PostgreSQL.
import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { DemoSummary } from '#demo/run.ts'
import type { Scan } from '#demo/scans/scan.ts'
import { serverProcesses } from '#stack/processes.ts'
import { freePort } from '#stack/ports.ts'
import { startRedis } from '#stack/redis.ts'
import { runInProcess } from '../support/in-process.ts'
import type { Program } from '../support/program.ts'
import { startIngesterProgram } from '../support/program.ts'
import { publishScans } from '../support/publish.ts'
import { viewRedis } from '../support/redis.ts'
import { showSeed } from '../support/seed.ts'
import type { TestSystem } from '../support/system.ts'
import { createSubscription, metric, startSystem, until } from '../support/system.ts'

let system: TestSystem
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

/** Its variables with a subscription of the test's own: what another test's ingester has left unacked comes to none. */
let env: Readonly<Record<string, string>>
let tests = 0
beforeEach(async () => {
  const id = `cache-${++tests}`
  await createSubscription(system.clients, system.topic, id)
  env = { ...system.env, INGESTER_SUBSCRIPTIONID: id }
  await system.sql.query('TRUNCATE scan_results')
  await using redis = viewRedis(system.redis)
  await redis.client.flushall()
})

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
async function rows(): Promise<number> {
  const { rows: counted } = await system.sql.query('SELECT count(*)::integer AS count FROM scan_results')
  return counted[0].count
}
const is = (wanted: number) => (count: number) => count === wanted

test('kill -9 between begin and commit: the redelivered message is stored, not treated as a duplicate', async () => {
  const fast = { ...env, INGESTER_FLUSH_INTERVAL: '0' }
  await using redis = viewRedis(system.redis)
  await using victim = startIngesterProgram(['run'], { env: fast })
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
  assert.equal(await rows(), 0)
  assert.ok((await redis.keys('c')).length > 0, 'the dead one held no claim')
  assert.deepEqual(await redis.keys('w'), [])

  await using other = startIngesterProgram(['run'], { env: fast })
  const url = await adminUrl(other)
  await until(rows, is(10))
  await until(() => settled(url, 'written'), is(10))
  assert.equal(await settled(url, 'stale'), 0)
})

test('a duplicate of a committed record never reaches PostgreSQL', async () => {
  await using run = startIngesterProgram(['run'], { env })
  const url = await adminUrl(run)
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'written'), is(10))
  const offered = await metric(url, 'ingester_batch_records_sum')
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'stale'), is(10))
  assert.equal(await verdicts(url, 'stale'), 10)
  assert.equal(await metric(url, 'ingester_batch_records_sum'), offered)
})

test('rows deleted, `cache bump`, the same messages again: all rows are back', async () => {
  await using run = startIngesterProgram(['run'], { env })
  const url = await adminUrl(run)
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'written'), is(10))
  await system.sql.query('DELETE FROM scan_results')

  await using bump = startIngesterProgram(['cache', 'bump', '--json'], { env })
  await expect(bump).toEndWith(0)
  const { pipeline, epoch, effectiveWithinSeconds } = JSON.parse(bump.stdout())
  assert.deepEqual([pipeline, effectiveWithinSeconds], ['scans', 10])
  await run.said(new RegExp(`"epoch":"[^"]*${epoch}".*scan_results has a new epoch`))
  await publishScans(system, scansOf(10))
  await until(rows, is(10))
})

test('`cache bump` says what it did, or what is missing', async () => {
  const bump = await runInProcess(['cache', 'bump'], env)
  assert.equal(bump.code, 0)
  assert.match(bump.stdout, /^scans: new epoch [\da-f-]{36}\nrunning ingesters take it up within 10 s/)
  const unknown = await runInProcess(['cache', 'bump'], { ...env, INGESTER_PIPELINE: 'scan' })
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /unknown pipeline "scan" \(available: scans, increments; /)
  const away = await runInProcess(['cache', 'bump'], { ...env, INGESTER_POSTGRES_PORT: '1' })
  assert.equal(away.code, 3)
  await system.sql.query('ALTER TABLE cache_epochs RENAME TO gone')
  const tableless = await runInProcess(['cache', 'bump'], env)
  await using run = startIngesterProgram(['run'], { env })
  const ending = await run.ended
  await system.sql.query('ALTER TABLE gone RENAME TO cache_epochs')
  for (const { code, stderr } of [tableless, { code: ending, stderr: run.stderr() }]) {
    assert.equal(code, 2, stderr)
    assert.match(stderr, /table cache_epochs does not exist.*bin\/ingester migrate up/)
  }
})

test('Redis unavailable at startup: continues without it, says so once, and uses it when it is up', async () => {
  const port = await freePort(0)
  const later = { ...env, INGESTER_REDIS_ADDR: `127.0.0.1:${port}` }
  await using run = startIngesterProgram(['run'], { env: later })
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

test('a wrong password for Redis: continues without it, with the fix and no secret in the log', async () => {
  await using redis = await startRedis({ port: 0, settings: { requirepass: 'right' } })
  const secret = 'planted-secret-55ab'
  const wrong = { ...env, INGESTER_REDIS_ADDR: redis?.address ?? '', INGESTER_REDIS_PASSWORD: secret }
  await using run = startIngesterProgram(['run'], { env: wrong })
  const url = await adminUrl(run)
  await publishScans(system, scansOf(10))
  await until(() => settled(url, 'written'), is(10))
  assert.ok((await metric(url, 'ingester_cache_bypassed_total{cause="no-rights"')) >= 10)
  assert.match(run.stderr(), /WRONGPASS.*check INGESTER_REDIS_PASSWORD/)
  assert.doesNotMatch(run.stderr(), new RegExp(secret))
})

test('INGESTER_REDIS_ENABLED=false: nothing connects, nothing is missing', async () => {
  await using redis = viewRedis(system.redis)
  await using run = startIngesterProgram(['run'], { env: { ...env, INGESTER_REDIS_ENABLED: 'false' } })
  const url = await adminUrl(run)
  await publishScans(system, [...scansOf(10), ...scansOf(10)])
  await until(() => settled(url, 'written'), is(10))
  assert.match(await (await fetch(`${url}/readyz`)).text(), /"ready"/)
  assert.doesNotMatch((await redis.client.client('LIST')) as string, /name=ingester/)
  assert.match(run.stderr(), /"cache":"none \(INGESTER_REDIS_ENABLED=false\)"/)
})

test('Redis killed during a demo, and restarted empty: the table converges', async (t) => {
  const mixture = ['--duplicates', '30', '--late', '30', '--seed', String(showSeed(t))]
  // It is found below this folder, which no other test uses.
  await using folder = await mkdtempDisposable(join(tmpdir(), 'ingester-test-'))
  const own = { XDG_RUNTIME_DIR: folder.path, INGESTER_HTTP_PORT: '0' }
  await using demo = startIngesterProgram(
    ['demo', '--for', '6s', '--rate', '500', '--replicas', '2', ...mixture, '--json'],
    { env: own },
  )
  const [, port] = await demo.said(/cache\s+redis:\/\/127\.0\.0\.1:(\d+)\/0, watermarks and claims/)
  await demo.said(/ready after/)
  const status = await runInProcess(['stack', 'status', '--json'], own)
  assert.equal(status.code, 0, status.stderr)
  const password: string = JSON.parse(status.stdout).env.INGESTER_REDIS_PASSWORD
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
