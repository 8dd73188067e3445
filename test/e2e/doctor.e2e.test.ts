import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DoctorReport, ReportedCheck } from '#doctor/diagnose.ts'
import { diagnose } from '#doctor/diagnose.ts'
import { inEnvironment } from '../support/in-process.ts'
import { writeDocumented } from '../support/documented-pipelines.ts'
import type { Shell } from '../support/paste.ts'
import { pasteShell } from '../support/paste.ts'
import { startIngesterProgram } from '../support/program.ts'
import type { TestSystem } from '../support/system.ts'
import { startSystem, topicId } from '../support/system.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { onTerminal } from '../support/terminal.ts'

type Env = Readonly<Record<string, string>>

let system: TestSystem
let folder: string
/** With all that can be right made right. */
let healthy: Env
beforeAll(async () => {
  system = await startSystem()
  folder = await mkdtemp(join(tmpdir(), 'doctor-'))
  healthy = system.env
  const { warnings } = await diagnosed(healthy)
  assert.deepEqual([...warnings.keys()], ['subscription dead letters'])
})
afterAll(async () => {
  await system[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

interface Diagnosed {
  readonly report: DoctorReport
  readonly warnings: ReadonlyMap<string, ReportedCheck>
  readonly failures: ReadonlyMap<string, ReportedCheck>
  check(name: string): ReportedCheck
}

/** What the program says. */
async function outcome(env: Env, args = ''): Promise<Diagnosed & Shell> {
  const shell = await pasteShell(`exec bin/ingester doctor --json ${args}`, env)
  return { ...shell, ...lookedUp(JSON.parse(shell.stdout) as DoctorReport) }
}

/** What it finds, in this process, after something was pasted into a shell with these variables. */
async function diagnosed(
  env: Env,
  pasted = '',
  { envFile, input, pipeline }: { envFile?: string; input?: string; pipeline?: readonly string[] } = {},
): Promise<Diagnosed & { readonly isConfigured: boolean }> {
  const exported = pasted === '' ? env : await exportedBy(pasted, env, input)
  using _ = inEnvironment(exported)
  const { report, isConfigured } = await diagnose({ envFile, pipeline })
  return { isConfigured, ...lookedUp(report) }
}

/** What a program would be given that is started in that shell next. */
async function exportedBy(pasted: string, env: Env, input?: string): Promise<Env> {
  const file = join(folder, 'exported')
  await pasteShell(`${pasted}\nexec env -0 > '${file}'`, env, input)
  const lines = (await readFile(file, 'utf8')).split('\0').filter((line) => line !== '')
  return Object.fromEntries(lines.map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]))
}

function lookedUp(report: DoctorReport): Diagnosed {
  const having = (status: ReportedCheck['status']) =>
    new Map(report.checks.filter((one) => one.status === status).map((one) => [one.name, one]))
  return {
    report,
    warnings: having('warning'),
    failures: having('failed'),
    check: (name) => {
      const found = report.checks.find((one) => one.name === name)
      assert.ok(found, `no ${name} in ${JSON.stringify(report)}`)
      return found
    },
  }
}

test('no problems: exit 0; JSON on stdout and nothing else anywhere', async () => {
  const { code, report, stdout, stderr } = await outcome(healthy)
  assert.equal(code, 0)
  assert.equal(report.ok, true)
  assert.equal(stdout, `${JSON.stringify(report)}\n`)
  assert.equal(stderr, '')
  for (const { name, status, detail, fix } of report.checks) {
    assert.ok(name !== '' && detail !== '')
    assert.equal(fix !== undefined, status === 'warning' || status === 'failed', name)
  }
})

describe('for people', () => {
  const escape = String.fromCharCode(27)
  const text = async (env: Env) => pasteShell('exec bin/ingester doctor', env)

  test('one aligned line per check, its fix below it, the total beside it', async () => {
    const { code, stdout, stderr } = await text({
      ...healthy,
      INGESTER_HTTP_PORT: '9',
      INGESTER_REDIS_TTL: '1h',
    })
    assert.ok(code === 0 || code === 4)
    assert.ok(!stdout.includes(escape), 'there is no terminal')
    const lines = stdout.trimEnd().split('\n')
    const checks = lines.filter((line) => /^[✓!✗–] /.test(line))
    assert.equal(new Set(checks.map((line) => /^.{2}[\w ]*?\s{2,}(?=\S)/.exec(line)?.[0].length)).size, 1)
    assert.ok(lines.every((line) => checks.includes(line) || line.startsWith('    ')))
    const at = lines.findIndex((line) => line.startsWith('! redis ttl'))
    assert.equal(lines[at + 1], '    export INGESTER_REDIS_TTL=168h')
    assert.match(stderr, /^\d+ ✓ {2}\d+ ! {2}\d+ ✗ {2}\d+ –\n$/)
  })

  test('colours on a terminal, unless NO_COLOR is set; elsewhere only with FORCE_COLOR', async () => {
    // Nothing is configured: it has no servers to look at.
    const onScreen = async (env: Env) => (await onTerminal('exec bin/ingester doctor', { env })).seen
    const green = `${escape}[32m✓`
    assert.ok((await onScreen({})).includes(green))
    assert.ok(!(await onScreen({ NO_COLOR: '1' })).includes(escape))
    assert.ok((await text({ FORCE_COLOR: '1' })).stdout.includes(green))
  })
})

test('invalid configuration: all faults, exit 2; the printed fixes correct each of them', async () => {
  const broken = {
    ...healthy,
    INGESTER_PROJECTID: '',
    INGESTER_PIPELINE: 'scanz',
    INGESTER_POSTGRES_PASSWORD: '',
    INGESTER_FLUSH_INTERVAL: 'soon',
    // Its default is less than this, too.
    INGESTER_MAX_OUTSTANDING_BYTES: '1MiB',
    INGESTER_MAX_MESSAGE_BYTES: '200MiB',
    INGESTER_POSTGRES_POOL_SIZE: '1',
    INGESTER_WORKER_COUNT: '3',
    INGESTER_REDIS_PASSWORD: 'both',
    INGESTER_REDIS_PASSWORD_FILE: '/etc/hostname',
  }
  const { code, report } = await outcome(broken)
  assert.equal(code, 2)
  assert.equal(report.ok, false)
  const faults = report.checks.filter(({ status }) => status === 'failed')
  assert.equal(faults.length, 7)
  for (const { name } of faults) assert.equal(name, 'configuration')
  assert.deepEqual(
    report.checks.filter(({ status }) => status === 'skipped').map(({ name }) => name),
    ['postgres', 'redis', 'pubsub', 'admin port'],
  )
  const pasted = faults.map(({ fix }) => fix).join('\n')
  assert.match(pasted, /^unset INGESTER_POSTGRES_POOL_SIZE$/m)
  assert.doesNotMatch(pasted, /WORKER_COUNT/)
  const { postgres } = system
  const then = await diagnosed(broken, `${pasted}; unset INGESTER_REDIS_PASSWORD_FILE`, {
    input: `${postgres.password}\n`,
  })
  assert.equal(then.check('configuration').status, 'ok', JSON.stringify(then.report))
  assert.equal(then.check('postgres').status, 'ok')
})

test('an invalid secret file, an unknown pipeline, a missing env file', async () => {
  const file = join(folder, 'no such secret')
  const missing = { ...healthy, INGESTER_POSTGRES_PASSWORD: '', INGESTER_POSTGRES_PASSWORD_FILE: file }
  const found = await diagnosed(missing)
  assert.equal(found.isConfigured, false)
  const { fix } = found.check('configuration')
  const then = await diagnosed(missing, fix, { input: `${system.postgres.password}\n` })
  assert.equal(then.check('postgres').status, 'ok')

  const unknown = { ...healthy, INGESTER_PIPELINE: 'scanz' }
  const pipeline = await diagnosed(unknown)
  assert.equal(pipeline.isConfigured, false)
  assert.equal((await diagnosed(unknown, pipeline.check('configuration').fix)).report.ok, true)

  const { report } = await diagnosed(healthy, '', { pipeline: ['scanz'] })
  assert.match(
    JSON.stringify(report),
    /"--pipeline: unknown pipeline .*"fix":"# name others with --pipeline"/,
  )

  const envFile = join(folder, 'missing.env')
  const gone = await diagnosed({}, '', { envFile })
  assert.equal(gone.isConfigured, false)
  assert.match(
    gone.check('configuration').fix ?? '',
    /^# check the path, or create the file: lines NAME=value/,
  )
})

test('unknown names: renamed or removed, in the environment and in the file', async () => {
  const wrong = { INGESTER_FLUSH_INTERVL: '50ms' }
  const own = await diagnosed({ ...healthy, ...wrong, INGESTER_SERVICE_HOST: 'x' })
  const unknown = own.report.checks.filter(({ name }) => name === 'unknown variable')
  assert.equal(unknown.length, 2)
  assert.equal(own.report.ok, true)
  const then = await diagnosed({ ...healthy, ...wrong }, unknown.map(({ fix }) => fix).join('\n'))
  assert.ok(!then.warnings.has('unknown variable'))
  assert.match(then.check('flush interval').detail, /^50ms/)

  const envFile = join(folder, 'names.env')
  const variables = {
    ...healthy,
    ...wrong,
    INGESTER_REDIS_TTL: '168h',
    INGESTER_REDIS_TT: '1s',
    INGESTER_SERVICE_HOST: 'x',
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(envFile, lines.join(''))
  const inFile = await outcome({}, `--env-file ${envFile}`)
  const pasted = inFile.report.checks.filter(({ name }) => name === 'unknown variable')
  assert.equal(pasted.length, 3)
  const fixed = await diagnosed({}, pasted.map(({ fix }) => fix).join('\n'), { envFile })
  assert.ok(!fixed.warnings.has('unknown variable'), JSON.stringify(fixed.report))
  assert.match(fixed.check('flush interval').detail, /^50ms/)
  assert.match(await readFile(envFile, 'utf8'), /^INGESTER_REDIS_TTL=168h$/m)
})

describe('a pasted setting fixes it', () => {
  /** Several at once: those that do not hide each other. */
  const broken: Readonly<Record<string, Readonly<Record<string, Env>>>> = {
    'values that do not go together': {
      'batch size': { INGESTER_MAX_BATCH_SIZE: '30000' },
      'flush interval': { INGESTER_FLUSH_INTERVAL: '1m' },
      'shutdown timeout': { INGESTER_SHUTDOWN_TIMEOUT: '10m' },
      'redis ttl': { INGESTER_REDIS_TTL: '1h' },
      'admin port': { INGESTER_HTTP_HOST: '192.0.2.1', INGESTER_HTTP_PORT: '9400' },
      'postgres connections': { INGESTER_POSTGRES_POOL_SIZE: '101' },
      'redis database': { INGESTER_REDIS_DB: '99' },
      'subscription topic': { INGESTER_TOPICID: 'another' },
    },
    // Its fix asks for TLS, which this server does not have: no other check of PostgreSQL can follow.
    'a server elsewhere without TLS': {
      // Linux resolves it to this machine; a reader would not expect that.
      'postgres tls': { INGESTER_POSTGRES_HOST: '0.0.0.0' },
    },
    'servers that cannot be talked to so': {
      redis: { INGESTER_REDIS_TLS: 'true' },
      postgres: { INGESTER_POSTGRES_SSL_MODE: 'verify-full' },
    },
  }
  for (const [what, changes] of Object.entries(broken)) {
    const names = Object.keys(changes)
    const fixesOf = (found: Diagnosed) => names.map((name) => found.check(name).fix ?? '')
    const env = () => Object.assign({}, healthy, ...Object.values(changes)) as Env

    test(`${what}: in the environment`, async () => {
      const found = await diagnosed(env())
      assert.equal(found.report.ok, found.failures.size === 0)
      for (const name of names) assert.match(found.check(name).status, /^(warning|failed)$/, name)
      const fixes = fixesOf(found)
      const then = await diagnosed(env(), fixes.join('\n'))
      names.forEach((name, i) => assert.equal(then.check(name).status, 'ok', `${name}: ${fixes[i]}`))
    })

    test(`${what}: in an env file`, async () => {
      const envFile = join(folder, 'pasted.env')
      const lines = Object.entries(env()).map((one) => `${one.join('=')}\n`)
      await writeFile(envFile, lines.join(''))
      const fixes = fixesOf(await diagnosed({}, '', { envFile }))
      for (const fix of fixes) assert.match(fix, /^printf .* >> .*pasted\.env$/m)
      const then = await diagnosed({}, fixes.join('\n'), { envFile })
      names.forEach((name, i) => assert.equal(then.check(name).status, 'ok', `${name}: ${fixes[i]}`))
    })
  }
})

test('an option of the PostgreSQL client in the environment', async () => {
  const env = { ...healthy, PGOPTIONS: '-c synchronous_commit=off' }
  const found = await diagnosed(env)
  const { detail, fix = '' } = found.check('postgres synchronous_commit')
  assert.match(detail, /^off by PGOPTIONS/)
  assert.equal((await diagnosed(env, fix)).check('postgres synchronous_commit').status, 'ok')
})

test('the admin port is taken: the next free one', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const env = { ...healthy, INGESTER_HTTP_PORT: String((taken.address() as AddressInfo).port) }
  const found = await diagnosed(env)
  assert.equal(found.report.ok, true)
  assert.equal(found.check('admin port').status, 'warning')
  assert.equal((await diagnosed(env, found.check('admin port').fix)).check('admin port').status, 'ok')
  taken.close()
})

test('no credentials for Google Cloud: how to get some', async () => {
  // No metadata server is looked for: that would go out to the network.
  const env = { ...healthy, PUBSUB_EMULATOR_HOST: '', METADATA_SERVER_DETECTION: 'none', HOME: '/nowhere' }
  const found = await outcome(env)
  assert.equal(found.code, 4)
  assert.equal(found.check('pubsub').fix, 'gcloud auth application-default login')
})

test('everything is frozen: an answer within ten seconds that includes every check', async () => {
  const emulatorPort = Number(healthy['PUBSUB_EMULATOR_HOST']?.split(':')[1])
  await using postgres = await TcpProxy.to(system.postgres.port)
  await using redis = await TcpProxy.to(system.redis.port)
  await using pubsub = await TcpProxy.to(emulatorPort)
  for (const proxy of [postgres, redis, pubsub]) proxy.freeze()
  const startMs = performance.now()
  const found = await outcome({
    ...healthy,
    INGESTER_POSTGRES_PORT: String(postgres.port),
    INGESTER_REDIS_ADDR: redis.address,
    PUBSUB_EMULATOR_HOST: pubsub.address,
  })
  assert.ok(performance.now() - startMs < 10_000)
  assert.equal(found.code, 4)
  assert.deepEqual([...found.failures.keys()], ['postgres', 'redis', 'pubsub'])
  const { report } = await diagnosed(healthy)
  assert.equal(found.report.checks.length, report.checks.length)
})

test('no secret is printed', async () => {
  const secret = 'planted-secret-7c1f'
  const env = { ...healthy, INGESTER_POSTGRES_PASSWORD: secret, INGESTER_REDIS_PASSWORD: secret }
  const { code, stdout, stderr } = await outcome(env)
  assert.equal(code, 4)
  assert.doesNotMatch(stdout + stderr, new RegExp(secret))
})

test('several pipelines: what each has of its own is under its name, what they share is there once', async () => {
  const module = join(folder, 'orders.ts')
  await writeDocumented(folder)
  const { report } = await diagnosed(healthy, '', { pipeline: ['scans', module] })
  const names = report.checks.map(({ name }) => name)
  for (const own of ['topic', 'subscription', 'epoch', 'redis ttl'])
    assert.deepEqual(
      names.filter((name) => name === own || name.startsWith(`${own} of `)),
      [`${own} of scans`, `${own} of orders`],
    )
  for (const common of ['postgres', 'redis', 'pubsub', 'table dead_letters'])
    assert.equal(names.filter((name) => name === common).length, 1, common)
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
    'a name is unique in a report',
  )
})

test('nothing created yet: migrate up and run are printed, and they suffice', async () => {
  await system.sql.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  await system.clients.subscriber.deleteSubscription({ subscription: system.subscription })
  await system.clients.publisher.deleteTopic({ topic: system.topic })
  const found = await diagnosed(healthy)
  assert.equal(found.report.ok, false)
  const migrate = new Set([...found.failures.values()].map(({ fix }) => fix))
  assert.deepEqual([...migrate], ['bin/ingester migrate up'])
  for (const name of ['topic', 'subscription'])
    assert.equal(found.warnings.get(name)?.fix, 'bin/ingester run')

  assert.equal((await pasteShell([...migrate].join('\n'), healthy)).code, 0)
  await using run = startIngesterProgram(['run'], { env: healthy })
  await run.said(/consuming/)
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)
  const then = await diagnosed(healthy)
  assert.equal(then.report.ok, true)
  assert.deepEqual([...then.warnings.keys()], [])
  assert.equal(then.check('topic').detail, topicId)
})
