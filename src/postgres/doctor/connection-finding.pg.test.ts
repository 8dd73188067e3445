import assert from 'node:assert/strict'
import { chown, copyFile, chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { renderFixes } from '#doctor/render-fixes.ts'
import type { Finding } from '#core/finding.ts'
import { scans } from '#pipeline/scans.ts'
import { startPostgres } from '#stack/postgres.ts'
import { pasteSql, printed } from '../../../test/support/paste.ts'
import { startProgram } from '../../../test/support/program.ts'
import { freshDatabase, migrationsDir, until } from '../../../test/support/postgres.ts'
import { connectionFinding } from './connection-finding.ts'
import { checkPostgres } from './checks.ts'
import type { PostgresOptions } from '../pool.ts'

const server = await startPostgres({ port: 0, superuser: true })
afterAll(() => server.stop())
const database = await freshDatabase(server)
afterAll(() => database[Symbol.asyncDispose]())

/** The first finding: whether it is reached. */
async function reached(changes: Partial<PostgresOptions> = {}): Promise<Finding> {
  const [first, ...others] = await checkPostgres({
    postgres: { ...database.options, ...changes },
    poolSize: 2,
    workers: 1,
    table: scans.sink,
    pipeline: 'scans',
    migrationsDir,
    withCache: true,
    identityHorizonMs: 8 * 86_400_000,
  })
  assert.ok(first)
  if (first.status === 'failed') {
    assert.ok(others.length > 20)
    for (const { status, detail } of others)
      assert.equal(`${status} ${detail}`, 'skipped PostgreSQL was not reached')
  }
  return first
}

const askForPassword =
  /^printf 'INGESTER_POSTGRES_PASSWORD: '; read -rs INGESTER_POSTGRES_PASSWORD; export INGESTER_POSTGRES_PASSWORD$/

test('connected: where, as whom, how', async () => {
  const { status, detail } = await reached()
  assert.equal(status, 'ok')
  assert.match(detail, /^127\.0\.0\.1:\d+, database scanner_dev, role scanner, plaintext, \d+ ms$/)
})

test('a wrong or missing password is prompted for', async () => {
  for (const password of ['wrong', '']) {
    const found = await reached({ password })
    assert.equal(found.status, 'failed')
    assert.match(printed(found), askForPassword)
  }
})

test('no server here: start it, correct its address, or use the servers of the project', async () => {
  const here = await reached({ port: 1 })
  assert.match(here.detail, /ECONNREFUSED/)
  const [own, ...stack] = printed(here).split('\n')
  assert.match(
    own ?? '',
    /^# start the server that should listen at 127\.0\.0\.1:1, or fix INGESTER_POSTGRES_HOST /,
  )
  assert.match(
    stack.join('\n'),
    /^# or .*\nbin\/ingester stack up --detach .*\nbin\/ingester doctor --env-file/,
  )
})

test('another machine cannot be reached: where its address comes from, without repeating the address', () => {
  const error = Object.assign(new Error('getaddrinfo ENOTFOUND db.example'), { code: 'ENOTFOUND' })
  const there = connectionFinding('postgres', error, { ...database.options, host: 'db.example', port: 5432 })
  const environment = { INGESTER_POSTGRES_HOST: 'db.example', INGESTER_POSTGRES_PORT: '5432' }
  const own = { INGESTER_POSTGRES_PORT: '5432' }
  assert.match(
    renderFixes(there.fixes, { envFile: 'x.env', own, environment }),
    /^# check that db\.example:5432 is right, .*_HOST \(in x\.env\) and \w+_PORT \(from the environment, which overrides x\.env\)$/,
  )
})

describe('turned away: found, and let in after the fix', () => {
  const superuser = { user: 'scanner', password: server.password }

  async function fixed(changes: Partial<PostgresOptions>, detail: RegExp): Promise<void> {
    const found = await reached(changes)
    assert.equal(found.status, 'failed')
    assert.match(found.detail, detail)
    await pasteSql(printed(found), database.query)
    assert.equal((await reached(changes)).status, 'ok', printed(found))
  }

  test('the database does not exist', async () => {
    await fixed({ database: 'Not there yet' }, /database "Not there yet" does not exist/)
    const next = await checkPostgres({
      postgres: { ...database.options, database: 'Not there yet' },
      poolSize: 2,
      workers: 1,
      table: scans.sink,
      pipeline: 'scans',
      migrationsDir,
      withCache: false,
      identityHorizonMs: 8 * 86_400_000,
    })
    assert.equal(next.find(({ name }) => name === 'postgres migrations')?.status, 'failed')
    await database.query('DROP DATABASE "Not there yet"')
  })

  test('the role may not log in', async () => {
    await database.query(`CREATE ROLE "no login" NOLOGIN PASSWORD '${server.password}'`)
    await fixed({ user: 'no login' }, /not permitted to log in/)
    await database.query('DROP ROLE "no login"')
  })

  test('the role may not connect to the database', async () => {
    await database.query(`CREATE ROLE stranger LOGIN PASSWORD '${server.password}'`)
    await database.query('REVOKE CONNECT ON DATABASE scanner_dev FROM PUBLIC')
    await fixed({ user: 'stranger' }, /permission denied for database/)
    await database.query('DROP OWNED BY stranger; DROP ROLE stranger')
    await database.query('GRANT CONNECT ON DATABASE scanner_dev TO PUBLIC')
  })

  test('the role has all the connections that it may have', async () => {
    await database.query(`CREATE ROLE busy LOGIN PASSWORD '${server.password}' CONNECTION LIMIT 0`)
    await fixed({ user: 'busy' }, /too many connections for role/)
    await database.query('DROP ROLE busy')
  })

  test('pg_hba.conf has no line for us, or one that trusts a role that does not exist', async () => {
    const hba = join(server.dataDir, 'pg_hba.conf')
    const before = await readFile(hba, 'utf8')
    await database.query(`CREATE ROLE guest LOGIN PASSWORD '${server.password}'`)
    const guest = { ...superuser, user: 'guest' }
    const write = async (text: string) => {
      await writeFile(hba, text)
      await database.query('SELECT pg_reload_conf()')
    }
    await write('host all scanner 127.0.0.1/32 scram-sha-256\nhost all ghost 127.0.0.1/32 trust\n')
    await until(async () => (await reached(guest)).status === 'failed')
    const found = await reached(guest)
    assert.match(found.detail, /no pg_hba.conf entry/)
    const [comment, line] = printed(found).split('\n')
    assert.match(comment ?? '', /^# add to pg_hba.conf/)
    await write(`${line}\n${await readFile(hba, 'utf8')}`)
    await until(async () => (await reached(guest)).status === 'ok')

    const ghost = await reached({ user: 'ghost' })
    assert.match(ghost.detail, /role "ghost" does not exist/)
    // psql's own command for the password is not SQL.
    await pasteSql(printed(ghost).replace(/^\\password.*$/m, ''), database.query)
    assert.equal((await reached({ user: 'ghost' })).status, 'ok')
    await write(before)
    await database.query('DROP ROLE ghost; DROP ROLE guest')
  })
})

describe('TLS', () => {
  const file = (name: string) => new URL(`../../../test/support/tls/${name}`, import.meta.url).pathname

  /** What a process with these certificates finds. */
  async function outcome(env: Readonly<Record<string, string>>, changes: Partial<PostgresOptions>) {
    const options = { ...database.options, ...changes }
    const code = `
      import { checkPostgres } from '#postgres/doctor/checks.ts'
      import { scans } from '#pipeline/scans.ts'
      import { printed } from './test/support/paste.ts'
      const [first] = await checkPostgres({ postgres: ${JSON.stringify(options)}, poolSize: 2, workers: 1,
        table: scans.sink, pipeline: 'scans', migrationsDir: ${JSON.stringify(migrationsDir)}, withCache: true })
      console.log(JSON.stringify({ ...first, fix: printed(first) }))`
    await using program = startProgram(process.execPath, ['--input-type=module', '-e', code], { env })
    await expect(program).toEndWith(0)
    return JSON.parse(program.stdout()) as { status: string; detail: string; fix: string }
  }

  test('on this machine, a server without it is reached without it', async () => {
    const found = await reached({ sslMode: 'verify-full' })
    assert.match(found.detail, /does not support SSL/)
    assert.equal(printed(found), 'export INGESTER_POSTGRES_SSL_MODE=disable')
    assert.equal((await reached({ sslMode: 'disable' })).status, 'ok')
  })

  /** Makes it the server's, which takes it into use. */
  async function install(certificate: string, key: string): Promise<void> {
    const { uid, gid } = await stat(server.dataDir)
    for (const [from, to] of [
      [certificate, 'server.crt'],
      [key, 'server.key'],
    ] as const) {
      const copy = join(server.dataDir, to)
      await copyFile(file(from), copy)
      await chown(copy, uid, gid)
      await chmod(copy, 0o600)
    }
    await database.query('ALTER SYSTEM SET ssl = on')
    await database.query('SELECT pg_reload_conf()')
  }

  test('an unknown authority, a certificate of another host: each with its fix', async () => {
    await install('server.crt', 'server.key')
    await until(async () => (await reached({ sslMode: 'require' })).status === 'ok')

    const unknown = await outcome({}, { sslMode: 'verify-full' })
    assert.equal(unknown.status, 'failed')
    assert.equal(unknown.fix, 'export NODE_EXTRA_CA_CERTS=ca.crt')
    const trusted = { NODE_EXTRA_CA_CERTS: file('ca.crt') }
    const known = await outcome(trusted, { sslMode: 'verify-full' })
    assert.match(`${known.status} ${known.detail}`, /^ok .*TLSv1\.[23], verify-full/)

    const other = await outcome(trusted, { sslMode: 'verify-full', host: '127.1' })
    assert.equal(other.status, 'failed')
    assert.equal(other.fix, 'export INGESTER_POSTGRES_HOST=localhost')
    assert.equal((await outcome(trusted, { sslMode: 'verify-full', host: 'localhost' })).status, 'ok')
  })

  for (const [name, detail, fix] of [
    ['expired', /certificate has expired/, /^# renew the server's certificate/],
    ['not-yet-valid', /certificate is not yet valid/, /^# set the clocks/],
  ] as const) {
    test(`a certificate that is ${name}: what to do about it, other than starting the server`, async () => {
      await install(`${name}.crt`, 'out-of-date.key')
      const trusted = { NODE_EXTRA_CA_CERTS: file(`${name}.crt`) }
      let found = await outcome(trusted, { sslMode: 'verify-full' })
      // Until the server has read its files again.
      for (let tries = 0; tries < 20 && !detail.test(found.detail); tries++)
        found = await outcome(trusted, { sslMode: 'verify-full' })
      assert.match(found.detail, detail)
      assert.match(found.fix, fix)
      assert.doesNotMatch(found.fix, /start the server|stack up/)
    })
  }
})
