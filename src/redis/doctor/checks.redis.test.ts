import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { Redis } from 'ioredis'
import type { Finding } from '#core/finding.ts'
import { onFreePort } from '#stack/ports.ts'
import { pasteShell, printed } from '../../../test/support/paste.ts'
import { startProgram } from '../../../test/support/program.ts'
import { adminOf, startTestRedis } from '../../../test/support/redis-cache.ts'
import { TcpProxy } from '../../../test/support/tcp-proxy.ts'
import type { RedisOptions } from '../connection.ts'
import { checkRedis, versionFinding } from './checks.ts'
import { atEnd } from '../../../test/support/at-end.ts'

const server = await startTestRedis()
const { host, port } = server

const check = (changes: Partial<RedisOptions> = {}) =>
  checkRedis({ host, port, db: 0, tls: false, ...changes }, 'scans')

function named(findings: readonly Finding[], name: string): Finding {
  const found = findings.find((one) => one.name === name)
  assert.ok(found, name)
  return found
}

const finding = async (name: string, changes: Partial<RedisOptions> = {}) => named(await check(changes), name)

test('a correct Redis: nothing is reported', async () => {
  const findings = await check()
  assert.deepEqual(
    findings.map(({ name, status }) => `${name}: ${status}`),
    ['', ' password', ' database', ' version', ' role', ' memory', ' scripts'].map(
      (part) => `redis${part}: ok`,
    ),
  )
})

test('nothing is written', async () => {
  const admin = adminOf(server)
  await check()
  assert.equal(await admin.dbsize(), 0)
  const stats = await admin.info('commandstats')
  assert.doesNotMatch(stats, /cmdstat_(set|del|config\|set)/)
})

test('no server: the printed command starts it', async () => {
  const free = await onFreePort(0, async (one) => one)
  const found = await finding('redis', { port: free })
  assert.equal(found.status, 'failed')
  assert.match(found.detail, /ECONNREFUSED.*PostgreSQL does all the work/)
  const text = printed(found)
  assert.equal(text, `redis-server --port ${free} --save '' --daemonize yes`)
  assert.equal((await pasteShell(text)).code, 0)
  const started = new Redis({ host, port: free, retryStrategy: () => 20 })
  started.on('error', () => {})
  atEnd(() => started.disconnect())
  await new Promise((resolve) => started.once('ready', resolve))
  const then = await finding('redis', { port: free })
  await started.shutdown('NOSAVE').catch(() => {})
  started.disconnect()
  assert.equal(then.status, 'ok')
})

test('one on another machine is disabled', async () => {
  const findings = await check({ host: 'redis.invalid' })
  assert.equal(printed(named(findings, 'redis')), 'export INGESTER_REDIS_ENABLED=false')
  for (const { status, detail } of findings.slice(1))
    assert.equal(`${status} ${detail}`, 'skipped Redis was not reached')
})

test('a silent server is given up in time', async () => {
  await using proxy = await TcpProxy.to(port)
  proxy.freeze()
  const startMs = performance.now()
  assert.equal((await finding('redis', { port: proxy.port })).status, 'failed')
  assert.ok(performance.now() - startMs < 6000)
})

describe('a password', async () => {
  const guarded = await startTestRedis({ requirepass: 'secret' })
  const at = { port: guarded.port }

  test('that is missing or wrong is prompted for, and later checks are skipped', async () => {
    for (const changes of [at, { ...at, password: 'wrong' }]) {
      const findings = await check(changes)
      const found = named(findings, 'redis password')
      assert.equal(found.status, 'failed')
      assert.match(printed(found), /read -rs INGESTER_REDIS_PASSWORD; export/)
      for (const { status } of findings.slice(2)) assert.equal(status, 'skipped')
    }
    assert.ok((await check({ ...at, password: 'secret' })).every(({ status }) => status === 'ok'))
  })

  test('that the server does not require', async () => {
    const found = await finding('redis password', { password: 'secret' })
    assert.equal(found.status, 'warning')
    assert.deepEqual(found.fixes, [{ kind: 'setting', values: { 'redis.password': '' } }])
  })

  test('redis-cli prompts for it, too', async () => {
    const admin = adminOf(guarded, { password: 'secret' })
    await admin.config('SET', 'maxmemory', '100mb')
    const found = await finding('redis memory', { ...at, password: 'secret' })
    const { code, stdout } = await pasteShell(printed(found), {}, 'secret\n')
    assert.equal(code, 0)
    assert.match(stdout, /OK/)
    assert.equal((await finding('redis memory', { ...at, password: 'secret' })).status, 'ok')
  })
})

test('a memory limit at which writes fail: found, and green after the fix', async () => {
  const admin = adminOf(server)
  await admin.config('SET', 'maxmemory', '100mb')
  const found = await finding('redis memory')
  assert.equal(found.status, 'warning')
  assert.match(found.detail, /noeviction/)
  assert.equal((await pasteShell(printed(found))).code, 0)
  assert.match((await finding('redis memory')).detail, /^100\.00M, allkeys-lru$/)
  await admin.config('SET', 'maxmemory', '0')
})

test('scripts that are forbidden: found, and green after the fix', async () => {
  const admin = adminOf(server)
  await admin.call('ACL', 'SETUSER', 'default', '-eval', 'resetkeys', '~other:*')
  const found = await finding('redis scripts')
  assert.equal(found.status, 'failed')
  assert.match(found.detail, /NOPERM|permissions/)
  assert.equal((await pasteShell(printed(found))).code, 0)
  assert.equal((await finding('redis scripts')).status, 'ok')
  await admin.call('ACL', 'SETUSER', 'default', '+@all', 'allkeys')
})

test('a server without scripts is disabled', async () => {
  const bare = await startTestRedis({ 'rename-command EVAL': 'NOBODY' })
  const found = await finding('redis scripts', { port: bare.port })
  assert.equal(found.status, 'failed')
  assert.equal(printed(found), 'export INGESTER_REDIS_ENABLED=false')
})

test('a database that does not exist', async () => {
  const found = await finding('redis database', { db: 99 })
  assert.equal(found.status, 'failed')
  assert.match(found.detail, /^99: .*out of range/)
  assert.equal(printed(found), 'export INGESTER_REDIS_DB=0')
})

test('a replica: the primary is the server that it replicates from', async () => {
  const replica = await startTestRedis({ replicaof: `${host} ${port}` })
  const found = await finding('redis role', { port: replica.port })
  assert.equal(found.status, 'failed')
  assert.equal(printed(found), `export INGESTER_REDIS_ADDR=${host}:${port}`)
  assert.equal((await finding('redis role')).status, 'ok')
})

test('versions before 6', () => {
  assert.equal(versionFinding({ redis_version: '5.0.14' }).status, 'failed')
  assert.equal(versionFinding({ redis_version: '6.0.0' }).status, 'ok')
  assert.equal(versionFinding({ redis_version: '10.0.0' }).status, 'ok')
  assert.equal(versionFinding({}).status, 'skipped')
})

describe('TLS', async () => {
  const file = (name: string) => new URL(`../../../test/support/tls/${name}`, import.meta.url).pathname
  const secure = await onFreePort(0, async (one) => {
    const plain = await startTestRedis({
      'tls-port': String(one),
      'tls-cert-file': file('server.crt'),
      'tls-key-file': file('server.key'),
      'tls-ca-cert-file': file('ca.crt'),
      'tls-auth-clients': 'no',
    })
    return { port: one, plainPort: plain.port }
  })

  test('required by one side only: the variable is changed', async () => {
    const needless = await finding('redis', { port: secure.plainPort, tls: true })
    assert.equal(printed(needless), 'export INGESTER_REDIS_TLS=false')
    const needed = await finding('redis', { port: secure.port, tls: false })
    assert.equal(printed(needed), 'export INGESTER_REDIS_TLS=true')
  })

  /** What a process with these certificates finds. */
  async function outcome(env: Readonly<Record<string, string>>, changes: Partial<RedisOptions>) {
    const options = { host, port: secure.port, db: 0, tls: true, ...changes }
    const code = `
      import { checkRedis } from '#redis/doctor/checks.ts'
      import { printed } from './test/support/paste.ts'
      const [first] = await checkRedis(${JSON.stringify(options)}, 'scans')
      console.log(JSON.stringify({ ...first, fix: printed(first) }))`
    await using program = startProgram(process.execPath, ['--input-type=module', '-e', code], { env })
    await expect(program).toEndWith(0)
    return JSON.parse(program.stdout()) as { status: string; detail: string; fix: string }
  }

  test('an unknown authority, a certificate of another host: each with its fix', async () => {
    assert.equal((await outcome({}, {})).fix, 'export NODE_EXTRA_CA_CERTS=ca.crt')
    const trusted = { NODE_EXTRA_CA_CERTS: file('ca.crt') }
    assert.equal((await outcome(trusted, {})).status, 'ok')
    const other = await outcome(trusted, { host: '127.1' })
    assert.equal(other.fix, `export INGESTER_REDIS_ADDR=localhost:${secure.port}`)
    assert.equal((await outcome(trusted, { host: 'localhost' })).status, 'ok')
  })

  for (const [name, detail, fix] of [
    ['expired', /certificate has expired/, /^# renew the server's certificate/],
    ['not-yet-valid', /certificate is not yet valid/, /^# set the clocks/],
  ] as const) {
    test(`a certificate that is ${name}: what to do about it, other than starting the server`, async () => {
      const port = await onFreePort(0, async (one) => {
        await startTestRedis({
          'tls-port': String(one),
          'tls-cert-file': file(`${name}.crt`),
          'tls-key-file': file('out-of-date.key'),
          'tls-ca-cert-file': file('ca.crt'),
          'tls-auth-clients': 'no',
        })
        return one
      })
      const found = await outcome({ NODE_EXTRA_CA_CERTS: file(`${name}.crt`) }, { port })
      assert.match(found.detail, detail)
      assert.match(found.fix, fix)
      assert.doesNotMatch(found.fix, /redis-server|ENABLED/)
    })
  }
})
