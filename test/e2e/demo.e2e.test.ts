import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DemoSummary } from '#app/demo.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { projectDir, startIngesterProgram } from '../support/program.ts'
import { projectId } from '../support/system.ts'

const seed = process.env['TEST_SEED'] ?? String(Date.now() % 2 ** 32)
const mixture = ['--duplicates', '20', '--late', '30', '--poison', '2', '--seed', seed, '--json']

function summaryOf(stdout: string): DemoSummary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
}

function assertIdentity(summary: DemoSummary): void {
  const { written, coalesced, stale, deadLettered, nacked, outstanding } = summary
  assert.equal(summary.received, written + coalesced + stale + deadLettered + nacked + outstanding)
}

test('demo --for proves that the table converges, and exits 0', async (t) => {
  t.diagnostic(`TEST_SEED=${seed}`)
  await using demo = startIngesterProgram([
    'demo',
    '--for',
    '5s',
    '--rate',
    '1000',
    '--replicas',
    '2',
    ...mixture,
  ])
  assert.equal(await demo.ended, 0, demo.stderr())
  const summary = summaryOf(demo.stdout())
  assertIdentity(summary)
  assert.equal(summary.converged, true)
  assert.equal(summary.outstanding, 0)
  assert.equal(summary.rows, summary.keys)
  assert.ok(summary.poison > 0 && summary.deadLettered >= summary.poison)
  assert.ok(summary.published >= 4000, `published ${summary.published}`)
})

test('with a bug in the guard, demo --for says so and exits 4', async (t) => {
  t.diagnostic(`TEST_SEED=${seed}`)
  await using copy = await copyOfProject()
  const file = join(copy.dir, 'src/postgres/upsert.ts')
  const source = await readFile(file, 'utf8')
  const broken = source.replace(")}) > (${ordered('t.'", ")}) <> (${ordered('t.'")
  assert.notEqual(broken, source, 'the guard is no longer where the bug is planted')
  await writeFile(file, broken)

  await using demo = startIngesterProgram(['demo', '--for', '3s', '--rate', '1000', ...mixture], {
    cwd: copy.dir,
  })
  assert.equal(await demo.ended, 4, demo.stderr())
  assert.equal(summaryOf(demo.stdout()).converged, false)
  assert.match(demo.stderr(), /NOT converged:\n {2}\[.*\] should be ".*" of \d+, but is/)
})

test('a demo that is cut short proves nothing, and says so', async () => {
  await using demo = startIngesterProgram(['demo', '--for', '60s', ...mixture])
  await demo.said(/ready after/)
  demo.signal('SIGINT')
  assert.equal(await demo.ended, 4, demo.stderr())
  assert.equal(summaryOf(demo.stdout()).converged, false)
  assert.match(demo.stderr(), /it was stopped before its time/)
})

test('a demo whose subscription is deleted ends with the reason', async () => {
  await using demo = startIngesterProgram(['demo'])
  const [, emulatorHost = ''] = await demo.said(/PUBSUB_EMULATOR_HOST=(\S+)/)
  await demo.said(/ready after/)
  const clients = await connectPubsub({ projectId, emulatorHost })
  await clients.subscriber.deleteSubscription({
    subscription: `projects/${projectId}/subscriptions/scan-sub`,
  })
  await clients.close()
  assert.equal(await demo.ended, 1, demo.stderr())
  assert.match(demo.stderr(), /check that projects\/test-project\/subscriptions\/scan-sub exists/)
})

async function copyOfProject(): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'ingester-copy-'))
  for (const part of ['bin', 'cmd', 'src', 'db', 'package.json']) {
    await cp(join(projectDir, part), join(dir, part), { recursive: true })
  }
  await symlink(join(projectDir, 'node_modules'), join(dir, 'node_modules'))
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) }
}
