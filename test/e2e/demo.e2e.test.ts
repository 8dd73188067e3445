import assert from 'node:assert/strict'
import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stripVTControlCharacters } from 'node:util'
import type { summaryJson } from '#demo/run.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { serverProcesses } from '#stack/processes.ts'
import { startPubsub } from '#stack/pubsub.ts'
import { programsBelow } from '../support/processes.ts'
import type { Program } from '../support/program.ts'
import { startIngesterProgram, startProgram } from '../support/program.ts'
import { projectCopy } from '../support/project-copy.ts'
import { showSeed, seed } from '../support/seed.ts'
import { connectByServiceFile } from '../support/service-file.ts'
import { signalEach } from '../support/signal-each.ts'
import { projectId, until } from '../support/system.ts'

const mixture = (number: number) => `--duplicates 20 --late 30 --poison 2 --seed ${number} --json`.split(' ')
/** For what does not depend on the amount. */
const slow = ['--rate', '100']

/** As scans has it. */
type DemoSummary = ReturnType<typeof summaryJson> & { readonly keys: number; readonly poison: number }

function summaryOf(stdout: string): DemoSummary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
}

function assertIdentity(summary: DemoSummary): void {
  const { written, coalesced, stale, deadLettered, nacked, outstanding } = summary
  assert.equal(summary.pipeline, 'scans')
  assert.equal(summary.received, written + coalesced + stale + deadLettered + nacked + outstanding)
}

test('demo --for proves that the table converges, and exits with 0; nothing of it remains on a shared emulator', async (t) => {
  await using shared = await sharedEmulator()
  const args = ['demo', '--for', '2s', '--rate', '500', '--replicas', '2', ...mixture(showSeed(t))]
  await using demo = startIngesterProgram(args, { env: shared.env })
  await demo.said(/ready after/)
  assert.deepEqual(await shared.names(), [
    shared.ofOthers,
    `projects/${projectId}/topics/scan-topic-demo-${demo.pid}`,
    `projects/${projectId}/subscriptions/scan-sub-demo-${demo.pid}`,
  ])
  await expect(demo).toEndWith(0)
  assert.deepEqual(await shared.names(), [shared.ofOthers])
  const summary = summaryOf(demo.stdout())
  assert.match(demo.stderr(), /^[\d,]+ messages published; waiting until all are settled$/m)
  assertIdentity(summary)
  assert.equal(summary.converged, true)
  assert.equal(summary.outstanding, 0)
  assert.equal(summary.rows, summary.keys)
  assert.ok(summary.poison > 0 && summary.deadLettered >= summary.poison)
  assert.ok(summary.published >= 500, `published ${summary.published}`)
})

test('with a bug in the guard, demo --for reports it and exits with 4', async (t) => {
  await using copy = await projectCopy()
  const file = join(copy.dir, 'src/postgres/upsert.ts')
  const source = await readFile(file, 'utf8')
  const broken = source.replace('((${given}) > (${standing}))', '((${given}) <> (${standing}))')
  assert.notEqual(broken, source, 'the guard is no longer where the bug is planted')
  await writeFile(file, broken)

  await using demo = startIngesterProgram(['demo', '--for', '2s', ...mixture(showSeed(t))], {
    cwd: copy.dir,
    env: copy.env,
  })
  await expect(demo).toEndWith(4)
  assert.equal(summaryOf(demo.stdout()).converged, false)
  assert.match(demo.stderr(), /NOT converged:\n {2}\[.*\] should be ".*" of \d+, but is/)
})

const onTerminal = (args: string, env = {}) =>
  startProgram('script', ['-qec', `stty cols 100 rows 50; exec bin/ingester demo ${args}`, '/dev/null'], {
    env: { TERM: 'xterm', ...env },
  })

test('on a terminal: a live view in place of the log, then the summary as a table', async () => {
  await using demo = onTerminal('--for 3s --rate 100')
  await expect(demo).toEndWith(0)
  assert.ok(!demo.stdout().includes('\u001b[?25l'), 'a hidden cursor would stay hidden after a kill -9')
  const screen = stripVTControlCharacters(demo.stdout())
  assert.match(screen, /publishing · \d of 3 s/)
  assert.match(screen, /published +[\d,]+ +[\d,]+\/s/)
  assert.match(
    screen,
    /newest rows +ip +port[^]*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +1\.1\.1\.\d+ +\d+ +(HTTP|SSH|DNS)/,
  )
  assert.match(screen, /^ {2}written +[\d,]+ +\d+% {2}its row was committed\r\n[^]*converged: /m)
  assert.doesNotMatch(screen, /INFO|WARN/)
  const [, ...afterwards] = screen.split(/messages +of received/)
  assert.doesNotMatch(afterwards.join(''), /publishing/, 'nothing of the view stays')
})

test('on a terminal with --logs: the log, and no live view', async () => {
  await using demo = onTerminal('--for 1s --rate 100 --poison 50 --logs', { NO_COLOR: '1' })
  await expect(demo).toEndWith(0)
  assert.match(demo.stdout(), /WARN: messages were dead-lettered/)
  assert.doesNotMatch(demo.stdout(), /publishing ·/)
})

const onBareTerminal = (args: string, TERM: string) =>
  startProgram('script', ['-qec', `exec bin/ingester demo ${args}`, '/dev/null'], { env: { TERM } })

test('a terminal that cannot move its cursor gets the log, and no escapes', async () => {
  await using demo = onBareTerminal('--for 1s --rate 100 --poison 50', 'dumb')
  await expect(demo).toEndWith(0)
  assert.match(demo.stdout(), /ready after[^]*WARN: messages were dead-lettered[^]*converged:/)
  assert.ok(!demo.stdout().includes('\u001b'), JSON.stringify(demo.stdout()))
})

test('a terminal that does not report its size gets the live view, too: it shows a problem, and continues when it is resolved', async () => {
  await using demo = onBareTerminal('--rate 100', 'xterm')
  const [, file = ''] = await demo.said(/PGSERVICEFILE=(\S+) psql service=scans/)
  const client = await connectByServiceFile(file)
  await client.query('ALTER TABLE scan_results RENAME TO elsewhere')
  await demo.said(/! .*scan_results/)
  await client.query('ALTER TABLE elsewhere RENAME TO scan_results')
  await client.end()
  const [, ingester] = await serverProcesses(demo.pid)
  process.kill(ingester as number, 'SIGINT')
  await expect(demo).toEndWith(0)
  assert.match(demo.stdout(), /stopping: draining in-flight messages[^]*outstanding +0/)
})

describe('a demo of a minute, in a folder of its own', async () => {
  const resources = new AsyncDisposableStack()
  /** It is found below this folder, which no other test uses. */
  let env: Readonly<Record<string, string>>
  let demo: Program
  beforeAll(async () => {
    const folder = resources.use(await mkdtempDisposable(join(tmpdir(), 'ingester-test-')))
    env = { XDG_RUNTIME_DIR: folder.path }
    demo = resources.use(startIngesterProgram(['demo', '--for', '60s', ...slow, ...mixture(seed)], { env }))
    await demo.said(/ready after/)
  })
  afterAll(() => resources.disposeAsync())

  test('while it runs, `stack status` reports where it is, and psql finds it', async () => {
    const [, line, file] = await demo.said(/(PGSERVICEFILE=(\S+) psql service=scans)\n/)
    await using status = startIngesterProgram(['stack', 'status', '--service-file'], { env })
    await expect(status).toEndWith(0)
    assert.equal(status.stdout(), `${file}\n`)
    assert.equal(status.stderr(), 'connecting to the running demo\n')
    await using told = startIngesterProgram(['stack', 'status'], { env })
    await expect(told).toEndWith(0)
    assert.match(told.stdout(), /^of a running demo, running since/)
    assert.ok(told.stdout().endsWith(`${line}\n`), told.stdout())
    await using down = startIngesterProgram(['stack', 'down'], { env })
    await expect(down).toEndWith(0)
    assert.match(
      down.stderr(),
      /no background stack of this folder is running/,
      'it is not for others to end',
    )
  })

  test('a demo whose subscription is deleted exits with the reason, and nothing of it remains on a shared emulator', async () => {
    await using shared = await sharedEmulator()
    await using failing = startIngesterProgram(['demo', ...slow], { env: { ...env, ...shared.env } })
    await failing.said(/ready after/)
    assert.match(failing.stderr(), /will not find this demo: another demo of this folder is already running/)
    const [, , subscription = ''] = await shared.names()
    await shared.clients.subscriber.deleteSubscription({ subscription })
    await expect(failing).toEndWith(1)
    assert.match(failing.stderr(), new RegExp(`check that ${subscription} exists`))
    assert.deepEqual(await shared.names(), [shared.ofOthers])
  })

  test('a demo that is cut short proves nothing, and says so', async (t) => {
    showSeed(t)
    demo.signalGroup('SIGINT')
    await expect(demo).toEndWith(4)
    assert.equal(summaryOf(demo.stdout()).converged, false)
    assert.match(demo.stderr(), /it was interrupted/)
    await using gone = startIngesterProgram(['stack', 'status'], { env })
    await expect(gone).toEndWith(4)
  })
})

test('Ctrl-C during startup cancels it, without a table; a second one exits at once', async () => {
  await using first = startIngesterProgram(['demo'])
  await first.said(/^starting/)
  first.signalGroup('SIGINT')
  await expect(first).toEndWith(0)
  assert.match(first.stderr(), /aborting startup[^]*\ninterrupted during startup\n$/)
  assert.doesNotMatch(first.stderr(), /PostgreSQL on port|published/)

  await using second = startIngesterProgram(['demo', '--for', '5s'])
  await second.said(/^starting/)
  // With what it has started frozen, the start cannot be ended politely.
  const below = await until(
    () => programsBelow(second.pid),
    (pids) => pids.length > 0,
  )
  signalEach(below, 'SIGSTOP')
  second.signalGroup('SIGINT')
  await second.said(/press Ctrl-C again to force exit/)
  second.signalGroup('SIGINT')
  assert.equal(await second.ended, 4, 'nothing is proven')
  assert.doesNotMatch(second.stderr(), /published/)
  for (const pid of below) {
    signalEach(await serverProcesses(pid), 'SIGCONT')
    await until(
      () => serverProcesses(pid),
      (pids) => pids.length === 0,
    )
  }
})

for (const args of [['demo'], ['demo', '--for', '60s', '--json']]) {
  test(`a second Ctrl-C on ${args.join(' ')}: what is in flight is nacked, and no table is printed that was not read`, async () => {
    await using demo = startIngesterProgram([...args, ...slow])
    const [, file = ''] = await demo.said(/PGSERVICEFILE=(\S+) psql service=scans/)
    await demo.said(/ready after/)
    const client = await connectByServiceFile(file)
    await client.query('BEGIN; LOCK TABLE scan_results IN SHARE MODE')
    const { rows } = await until(
      () => client.query('SELECT 1 FROM pg_locks WHERE NOT granted LIMIT 1'),
      (result) => result.rows.length > 0,
    )
    assert.equal(rows.length, 1, 'a batch waits')
    demo.signalGroup('SIGINT')
    await demo.said(/press Ctrl-C again to force exit/)
    demo.signalGroup('SIGINT')
    const beganMs = performance.now()
    const json = args.includes('--json')
    await expect(demo).toEndWith(json ? 4 : 5)
    assert.ok(performance.now() - beganMs < 15_000, 'no statement that waits is waited for')
    if (json) {
      const summary = summaryOf(demo.stdout())
      assertIdentity(summary)
      assert.equal(summary.rows, null)
      assert.ok(summary.nacked > 0)
      assert.match(demo.stderr(), /NOT converged:\n {2}the table was not read\n/)
    } else {
      assert.match(demo.stderr(), /^ {2}nacked +[1-9]/m)
      assert.match(demo.stderr(), /^ {2}rows +– +in the table; not read$/m)
    }
  })
}

/** With a topic of others. */
async function sharedEmulator() {
  await using resources = new AsyncDisposableStack()
  const { emulatorHost } = resources.use(await startPubsub({ port: 0 }))
  const clients = await connectPubsub({ projectId, emulatorHost })
  resources.defer(() => clients.close())
  const project = `projects/${projectId}`
  const ofOthers = `${project}/topics/of-others`
  await clients.publisher.createTopic({ name: ofOthers })
  const all = resources.move()
  return {
    env: { PUBSUB_EMULATOR_HOST: emulatorHost },
    clients,
    ofOthers,
    /** Of its topics, then of its subscriptions. */
    names: async () => {
      const [topics] = await clients.publisher.listTopics({ project })
      const [subscriptions] = await clients.subscriber.listSubscriptions({ project })
      return [...topics, ...subscriptions].map(({ name }) => name as string)
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
