import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  open as openFile,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import type { Server } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { promisify } from 'node:util'
import { serverProcesses } from '#stack/processes.ts'
import { runInProcess } from '../support/in-process.ts'
import type { ProgramResult } from '../support/program.ts'
import { projectDir, runAsProgram, startIngesterProgram, startProgram } from '../support/program.ts'
import { connectByServiceFile } from '../support/service-file.ts'
import { commandsBelow, programsBelow } from '../support/processes.ts'
import { signalEach } from '../support/signal-each.ts'
import { until } from '../support/system.ts'

// The stack is found below this folder, which no other test uses.
const folder = await mkdtemp(join(tmpdir(), 'ingester-test-'))
// Whatever ends this file, what it left in the background ends with it.
process.once('exit', () =>
  spawnSync(join(projectDir, 'bin/ingester'), ['stack', 'down'], { timeout: 10_000 }),
)
afterAll(async () => {
  await outcome('stack', 'down')
  await rm(folder, { recursive: true })
})
process.env['XDG_RUNTIME_DIR'] = folder

const outcome = (...args: string[]) => outcomeWith({}, ...args)

/** Asking for a stack and stopping it need no program of their own; the first test has them as programs, too. */
async function outcomeWith(env: Readonly<Record<string, string>>, ...args: string[]) {
  const isProgram = !/^stack (status|down)|^migrate/.test(args.join(' '))
  return isProgram ? runAsProgram(args, env) : runInProcess(args, env)
}

const program = (...args: string[]) => runAsProgram(args)

/** PostgreSQL's first process; its others go by other titles. */
const postmaster = /^\S*\/postgres -D /
/** What a start begins with: the data folder is made or copied, then the server is set up. */
const preparing = /^(?:\S*\/)?(?:cp|initdb|postgres) /

const isRunning = async (pid: number) => (await serverProcesses(pid)).length > 0

test('in the background: up returns when all services are ready, an ingester runs on it, down stops all of them', async () => {
  const file = join(folder, '.env.local')
  const up = await outcome('stack', 'up', '--detach', '--write', file)
  assert.equal(up.code, 0, up.stderr)
  assert.match(up.stdout, /^PUBSUB_EMULATOR_HOST=127\.0\.0\.1:\d+$/m)
  assert.equal((await stat(file)).mode & 0o777, 0o600, 'there are passwords in it')
  const written = (await readFile(file, 'utf8')).split('\n')
  const secret = (line: string) => /^\w+_PASSWORD=\S{20,}$/.test(line)
  assert.equal(written.filter(secret).length, 2)
  assert.deepEqual(
    written
      .slice(1)
      .filter((line) => !secret(line))
      .join('\n'),
    up.stdout,
    'none on the screen',
  )

  const status = JSON.parse((await program('stack', 'status', '--json')).stdout)
  assert.ok(await isRunning(status.pid))
  assert.deepEqual(
    status.services.map(({ name }: { name: string }) => name),
    ['PostgreSQL', 'Redis', 'Pub/Sub emulator'],
  )
  const again = await outcome('stack', 'up', '--detach', '--json')
  assert.deepEqual(JSON.parse(again.stdout), status, 'the one that runs')

  const doctor = await outcomeWith({ INGESTER_HTTP_PORT: '0' }, 'doctor', '--json', '--env-file', file)
  const complaints = JSON.parse(doctor.stdout).checks.filter(({ status: found }: { status: string }) =>
    ['warning', 'failed'].includes(found),
  )
  assert.deepEqual(complaints, [], 'our own defaults')

  await using run = startIngesterProgram(['run', '--env-file', file], { env: { INGESTER_HTTP_PORT: '0' } })
  const [block] = await run.said(/^ingester \d[^]*ready after[^]*forces exit\n/m)
  assert.match(
    block,
    /^ {2}PostgreSQL {4}psql 'postgres:\/\/ingester@127\.0\.0\.1:\d+\/scanner_dev\?sslmode=disable'$/m,
  )
  for (const line of written.filter(secret)) assert.ok(!block.includes(line.split('=')[1] as string))
  await using scanner = startProgram('bin/scanner', ['--env-file', file, '--count', '50', '--rate', '0'])
  await expect(scanner).toEndWith(0)
  const { stdout: serviceFile } = await program('stack', 'status', '--service-file')
  const client = await connectByServiceFile(serviceFile.trim())
  for (let rows = 0; rows === 0; ) {
    const { rows: counted } = await client.query('SELECT count(*)::integer AS rows FROM scan_results')
    rows = counted[0].rows
  }
  await client.end()
  run.signal('SIGTERM')
  await expect(run).toEndWith(0)

  assert.deepEqual(await program('stack', 'down'), { code: 0, stdout: '', stderr: 'stopped\n' })
  // It said so with its last breath.
  await until(
    () => isRunning(status.pid),
    (running) => !running,
    2000,
  )
  await until(
    () => readdir(folder),
    (left) => left.join() === '.env.local',
    2000,
  )
  const none = await program('stack', 'status')
  assert.equal(none.code, 4)
  assert.match(none.stderr, /stack up --detach/)
  assert.match((await program('stack', 'down')).stderr, /no background stack/)
})

test('two at once: one starts, and both report where it is', async () => {
  const both = await Promise.all([1, 2].map(() => outcome('stack', 'up', '--detach', '--json')))
  for (const { code, stderr } of both) assert.equal(code, 0, stderr)
  const [first, second] = both.map(({ stdout }) => JSON.parse(stdout).pid)
  assert.equal(first, second)
  await outcome('stack', 'down')
})

test('status reports a dead service, and up replaces the stack', async () => {
  const first = JSON.parse((await outcome('stack', 'up', '--detach', '--json')).stdout)
  const [server] = await commandsBelow(first.pid, postmaster)
  process.kill(server as number, 'SIGKILL')
  const status = await until(
    () => outcome('stack', 'status'),
    ({ code }) => code === 4,
  )
  assert.match(status.stdout, /PostgreSQL +\S+ +exited unexpectedly: signal 9$/m)
  assert.match(status.stderr, /^PostgreSQL of the background stack exited unexpectedly: .*stack down/)
  const serviceFile = await outcome('stack', 'status', '--service-file')
  assert.deepEqual([serviceFile.code, serviceFile.stdout], [4, ''], 'nothing answers there')

  const up = await outcome('stack', 'up', '--detach', '--json')
  assert.equal(up.code, 0, up.stderr)
  assert.match(up.stderr, /PostgreSQL had exited unexpectedly: signal 9\nreplacing that stack/)
  assert.notEqual(JSON.parse(up.stdout).pid, first.pid)
  assert.equal((await outcome('stack', 'status')).code, 0)
  await outcome('stack', 'down')
})

/** Takes the port as soon as it is free: another test's stack that has it would release it in the middle. */
/** Listens there; undefined: another process does. */
async function hold(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1')
  return await once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}

/** Where it is another process that has the port, it may release it before that is looked at: then once more. */
async function upWhileTaken(port: number): Promise<ProgramResult> {
  for (;;) {
    await using server = await hold(port)
    const up = await outcome('stack', 'up', '--detach')
    if (server || up.stderr.includes(`since ${port} is taken`)) return up
    await outcome('stack', 'down')
  }
}

test('up in the background says which ports were taken', async () => {
  const up = await upWhileTaken(5433)
  assert.match(up.stderr, /^PostgreSQL on port \d+, since 5433 is taken/m)
  const again = await outcome('stack', 'up', '--detach')
  assert.equal(again.stdout, up.stdout)
  assert.match(again.stderr, /^it has been running since/)
  await outcome('stack', 'down')
})

test('--owner alone would change nothing: rejected', async () => {
  const status = await outcome('stack', 'status', '--owner')
  assert.deepEqual([status.code, status.stdout], [2, ''])
  assert.match(status.stderr, /^error: --owner needs --write/)
})

test('an unwritable file is reported before anything starts', async () => {
  for (const [file, why] of [
    [folder, 'it is a folder'],
    [join(folder, 'none', 'file'), 'its folder does not exist'],
  ] as const) {
    const up = await outcome('stack', 'up', '--detach', '--write', file)
    assert.deepEqual([up.code, up.stdout], [2, ''])
    assert.equal(
      up.stderr,
      `ingester: ${file} cannot be written: ${why}; name another file with --write, or leave it out\n`,
    )
  }
  assert.equal((await outcome('stack', 'status')).code, 4)
})

test('an env file is written for its user alone, atomically, and never through a link', async () => {
  const place = await mkdtemp(join(folder, 'files-'))
  const [open, other, link] = ['open', 'other', 'link'].map((name) => join(place, name)) as [
    string,
    string,
    string,
  ]
  await writeFile(open, 'A=1\n')
  await chmod(open, 0o666)
  const reader = await openFile(open)
  await writeFile(other, 'B=2\n')
  await symlink(other, link)
  const refused = await outcome('stack', 'up', '--detach', '--write', link)
  assert.deepEqual([refused.code, refused.stdout], [2, ''])
  assert.match(
    refused.stderr,
    /link cannot be written: it is a symbolic link; name another file with --write/,
  )
  assert.equal((await outcome('stack', 'status')).code, 4, 'nothing was started')

  assert.equal((await outcome('stack', 'up', '--detach', '--write', open)).code, 0)
  assert.equal((await stat(open)).mode & 0o777, 0o600)
  assert.match(await readFile(open, 'utf8'), /^INGESTER_REDIS_PASSWORD=/m)
  assert.equal(await reader.readFile('utf8'), 'A=1\n', 'who had opened it before reads what was there')
  await reader.close()

  const linked = await outcome('stack', 'status', '--write', link)
  assert.equal(linked.code, 2)
  assert.match(linked.stderr, /link could not be written: it is a symbolic link/)
  assert.equal(await readFile(other, 'utf8'), 'B=2\n')
  const written = await outcome('stack', 'status', '--write', other)
  assert.equal(written.code, 0)
  assert.match(written.stderr, /^the variables of the background stack are written to \S+\n$/)
  assert.equal(written.stdout, '')
  assert.equal(await readFile(other, 'utf8'), await readFile(open, 'utf8'))
  assert.equal((await outcome('migrate', 'down', '--yes', '--env-file', other)).code, 2, 'it owns no table')
  assert.equal((await stat(other)).mode & 0o777, 0o600)
  assert.deepEqual((await readdir(place)).sort(), ['link', 'open', 'other'])
  await outcome('stack', 'down')
  await rm(place, { recursive: true })
})

test('it is found whatever TMPDIR is; asking for it creates nothing', async () => {
  const own = await mkdtemp(join(folder, 'own-'))
  const other = join(folder, 'not there', 'x'.repeat(200))
  const env = { XDG_RUNTIME_DIR: own }
  for (const args of [['status'], ['down']]) await outcomeWith(env, 'stack', ...args)
  assert.deepEqual(await readdir(own), [])
  assert.equal((await outcomeWith(env, 'stack', 'up', '--detach')).code, 0)
  const status = await outcomeWith({ ...env, TMPDIR: other }, 'stack', 'status')
  assert.equal(status.code, 0, status.stderr)
  assert.equal((await outcomeWith({ ...env, TMPDIR: other }, 'stack', 'down')).stderr, 'stopped\n')

  const failed = await outcomeWith({ ...env, TMPDIR: other }, 'stack', 'up')
  assert.equal(failed.code, 3)
  assert.match(failed.stderr, /no folder for \w+ in .*ENOENT.*set TMPDIR/)
  await rm(own, { recursive: true })
})

test('a folder that others can write to is not trusted', async () => {
  const first = JSON.parse((await outcome('stack', 'up', '--detach', '--json')).stdout)
  const [name = ''] = (await readdir(folder)).filter((one) => one.startsWith('ingester-'))
  await chmod(join(folder, name), 0o777)
  for (const args of [['status', '--service-file'], ['up', '--detach'], ['down']]) {
    const { code, stdout, stderr } = await outcome('stack', ...args)
    assert.deepEqual([code, stdout], [2, ''], args.join(' '))
    assert.match(stderr, /is open to other users, so what is in it is not trusted: remove it/)
  }
  await chmod(join(folder, name), 0o700)
  assert.equal(JSON.parse((await outcome('stack', 'status', '--json')).stdout).pid, first.pid)
  await outcome('stack', 'down')
})

test('in the foreground: Ctrl-C stops it; a second one reports the first', async () => {
  await using first = startIngesterProgram(['stack', 'up', '--json'])
  await first.said(/"pid":/)
  const second = await outcome('stack', 'up')
  assert.equal(second.code, 2)
  assert.match(second.stderr, /already running.*stack down/)
  first.signalGroup('SIGINT')
  await expect(first).toEndWith(0)
})

test('Ctrl-C during startup cancels it and leaves nothing; a second one exits at once', async () => {
  const temporary = join(folder, 'temporary')
  await mkdir(temporary)
  await chmod(folder, 0o755)
  await chmod(temporary, 0o1777)
  const begun = (pid: number) =>
    until(
      () => commandsBelow(pid, preparing),
      (found) => found.length > 0,
    )
  const nothing = () =>
    until(
      () => readdir(temporary),
      (folders) => folders.length === 0,
    )
  await using first = startIngesterProgram(['stack', 'up'], { env: { TMPDIR: temporary } })
  // Frozen it would never end by itself.
  signalEach(await begun(first.pid), 'SIGSTOP')
  first.signalGroup('SIGINT')
  await expect(first).toEndWith(0)
  assert.doesNotMatch(first.stderr(), /PostgreSQL on port/)
  assert.equal(first.stdout(), '')
  assert.deepEqual(await readdir(temporary), [])

  await using second = startIngesterProgram(['stack', 'up'], { env: { TMPDIR: temporary } })
  await begun(second.pid)
  const below = await programsBelow(second.pid)
  signalEach(below, 'SIGSTOP')
  second.signalGroup('SIGINT')
  await second.said(/press Ctrl-C again to force exit/)
  second.signalGroup('SIGINT')
  assert.equal(await second.ended, 0, 'those that it started are frozen, and not waited for')
  signalEach(below, 'SIGCONT')
  await nothing()
  await chmod(folder, 0o700)
})

test('a stack killed with -9 does not block a new one', async () => {
  await using first = startIngesterProgram(['stack', 'up', '--json'])
  await first.said(/"pid":/)
  first.signal('SIGKILL')
  await first.ended
  assert.equal((await outcome('stack', 'status')).code, 4)
  await using second = startIngesterProgram(['stack', 'up', '--json'])
  await second.said(/"pid":/)
  assert.equal((await outcome('stack', 'down')).code, 0)
  await expect(second).toEndWith(0)
})

test('a stack that fails to start says why, and leaves nothing', async () => {
  await using failed = startIngesterProgram(['stack', 'up', '--detach'], {
    env: { PUBSUB_EMULATOR_HOST: '127.0.0.1:1' },
  })
  await expect(failed).toEndWith(3)
  assert.match(
    failed.stderr(),
    /failed to start; last log lines:\n.*nothing answers at PUBSUB_EMULATOR_HOST/s,
  )
  const [, log = ''] = /full log: (.*)$/m.exec(failed.stderr()) ?? []
  assert.match(await readFile(log, 'utf8'), /nothing answers at PUBSUB_EMULATOR_HOST/)
  assert.equal((await outcome('stack', 'status')).code, 4)
})

test('make dev, psql and down are these commands; no password is an argument of psql', async () => {
  const { stdout } = await promisify(execFile)('make', ['-n', 'dev', 'down', 'psql'], { cwd: projectDir })
  for (const command of [
    'stack up --detach --write .env.local',
    'stack down',
    'stack status --service-file',
  ]) {
    assert.ok(stdout.includes(`bin/ingester ${command}`), command)
  }
  assert.ok(stdout.includes('env PGSERVICEFILE="$file" psql -d service=scans'))
})
