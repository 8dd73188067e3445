import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { serverProcesses } from '#stack/processes.ts'
import { projectDir, startIngesterProgram, startProgram } from '../support/program.ts'
import { until } from '../support/system.ts'

// Where the stack is found depends on the temporary folder: this one is nobody else's.
const folder = await mkdtemp(join(tmpdir(), 'ingester-test-'))
// Whatever ends this file, what it left in the background ends with it.
process.once('exit', () =>
  spawnSync(join(projectDir, 'bin/ingester'), ['stack', 'down'], { timeout: 10_000 }),
)
after(async () => {
  await outcome('stack', 'down')
  await rm(folder, { recursive: true })
})
process.env['TMPDIR'] = folder

async function outcome(...args: string[]) {
  await using program = startIngesterProgram(args)
  return { code: await program.ended, out: program.stdout(), talk: program.stderr() }
}

const isRunning = async (pid: number) => (await serverProcesses(pid)).length > 0

test('in the background: up returns when all is ready, an ingester runs on it, down ends all of it', async () => {
  const file = join(folder, '.env.local')
  const up = await outcome('stack', 'up', '--detach', '--write', file)
  assert.equal(up.code, 0, up.talk)
  assert.match(up.out, /^PUBSUB_EMULATOR_HOST=127\.0\.0\.1:\d+$/m)
  assert.equal((await stat(file)).mode & 0o777, 0o600, 'there is a password in it')
  assert.ok((await readFile(file, 'utf8')).endsWith(up.out))

  const status = JSON.parse((await outcome('stack', 'status', '--json')).out)
  assert.ok(await isRunning(status.pid))
  assert.deepEqual(
    status.services.map(({ name }: { name: string }) => name),
    ['PostgreSQL', 'Redis', 'Pub/Sub emulator'],
  )
  const again = await outcome('stack', 'up', '--detach', '--json')
  assert.deepEqual(JSON.parse(again.out), status, 'the one that runs')

  await using run = startIngesterProgram(['run', '--env-file', file], { env: { INGESTER_HTTP_PORT: '0' } })
  const [block] = await run.said(/^ingester \d[^]*ready after[^]*leaves now\n/m)
  assert.match(
    block,
    /^ {2}PostgreSQL {4}psql 'postgres:\/\/scanner@127\.0\.0\.1:\d+\/scanner_dev\?sslmode=disable'$/m,
  )
  assert.ok(!block.includes('scanner:scanner'), 'no password')
  await using scanner = startProgram('bin/scanner', ['--env-file', file, '--count', '50', '--rate', '0'])
  assert.equal(await scanner.ended, 0, scanner.stderr())
  const { out: url } = await outcome('stack', 'status', '--url')
  const client = new pg.Client({ connectionString: url.trim() })
  await client.connect()
  for (let rows = 0; rows === 0; ) {
    const { rows: counted } = await client.query('SELECT count(*)::integer AS rows FROM scan_results')
    rows = counted[0].rows
  }
  await client.end()
  run.signal('SIGTERM')
  assert.equal(await run.ended, 0, run.stderr())

  assert.deepEqual(await outcome('stack', 'down'), { code: 0, out: '', talk: 'ended\n' })
  // It said so with its last breath.
  await until(
    () => isRunning(status.pid),
    (running) => !running,
    2000,
  )
  const none = await outcome('stack', 'status')
  assert.equal(none.code, 4)
  assert.match(none.talk, /stack up --detach/)
  assert.match((await outcome('stack', 'down')).talk, /there is no stack/)
})

test('two at once: one starts, both are told where it is', async () => {
  const both = await Promise.all([1, 2].map(() => outcome('stack', 'up', '--detach', '--json')))
  const [first, second] = both.map(({ code, out, talk }) => {
    // Whoever lost the race for the place may say so; nothing of it is left then.
    if (code === 0) return JSON.parse(out).pid
    assert.match(talk, /running already/)
    return undefined
  })
  assert.ok(first ?? second)
  if (first && second) assert.equal(first, second)
  await outcome('stack', 'down')
})

test('in the foreground: Ctrl-C ends it; a second one says that there is one', async () => {
  await using first = startIngesterProgram(['stack', 'up', '--json'])
  await first.said(/"pid":/)
  const second = await outcome('stack', 'up')
  assert.equal(second.code, 2)
  assert.match(second.talk, /running already.*stack down/)
  first.signalGroup('SIGINT')
  assert.equal(await first.ended, 0, first.stderr())
})

test('killed with -9 it is in nobody’s way', async () => {
  await using first = startIngesterProgram(['stack', 'up', '--json'])
  await first.said(/"pid":/)
  first.signal('SIGKILL')
  await first.ended
  assert.equal((await outcome('stack', 'status')).code, 4)
  await using second = startIngesterProgram(['stack', 'up', '--json'])
  await second.said(/"pid":/)
  assert.equal((await outcome('stack', 'down')).code, 0)
  assert.equal(await second.ended, 0)
})

test('one that does not come up says why, and leaves nothing', async () => {
  await using failed = startIngesterProgram(['stack', 'up', '--detach'], {
    env: { PUBSUB_EMULATOR_HOST: '127.0.0.1:1' },
  })
  assert.equal(await failed.ended, 3)
  assert.match(failed.stderr(), /did not come up; its last words:\n.*nobody answers at PUBSUB_EMULATOR_HOST/s)
  assert.equal((await outcome('stack', 'status')).code, 4)
})

test('make dev, psql and down are these commands', async () => {
  const { stdout } = await promisify(execFile)('make', ['-n', 'dev', 'down', 'psql'], { cwd: projectDir })
  for (const command of ['stack up --detach --write .env.local', 'stack down', 'stack status --url']) {
    assert.ok(stdout.includes(`bin/ingester ${command}`), command)
  }
})
