import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempDisposable, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { serverProcesses } from '#stack/processes.ts'
import { until } from '../support/system.ts'
import { startIngesterProgram, startProgram } from '../support/program.ts'
import { projectCopy } from '../support/project-copy.ts'
import { showSeed } from '../support/seed.ts'

type Summary = Readonly<Record<string, number>> & {
  readonly pipeline: string
  readonly converged: boolean
}

function summaryOf(stdout: string): Summary {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
}

const args = (seed: number, ...more: string[]) =>
  `demo --pipeline increments --for 5s --json --seed ${seed}`.split(' ').concat(more)

test('demo --pipeline increments: with a gateway and an ingester killed, every promise is kept', async (t) => {
  await using _taken = await takenPort(8080)
  await using demo = startIngesterProgram(args(showSeed(t), '--pause-broker', '2500ms'))
  await expect(demo).toEndWith(0)
  const summary = summaryOf(demo.stdout())
  const count = (name: string) => summary[name] ?? Number.NaN
  assert.deepEqual([summary.pipeline, summary.converged, count('outstanding')], ['increments', true, 0])
  assert.equal(count('received'), count('written') + count('coalesced') + count('duplicate'), 'all else is 0')
  assert.ok(count('duplicate') + count('coalesced') > 0, 'some were delivered twice')
  assert.equal(count('kills'), 2)
  assert.equal(count('published'), count('confirmed'))
  assert.equal(count('requests'), count('confirmed') + count('unknown') + count('refused'))
  assert.ok(count('refused') > 0, 'some are malformed')
  assert.ok(count('attempts') > count('requests'), 'some were repeated')
  assert.match(
    demo.stderr(),
    /^converged: confirmed requests count once, unknown ones at most once, refused ones never$/m,
  )
  assert.match(demo.stderr(), /the broker is paused for 2500ms\n[^]*the broker works again\n/)
  assert.match(demo.stderr(), /(Caddy|gateway 1) on port \d+, since 8080 is taken/)
})

test('with a gateway that forgets the keys of requests, it says which counted twice, and exits with 4', async (t) => {
  await using copy = await projectCopy()
  const file = join(copy.dir, 'src/gateway/request-identity.ts')
  const source = await readFile(file, 'utf8')
  const broken = source.replace('if (key === undefined)', 'if (key !== "")')
  assert.notEqual(broken, source, 'the keys are no longer where the bug is planted')
  await writeFile(file, broken)

  const { dir: cwd, env } = copy
  await using demo = startIngesterProgram(args(showSeed(t), '--no-kills'), { cwd, env })
  await expect(demo).toEndWith(4)
  const summary = summaryOf(demo.stdout())
  assert.deepEqual([summary.converged, summary['kills']], [false, 0])
  assert.match(
    demo.stderr(),
    /^NOT converged:\n {2}request \d+ of [\da-f-]{36} was confirmed, and counts 2 times$/m,
  )
})

test('without Caddy clients take turns; a live view on a terminal; Ctrl-C ends all of it', async () => {
  await using _taken = await takenPort(8080)
  await using path = await pathWithout('caddy')
  const script = 'stty cols 100 rows 50; exec bin/ingester demo --pipeline increments --no-kills'
  await using demo = startProgram('script', ['-qec', script, '/dev/null'], {
    env: { TERM: 'xterm', PATH: path.folder },
  })
  await demo.said(
    /no Caddy: caddy is not on PATH; clients take turns themselves \(Debian: apt-get install caddy\)/,
  )
  const [, port] = await demo.said(/gateway 1 on port (\d+), since 8080 is taken/)
  await demo.said(new RegExp(`gateways +http://127\\.0\\.0\\.1:${port}/increment, `))
  await demo.said(/ingesters +2, with \d+ workers each; 1 in a process of its own/)
  await demo.said(/in front +nothing: Caddy is not installed/)
  await demo.said(/largest sums/)
  const below = await serverProcesses(demo.pid)
  const [, program] = below
  process.kill(program as number, 'SIGINT')
  await expect(demo).toEndWith(0)
  const screen = stripVTControlCharacters(demo.stdout())
  assert.match(screen, /publishing · \d+ s/)
  assert.match(screen, /duplicate +[\d,]+ +[\d,]+\/s +its effect was committed before/)
  assert.match(screen, /clients +[\d,]+ requests · [\d,]+ confirmed · /)
  assert.match(screen, /stopping: draining in-flight messages[^]*outstanding +0[^]*confirmed +[1-9]/)
  const summary = screen.slice(screen.lastIndexOf('of received'))
  const count = (name: string) =>
    Number((new RegExp(`^ *${name} +([\\d,]+)`, 'm').exec(summary)?.[1] ?? '0').replaceAll(',', ''))
  const settlements = ['written', 'coalesced', 'duplicate', 'ignored', 'dead letters', 'nacked']
  assert.ok(count('received') > 0)
  assert.equal(
    count('received'),
    settlements.map(count).reduce((sum, n) => sum + n),
  )
  for (const pid of below) assert.deepEqual(await serverProcesses(pid), [], 'nothing of it is left')
})

test('a second Ctrl-C ends it at once, and nothing of it is left', async () => {
  await using demo = startIngesterProgram(['demo', '--pipeline', 'increments'])
  await demo.said(/ready after/)
  await demo.said(/a gateway and an ingester are killed with -9 every 20 s; seed/)
  const below = await serverProcesses(demo.pid)
  assert.ok(below.length >= 5, 'gateways, an ingester and servers')
  demo.signalGroup('SIGINT')
  await demo.said(/press Ctrl-C again to force exit/)
  demo.signalGroup('SIGINT')
  assert.ok([0, 5].includes(Number(await demo.ended)))
  await until(
    async () => (await Promise.all(below.map(serverProcesses))).flat(),
    (left) => left.length === 0,
  )
})

/** A port of this machine that is taken, by this test or by another program. */
async function takenPort(port: number): Promise<AsyncDisposable> {
  const server = createServer().listen({ host: '127.0.0.1', port })
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) =>
    assert.equal(error.code, 'EADDRINUSE'),
  )
  return { [Symbol.asyncDispose]: async () => void server.close() }
}

/** All programs of the PATH but one. */
async function pathWithout(name: string) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'ingester-path-'))
  const seen = new Set([name])
  for (const from of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const program of await readdir(from).catch(() => [])) {
      if (seen.has(program)) continue
      seen.add(program)
      await symlink(join(from, program), join(folder.path, program))
    }
  }
  return { folder: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}
