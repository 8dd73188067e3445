import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '#stack/ports.ts'
import type { PostgresServer } from '#stack/postgres.ts'
import { startPostgres } from '#stack/postgres.ts'
import { runInProcess } from '../support/in-process.ts'
import { runAsProgram, startIngesterProgram, startProgram } from '../support/program.ts'
import { publishMixture } from '../support/publish.ts'
import type { TestSystem } from '../support/system.ts'
import { startSystem, until } from '../support/system.ts'
import { onTerminal } from '../support/terminal.ts'

/** Nothing listens there. */
const nowhere = '127.0.0.1:1'
const secret = 'planted-secret-7c1f'
const enough = {
  INGESTER_PROJECTID: 'test-project',
  INGESTER_POSTGRES_USER: 'scanner',
  INGESTER_POSTGRES_PASSWORD: secret,
  INGESTER_POSTGRES_DB: 'scanner_dev',
  INGESTER_POSTGRES_SSL_MODE: 'disable',
  PUBSUB_EMULATOR_HOST: nowhere,
}

let system: TestSystem
/** Without tables. */
let empty: PostgresServer
beforeAll(async () => {
  system = await startSystem()
  empty = await startPostgres({ port: 0 })
})
afterAll(async () => {
  await empty[Symbol.asyncDispose]()
  await system[Symbol.asyncDispose]()
})

/** What people see when it has started. */
const startBlock = /ready after[^]*Ctrl-C {8}drains/

/** What ends `run` is otherwise a line of JSON. */
const forPeople = { INGESTER_LOG_OUTPUT: 'console' }

test('invalid configuration: all faults at once, each with its fix, exit 2', async () => {
  const { code, stderr } = await runAsProgram(['run'], {
    ...forPeople,
    INGESTER_PIPELINE: 'nope',
    INGESTER_FLUSH_INTERVAL: 'soon',
    INGESTER_POSTGRES_SSL_MODE: 'maybe',
    INGESTER_POSTGRES_PASSWORD: secret,
  })
  assert.equal(code, 2)
  for (const fault of [
    /INGESTER_PROJECTID is not set; for example/,
    /INGESTER_POSTGRES_USER is not set/,
    /INGESTER_POSTGRES_DB is not set/,
    /INGESTER_PIPELINE: unknown pipeline "nope" \(available: scans, increments; /,
    /INGESTER_FLUSH_INTERVAL: must be a duration such as 10s.*"soon"/,
    /INGESTER_POSTGRES_SSL_MODE: must be one of disable, require, verify-ca, verify-full, not "maybe"/,
  ]) {
    assert.match(stderr, fault)
  }
  assert.doesNotMatch(stderr, new RegExp(secret))
  assert.match(stderr, /: bin\/ingester doctor\n$/)
})

test('invalid usage: exit 2 with a hint; help: exit 0 on stdout, examples first', async () => {
  const typo = await runAsProgram(['rnu'])
  assert.equal(typo.code, 2)
  assert.match(typo.stderr, /Did you mean run\?/)
  const option = await runInProcess(['demo', '--rate', 'fast'])
  assert.equal(option.code, 2)
  assert.match(option.stderr, /--rate.*must be a whole number of at least 1, not "fast"/)
  const sum = await runInProcess(['demo', '--late', '60', '--duplicates', '50'])
  assert.equal(sum.code, 2)
  const help = await runAsProgram(['run', '--help'])
  assert.equal(help.code, 0)
  assert.match(help.stdout, /^Examples:/)
  assert.match((await runInProcess(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

test('a reader that reads only the beginning of the output gets that, and no error', async () => {
  for (const program of ['ingester', 'scanner']) {
    const script = `for i in 1 2 3; do bin/${program} --help; echo "code $?" >&2; done | head -n 1`
    await using shell = startProgram('/bin/sh', ['-c', script])
    await shell.ended
    assert.equal(shell.stdout(), 'Examples:\n')
    assert.equal(shell.stderr(), 'code 0\n'.repeat(3))
  }
})

test('the program reads the env file and reports its faults: exit 2', async () => {
  const { code, stderr } = await runAsProgram(['run', '--env-file', '/nowhere/at-all.env'], forPeople)
  assert.equal(code, 2)
  assert.match(stderr, /the env file "\/nowhere\/at-all.env" cannot be read/)
})

test('no credentials for Google Cloud: exit 2 with the fix, in the service and in the scanner', async () => {
  // No metadata server is looked for: that would go out to the network.
  const env = { METADATA_SERVER_DETECTION: 'none', HOME: '/nowhere' }
  await using scanner = startProgram('bin/scanner', [], { env })
  await expect(scanner).toEndWith(2)
  assert.match(
    scanner.stderr(),
    /no credentials for Google Cloud.*; set .*gcloud auth application-default login/,
  )

  const { code, stderr } = await runAsProgram(['run'], { ...system.env, ...env, PUBSUB_EMULATOR_HOST: '' })
  assert.equal(code, 2)
  assert.match(stderr, /no credentials for Google Cloud/)
})

test('the scanner publishes what it reports, and says so if no message is accepted', async () => {
  const args = ['--count', '500', '--rate', '0', '--seed', '7', '--json']
  await using scanner = startProgram('bin/scanner', args, { env: system.env })
  await expect(scanner).toEndWith(0)
  assert.deepEqual(JSON.parse(scanner.stdout()), { published: 500, seed: 7 })
  await using run = startIngesterProgram(['run'], { env: system.env })
  await until(
    async () => (await system.scans()).length,
    (rows) => rows > 490,
  )
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)

  await using refused = startProgram('bin/scanner', [], { env: { PUBSUB_EMULATOR_HOST: nowhere } })
  await expect(refused).toEndWith(3)
  assert.match(refused.stderr(), /publishing failed: /)
})

test('PostgreSQL unavailable: a clear line per attempt, exit 3 after the timeout, no secret in the log', async () => {
  const { code, stderr } = await runAsProgram(['run'], {
    ...enough,
    INGESTER_POSTGRES_HOST: '127.0.0.1',
    INGESTER_POSTGRES_PORT: '1',
    INGESTER_STARTUP_TIMEOUT: '1s',
    INGESTER_REDIS_ADDR: 'localhost:6379',
  })
  assert.equal(code, 3)
  assert.match(stderr, /"error":"connect ECONNREFUSED 127.0.0.1:1".*"waiting for PostgreSQL at 127.0.0.1:1/)
  assert.match(
    stderr,
    /PostgreSQL at 127.0.0.1:1\/scanner_dev was not reachable within 1s \(INGESTER_STARTUP_TIMEOUT\)/,
  )
  assert.doesNotMatch(stderr, new RegExp(secret))
  assert.doesNotMatch(stderr, /readable on the network/, 'both are on this machine')
})

test('a plaintext connection to Redis or PostgreSQL over a network is reported at startup', async () => {
  const warned = async (env: Readonly<Record<string, string>>) => {
    const own = { ...enough, INGESTER_POSTGRES_HOST: '127.0.0.1', INGESTER_POSTGRES_PORT: '1', ...env }
    const { stderr } = await runAsProgram(['run'], { ...own, INGESTER_STARTUP_TIMEOUT: '100ms' })
    return [...stderr.matchAll(/"msg":"(\S+=\S+): the connection is readable on the network"/g)].map(
      ([, it]) => it,
    )
  }
  // Not a loopback address, and yet this machine.
  assert.deepEqual(await warned({ INGESTER_REDIS_ADDR: '0.0.0.0:1', INGESTER_POSTGRES_HOST: '0.0.0.0' }), [
    'INGESTER_POSTGRES_SSL_MODE=disable',
    'INGESTER_REDIS_TLS=false',
  ])
  for (const quiet of [
    { INGESTER_REDIS_ADDR: '0.0.0.0:1', INGESTER_REDIS_TLS: 'true' },
    { INGESTER_REDIS_ADDR: '0.0.0.0:1', INGESTER_REDIS_ENABLED: 'false' },
  ]) {
    assert.deepEqual(await warned(quiet), [], JSON.stringify(quiet))
  }
})

test('the console log has the start block, and at the level warn nothing at all', async () => {
  const stderrOf = async (env: Readonly<Record<string, string>>) => {
    const port = await freePort(0)
    await using run = startIngesterProgram(['run'], {
      env: { ...system.env, ...env, INGESTER_HTTP_PORT: String(port) },
    })
    const readiness = () => fetch(`http://127.0.0.1:${port}/readyz`)
    await until(
      () =>
        readiness().then(
          ({ status }) => status,
          () => undefined,
        ),
      (status) => status === 200,
    )
    run.signal('SIGTERM')
    await expect(run).toEndWith(0)
    return run.stderr()
  }
  assert.match(await stderrOf({ INGESTER_LOG_OUTPUT: 'console', INGESTER_LOG_LEVEL: 'debug' }), startBlock)
  assert.equal(await stderrOf({ INGESTER_LOG_OUTPUT: 'console', INGESTER_LOG_LEVEL: 'warn' }), '')
})

test('PostgreSQL that comes up late is waited for; then a missing table is reported with its fix, exit 2', async () => {
  process.kill(empty.pid, 'SIGSTOP')
  await using run = startIngesterProgram(['run'], {
    env: {
      ...enough,
      INGESTER_POSTGRES_HOST: empty.host,
      INGESTER_POSTGRES_PORT: String(empty.port),
      INGESTER_POSTGRES_PASSWORD: empty.password,
    },
  })
  await run.said(/waiting for PostgreSQL/)
  process.kill(empty.pid, 'SIGCONT')
  await expect(run).toEndWith(2)
  assert.match(run.stderr(), /table scan_results does not exist; create it: bin\/ingester migrate up/)
})

test('a wrong password is not waited for: exit 2', async () => {
  const { code, stderr } = await runAsProgram(['run'], {
    ...enough,
    INGESTER_POSTGRES_HOST: system.postgres.host,
    INGESTER_POSTGRES_PORT: String(system.postgres.port),
  })
  assert.equal(code, 2)
  assert.match(stderr, /password authentication failed.*INGESTER_POSTGRES_HOST, _PORT, _USER, _PASSWORD/)
  assert.doesNotMatch(stderr, new RegExp(secret))
})

test('a server without TLS, where TLS is required, is not waited for: exit 2 with what to set', async () => {
  const env = {
    ...enough,
    INGESTER_POSTGRES_HOST: system.postgres.host,
    INGESTER_POSTGRES_PORT: String(system.postgres.port),
    INGESTER_POSTGRES_SSL_MODE: '',
  }
  for (const { code, stderr } of [
    await runAsProgram(['run'], env),
    await runInProcess(['migrate', 'up'], env),
  ]) {
    assert.equal(code, 2)
    assert.match(stderr, /does not support SSL connections; set INGESTER_POSTGRES_SSL_MODE=disable/)
    assert.doesNotMatch(stderr, /waiting for/)
  }
})

test('a failed start suggests the doctor once, with the same env file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'start-'))
  const envFile = join(folder, 'x.env')
  const unreachable = { ...enough, INGESTER_POSTGRES_PORT: '1', INGESTER_STARTUP_TIMEOUT: '0' }
  const lines = (variables: object) => Object.entries(variables).map((one) => `${one.join('=')}\n`)
  for (const [code, variables] of [
    [2, { ...unreachable, INGESTER_FLUSH_INTERVAL: 'soon' }],
    [3, unreachable],
  ] as const) {
    await writeFile(envFile, lines(variables).join(''))
    const run = await runAsProgram(['run', '--env-file', envFile], forPeople)
    assert.equal(run.code, code)
    assert.ok(
      run.stderr.endsWith(`\nto diagnose and fix this, run: bin/ingester doctor --env-file ${envFile}\n`),
    )
    assert.equal(run.stderr.split('bin/ingester doctor').length, 2)
  }
  await rm(folder, { recursive: true })
})

test('Pub/Sub unavailable: exit 3 after the timeout', async () => {
  const { code, stderr } = await runAsProgram(['run'], {
    ...system.env,
    PUBSUB_EMULATOR_HOST: nowhere,
    // PostgreSQL is reached within it, too.
    INGESTER_STARTUP_TIMEOUT: '3s',
  })
  assert.equal(code, 3, stderr)
  assert.match(stderr, /waiting for the Pub\/Sub emulator at 127.0.0.1:1/)
  assert.match(stderr, /the Pub\/Sub emulator at 127.0.0.1:1 was not reachable within/)
})

test('subscription deleted while running: not ready for 2 s, then a non-zero exit with the fix', async () => {
  const { subscription } = system
  await system.clients.subscriber.seek({ subscription, time: { seconds: 4_000_000_000 } })
  await system.sql.query('TRUNCATE scan_results')
  await using run = startIngesterProgram(['run'], { env: system.env })
  const [, url] = await run.said(/"admin":"(http[^"]+)"/)
  const readiness = async () => fetch(`${url}/readyz`)
  await until(
    async () => (await readiness()).status,
    (status) => status === 200,
  )
  const { oracle } = await publishMixture(system, 200, 1, { duplicates: 0, late: 0, poison: 0 })
  await until(
    async () => oracle.differences(await system.scans()).length,
    (n) => n === 0,
  )

  await system.clients.subscriber.deleteSubscription({ subscription })
  const reason = await until(
    async () => (await readiness()).text(),
    (text) => text.includes('scan-sub'),
  )
  assert.match(reason, /"not ready"/)
  await expect(run).toEndWith(1)
  assert.match(run.stderr(), /check that projects\/test-project\/subscriptions\/scan-sub exists/)
  assert.doesNotMatch(run.stderr(), startBlock)
})

test('migrate: status, up, down, as lines and as JSON; its own faults are reported', async () => {
  const env = {
    INGESTER_POSTGRES_HOST: empty.host,
    INGESTER_POSTGRES_PORT: String(empty.port),
    INGESTER_POSTGRES_USER: empty.user,
    INGESTER_POSTGRES_PASSWORD: empty.password,
    INGESTER_POSTGRES_DB: empty.database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
  }
  assert.match(
    (await runAsProgram(['migrate', 'status'], env)).stdout,
    /pending +000001_create_scan_results_table/,
  )
  assert.match(
    (await runInProcess(['migrate', 'up'], env)).stdout,
    /applied +000001.*\napplied +000002.*\napplied +000003.*\napplied +000004.*\napplied +000005.*\napplied +000006/,
  )
  assert.equal((await runInProcess(['migrate', 'up'], env)).stdout, 'up to date\n')
  const refused = await runAsProgram(['migrate', 'down', '--json'], env)
  assert.deepEqual([refused.code, refused.stdout], [2, ''])
  assert.match(
    refused.stderr,
    /migrate down reverts 000006_create_increments_table \(.*DROP TABLE increments;\).*no terminal.*--yes/s,
  )
  for (const key of ['n', '\u0003']) {
    const { code, seen } = await onTerminal('exec bin/ingester migrate down', { key, env })
    assert.equal(code, 0)
    assert.match(seen, /Revert 000006_create_increments_table\? It runs: .*DROP TABLE increments;/s)
    assert.match(seen, /nothing was reverted/)
  }
  const dumb = await onTerminal('exec bin/ingester migrate down', {
    key: 'n\n',
    env: { ...env, TERM: 'dumb' },
  })
  assert.match(
    dumb.seen,
    /This deletes the data of the tables that it drops\. \[y\/N\] [^]*nothing was reverted/,
  )
  assert.ok(!dumb.seen.includes('\u001b'), JSON.stringify(dumb.seen))
  assert.equal((await runInProcess(['migrate', 'up'], env)).stdout, 'up to date\n')
  const down = await runInProcess(['migrate', 'down', '--yes', '--json'], env)
  assert.deepEqual(JSON.parse(down.stdout), {
    direction: 'down',
    migrations: ['000006_create_increments_table'],
  })
  const status = JSON.parse((await runInProcess(['migrate', 'status', '--json'], env)).stdout)
  assert.deepEqual(
    status.migrations.map((one: { pending: boolean }) => one.pending),
    [false, false, false, false, false, true],
  )

  const yes = await onTerminal('exec bin/ingester migrate down', { key: 'y', env })
  assert.match(yes.seen, /reverted {2}000005_create_applied_tables/)
  for (const _ of [4, 3, 2, 1]) await runInProcess(['migrate', 'down', '--yes'], env)
  assert.equal(
    (await runInProcess(['migrate', 'down'], env)).stdout,
    'nothing to revert\n',
    'nor to ask about',
  )
  const unset = await runAsProgram(['migrate', 'up'])
  assert.equal(unset.code, 2)
  assert.doesNotMatch(unset.stderr, /doctor/)
  const away = await runAsProgram(['migrate', 'up'], { ...env, INGESTER_POSTGRES_PORT: '1' })
  assert.equal(away.code, 3)
  assert.match(away.stderr, /PostgreSQL at 127.0.0.1:1.*check INGESTER_POSTGRES_HOST/)
})
