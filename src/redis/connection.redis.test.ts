import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { inspect } from 'node:util'
import { explain } from '#connect/explain.ts'
import { onFreePort } from '#stack/ports.ts'
import { until } from '../../test/support/postgres.ts'
import { startProgram } from '../../test/support/program.ts'
import { adminOf, callsOf, startTestRedis } from '../../test/support/redis-cache.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'
import type { RedisOptions } from './connection.ts'
import { RedisConnection } from './connection.ts'
import type { RedisFailure } from './failure.ts'
import { atEnd } from '../../test/support/at-end.ts'

const server = await startTestRedis()
const admin = adminOf(server)
const password = 'planted-secret-81fe'
const locked = await startTestRedis({ requirepass: password })

const script = readFileSync(new URL('protocol.lua', import.meta.url), 'utf8')
const sha = createHash('sha1').update(script).digest('hex')

async function connect(changes: Partial<RedisOptions> = {}): Promise<RedisConnection> {
  const { host, port } = server
  const connection = new RedisConnection({ host, port, db: 0, tls: false, ...changes })
  atEnd(() => connection.close())
  await connection.firstAttempt()
  return connection
}

let lastKey = 0

/** Sets a watermark, under another name each time; returns that name. */
async function confirm(connection: RedisConnection): Promise<string> {
  const key = `key ${++lastKey}`
  const mark = `${'5'.padStart(19, '0')}:0123456789abcdefABCDEF`
  assert.equal(await connection.run([key], ['confirm', 'token', 10_000, 60_000, mark]), 1)
  return key
}

const failed = (running: Promise<unknown>): Promise<RedisFailure> =>
  running.then(
    () => assert.fail('it was answered'),
    (failure: RedisFailure) => failure,
  )

const untilConnected = (connection: RedisConnection) =>
  until(async () => connection.unavailableReason === undefined)

/** How often the script was carried out, whichever way it was named. */
const executions = async () => (await callsOf(admin, 'evalsha')) + (await callsOf(admin, 'eval'))

test('a script that Redis has forgotten is sent again', async () => {
  const connection = await connect()
  await admin.call('SCRIPT', 'FLUSH')
  await admin.config('RESETSTAT')
  assert.equal(await admin.exists(await confirm(connection)), 1)
  assert.equal(await admin.exists(await confirm(connection)), 1)
  const calls = [await callsOf(admin, 'eval'), await callsOf(admin, 'evalsha')]
  assert.deepEqual(calls, [1, 2], 'once in full, and then by its name')
  assert.deepEqual(await admin.call('SCRIPT', 'EXISTS', sha), [1])
})

test('while disconnected, calls fail at once and are not replayed later', async () => {
  await using proxy = await TcpProxy.to(server.port)
  const connection = await connect({ port: proxy.port })
  await confirm(connection)
  await proxy.refuse()
  await until(async () => connection.unavailableReason !== undefined)
  const before = await executions()
  // An immediate comes before any timer and before anything from the network.
  const soon = new Promise((resolve) => setImmediate(resolve, 'later'))
  const failures = Array.from({ length: 100 }, () => failed(connection.run([], ['release', '', 0, 0, ''])))
  const outcome = (await Promise.race([Promise.all(failures), soon])) as RedisFailure[]
  assert.deepEqual(new Set(outcome.map(({ bypass }) => bypass)), new Set(['disconnected']))
  await proxy.accept()
  await untilConnected(connection)
  await confirm(connection)
  assert.equal(await executions(), before + 1)
})

test('calls before the first connection fail, too', async () => {
  await using proxy = await TcpProxy.to(server.port)
  proxy.freeze()
  const { host } = server
  const connection = new RedisConnection({ host, port: proxy.port, db: 0, tls: false })
  atEnd(() => connection.close())
  assert.equal(connection.unavailableReason?.bypass, 'disconnected')
  assert.equal((await failed(connection.run([], ['release', '', 0, 0, '']))).bypass, 'disconnected')
  proxy.thaw()
  await untilConnected(connection)
  await confirm(connection)
})

test('a call whose answer is lost with the connection fails at once and is not sent again', async () => {
  await using proxy = await TcpProxy.to(server.port)
  const connection = await connect({ port: proxy.port })
  await confirm(connection)
  const before = await executions()
  proxy.loseReplies()
  const lost = failed(confirm(connection))
  await until(async () => (await executions()) === before + 1)
  proxy.bringReplies()
  const failure = await lost
  const { bypass } = failure
  const message = explain(failure)
  assert.equal(bypass, 'disconnected')
  assert.match(message, /check INGESTER_REDIS_ADDR/)
  await untilConnected(connection)
  await confirm(connection)
  assert.equal(await executions(), before + 2)
})

test('a late answer is not used for another call', async () => {
  const connection = await connect()
  await admin.call('CLIENT', 'PAUSE', '700', 'ALL')
  const late = await failed(connection.run(['a'], ['begin', 'token', 10_000, 0, 'x'.repeat(42)]))
  assert.equal(late.bypass, 'timeout')
  // Its answer is on its way, and is one letter; this one's is a number.
  assert.equal(await connection.run(['a'], ['release', 'token', 10_000, 0, '']), 0)
  assert.equal(connection.unavailableReason, undefined)
})

test('no answer within half a second: timeout, although the connection is up', async () => {
  await using proxy = await TcpProxy.to(server.port)
  const connection = await connect({ port: proxy.port })
  proxy.freeze()
  const start = performance.now()
  const failure = await failed(confirm(connection))
  const { bypass } = failure
  const message = explain(failure)
  const elapsed = performance.now() - start
  assert.equal(bypass, 'timeout')
  assert.match(message, /Command timed out/)
  assert.ok(elapsed > 400 && elapsed < 900, `${elapsed} ms`)
  assert.equal(connection.unavailableReason, undefined)
})

test('a server that stays silent is disconnected and reconnected repeatedly, and used when it answers', async () => {
  await using proxy = await TcpProxy.to(server.port)
  const connection = await connect({ port: proxy.port })
  proxy.freeze()
  await failed(confirm(connection))
  await until(async () => connection.unavailableReason !== undefined)
  assert.equal(connection.unavailableReason?.bypass, 'timeout')
  await until(async () => proxy.connections >= 4)
  proxy.thaw()
  await untilConnected(connection)
  await confirm(connection)
})

for (const [what, drop] of [
  ['takes every connection away again', (proxy: TcpProxy) => proxy.cut()],
  ['turns every connection away', (proxy: TcpProxy) => proxy.turnAway()],
] as const) {
  test(`a server that ${what} is reconnected with growing delays`, async () => {
    await using proxy = await TcpProxy.to(server.port)
    const connection = await connect({ port: proxy.port })
    const end = performance.now() + 3000
    while (performance.now() < end) {
      if (connection.unavailableReason === undefined) drop(proxy)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    // At once, and then after at least 50, 100, 200, 400, 800 and 1,600 ms.
    assert.ok(proxy.connections <= 8, `${proxy.connections} connections`)
  })
}

test('calls that a silent server leaves unanswered fail with the reason of the connection', async () => {
  await using proxy = await TcpProxy.to(server.port)
  const connection = await connect({ port: proxy.port })
  proxy.freeze()
  for (let asked = 0; asked < 2; asked += 1) {
    await failed(confirm(connection))
    // This one is under way when the connection is given up.
    const failure = await failed(confirm(connection))
    const { bypass } = failure
    const message = explain(failure)
    assert.equal(bypass, 'timeout')
    assert.match(message, /timed out|timeout/i)
    proxy.thaw()
    await untilConnected(connection)
    proxy.freeze()
  }
  proxy.thaw()
})

test('the cause of a silently lost connection is not that of an earlier one', async () => {
  await using proxy = await TcpProxy.to(server.port)
  const connection = await connect({ port: proxy.port })
  proxy.freeze()
  await failed(confirm(connection))
  await until(async () => connection.unavailableReason?.bypass === 'timeout')
  proxy.thaw()
  await untilConnected(connection)
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal')
  await until(async () => connection.unavailableReason !== undefined)
  assert.equal(connection.unavailableReason?.bypass, 'disconnected')
  assert.match(connection.unavailableReason?.message ?? '', /the connection was lost/)
  await untilConnected(connection)
  await confirm(connection)
})

test('a connection that is idle for long is left alone', async () => {
  const connection = await connect()
  await confirm(connection)
  const id = (await ids()).at(-1)
  // Longer than the silence of a server that owes an answer.
  await until(async () => (await idleOf(id)) >= 2)
  await confirm(connection)
  assert.ok((await idleOf(id)) < 2, 'the same connection asked again')
})

test('a server that is killed and returns empty is used again', async () => {
  const own = await startTestRedis()
  const connection = await connect({ port: own.port })
  await confirm(connection)
  process.kill(own.pid, 'SIGKILL')
  await until(async () => connection.unavailableReason !== undefined)
  const failure = await failed(confirm(connection))
  const { bypass } = failure
  const message = explain(failure)
  assert.equal(bypass, 'disconnected')
  assert.match(message, /check INGESTER_REDIS_ADDR/)
  await own.restart()
  await untilConnected(connection)
  await confirm(connection)
})

test('a missing database: rejected with the fix, and nothing is written to another one', async () => {
  const few = await startTestRedis({ databases: '4' })
  const connection = new RedisConnection({ host: few.host, port: few.port, db: 9, tls: false })
  connection.onOpened(() => assert.fail('it is not connected'))
  atEnd(() => connection.close())
  await connection.firstAttempt()
  for (let round = 0; round < 3; round += 1) {
    const away = connection.unavailableReason ?? assert.fail('it is away')
    const { bypass } = away
    const message = explain(away)
    assert.equal(bypass, 'refused')
    assert.match(message, /DB index is out of range; check INGESTER_REDIS_DB/)
    await failed(confirm(connection))
    await connection.firstAttempt()
  }
  assert.doesNotMatch(await adminOf(few).info('keyspace'), /keys=/)
})

test('the configured database, also after a lost connection', async () => {
  await using proxy = await TcpProxy.to(server.port)
  const third = adminOf(server, { db: 3 })
  const connection = await connect({ port: proxy.port, db: 3 })
  const first = await confirm(connection)
  proxy.cut()
  await until(async () => proxy.connections >= 2 && connection.unavailableReason === undefined)
  const second = await confirm(connection)
  assert.equal(await third.exists(first, second), 2)
  assert.equal(await admin.exists(first, second), 0)
})

test('the right password connects; the client name is ingester', async () => {
  const connection = await connect({ port: locked.port, password })
  assert.equal(connection.unavailableReason, undefined)
  await confirm(connection)
  assert.match(String(await adminOf(locked, { password }).client('LIST')), /name=ingester/)
})

for (const [given, reply] of [
  [undefined, /NOAUTH/],
  ['planted-wrong-93ab', /WRONGPASS/],
] as const) {
  test(`${given ? 'a wrong' : 'no'} password: no-rights, with the fix and without the password`, async () => {
    const connection = await connect({ port: locked.port, ...(given ? { password: given } : {}) })
    const { unavailableReason: away } = connection
    assert.equal(away?.bypass, 'no-rights')
    assert.match(away?.message ?? '', reply)
    assert.match(explain(away), /check INGESTER_REDIS_PASSWORD/)
    const thrown = await failed(confirm(connection))
    for (const failure of [away, thrown]) {
      assert.doesNotMatch(inspect(failure, { depth: Infinity, showHidden: true }), /planted/)
    }
  })
}

test('permissions revoked while it runs: no-rights, and used again when they are granted', async () => {
  const own = await startTestRedis()
  const rights = adminOf(own)
  const connection = await connect({ port: own.port })
  await rights.call('ACL', 'SETUSER', 'default', '-evalsha', '-eval')
  const failure = await failed(confirm(connection))
  const { bypass } = failure
  const message = explain(failure)
  assert.equal(bypass, 'no-rights')
  assert.match(message, /NOPERM/)
  await rights.call('ACL', 'SETUSER', 'default', '+evalsha', '+eval')
  await confirm(connection)
})

test('a replica is disconnected, since after a failover the name may point to another server', async () => {
  const own = await startTestRedis()
  const rights = adminOf(own)
  await using proxy = await TcpProxy.to(own.port)
  const connection = await connect({ port: proxy.port })
  await rights.call('REPLICAOF', '127.0.0.1', '1')
  const failure = await failed(confirm(connection))
  const { bypass } = failure
  const message = explain(failure)
  assert.equal(bypass, 'read-only')
  assert.match(message, /READONLY.*must be that of the primary/s)
  await until(async () => proxy.connections >= 2)
  await rights.call('REPLICAOF', 'NO', 'ONE')
  await untilConnected(connection)
  await confirm(connection)
})

describe('TLS', async () => {
  const file = (name: string) => new URL(`../../test/support/tls/${name}`, import.meta.url).pathname
  const secure = await onFreePort(0, async (port) => {
    const plain = await startTestRedis({
      'tls-port': String(port),
      'tls-cert-file': file('server.crt'),
      'tls-key-file': file('server.key'),
      'tls-ca-cert-file': file('ca.crt'),
      'tls-auth-clients': 'no',
    })
    return { host: plain.host, port, plainPort: plain.port }
  })

  /** What a process with these certificates sees. */
  async function outcome(env: Readonly<Record<string, string>>, changes: Partial<RedisOptions>) {
    const options: RedisOptions = { host: secure.host, port: secure.port, db: 0, tls: true, ...changes }
    const code = `
      import { explain } from '#connect/explain.ts'
      import { RedisConnection } from '#redis/connection.ts'
      const connection = new RedisConnection(${JSON.stringify(options)})
      await connection.firstAttempt()
      const { unavailableReason: away } = connection
      const answer = away ? undefined : await connection.run(['key'], ['release', '', 0, 0, ''])
      console.log(JSON.stringify({ bypass: away?.bypass, message: away && explain(away), answer }))
      connection.close()`
    await using program = startProgram(process.execPath, ['--input-type=module', '-e', code], { env })
    await expect(program).toEndWith(0)
    return JSON.parse(program.stdout()) as { bypass?: string; message?: string; answer?: unknown }
  }

  const trusted = { NODE_EXTRA_CA_CERTS: file('ca.crt') }

  test('with the authority in NODE_EXTRA_CA_CERTS it is used, by address and by name', async () => {
    assert.deepEqual(await outcome(trusted, {}), { answer: 0 })
    assert.deepEqual(await outcome(trusted, { host: 'localhost' }), { answer: 0 })
  })

  test('an untrusted certificate is rejected, and the cause says so', async () => {
    const { bypass, message } = await outcome({}, {})
    assert.equal(bypass, 'disconnected')
    assert.match(message ?? '', /certificate.*NODE_EXTRA_CA_CERTS/s)
  })

  test('a certificate of another host is rejected, and the cause says so', async () => {
    // The same address, by a name that the certificate does not have.
    const { bypass, message } = await outcome(trusted, { host: '127.1' })
    assert.equal(bypass, 'disconnected')
    assert.match(message ?? '', /altnames.*127\.1.*check INGESTER_REDIS_ADDR/s)
  })

  test('a server without a TLS handshake is given up after two seconds', async () => {
    await using proxy = await TcpProxy.to(secure.port)
    proxy.freeze()
    const start = performance.now()
    const connection = await connect({ port: proxy.port, tls: true })
    const elapsed = performance.now() - start
    assert.equal(connection.unavailableReason?.bypass, 'disconnected')
    assert.ok(elapsed > 1500 && elapsed < 5000, `${elapsed} ms`)
  })

  for (const [what, changes] of [
    ['TLS with a server that has none', { port: secure.plainPort }],
    ['no TLS with a server that wants it', { tls: false }],
  ] as const) {
    test(`${what}: disconnected, with the fix`, async () => {
      const { bypass, message } = await outcome(trusted, changes)
      assert.equal(bypass, 'disconnected')
      assert.match(message ?? '', /check INGESTER_REDIS_ADDR and INGESTER_REDIS_TLS/)
    })
  }
})

async function clients(): Promise<Record<string, string>[]> {
  const text = String(await admin.client('LIST')).trim()
  return text
    .split('\n')
    .map((line) => Object.fromEntries(line.split(' ').map((field) => field.split('=') as [string, string])))
}

/** Of the connections that call themselves ingester, oldest first. */
const ids = async () => (await clients()).filter(({ name }) => name === 'ingester').map(({ id }) => id)

const idleOf = async (wanted: string | undefined) =>
  Number((await clients()).find(({ id }) => id === wanted)?.['idle'])
