// The benchmarks as a user starts and ends them, with a run in progress.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serverProcesses } from '#stack/processes.ts'
import type { Program } from '../test/support/program.ts'
import { startProgram } from '../test/support/program.ts'
import { until } from '../test/support/system.ts'

const { PATH = '' } = process.env
/** PostgreSQL may take its time; a run would wait for a minute until it gives up. */
const stopLimitMs = 40_000

/** The program with an environment of its own. */
const bench = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  startProgram(process.execPath, ['bench/main.ts', ...args], { env: { PATH, ...env } })

test('a quick run: its tables measure nothing, and its results replace no others', async () => {
  await using program = bench(['--quick'], { BENCH: 'start', RUNS: '1' })
  await expect(program).toEndWith(0)
  assert.match(program.stdout(), /first ack, s[^]*these figures say nothing/)
  const [, file = ''] = /Results: (.*)/.exec(program.stderr()) ?? []
  assert.match(file, /\/\.tmp\/bench\/results-quick\.json$/)
  const { quick: isQuick, finished } = JSON.parse(readFileSync(file, 'utf8'))
  assert.ok(isQuick && finished)
})

test('Ctrl-C during a run leaves no process and no folder', async () => {
  // Of its own: the services below and other test files make folders in the system's at the same time.
  const folder = await mkdtemp(join(tmpdir(), 'bench-test-'))
  // PostgreSQL, which root runs as another user, goes elsewhere where that user may not write.
  await chmod(folder, 0o1777)
  await using program = bench(['--quick'], { BENCH: 'memory', RUNS: '1', TMPDIR: folder })
  const running = await processesOfRun(program)
  const made = (await readdir(folder)).map((name) => name.replace(/-[^-]*$/, ''))
  assert.deepEqual(made.sort(), ['ingester-postgres', 'ingester-redis'])
  const asked = performance.now()
  program.signal('SIGINT')
  await expect(program).toEndWith(130)
  assert.ok(performance.now() - asked < stopLimitMs, 'it waited for an abandoned run')
  const left = async () => [...running.filter(isAlive), ...(await readdir(folder))]
  await until(left, (remains) => remains.length === 0, 15_000)
  await rmdir(folder)
})

test('repeated Ctrl-C exits with 130, and leaves no process', async () => {
  await using program = bench(['--quick'], { BENCH: 'memory', RUNS: '1' })
  const running = await processesOfRun(program)
  let hasEnded = false
  void program.ended.then(() => (hasEnded = true))
  await until(
    async () => {
      program.signal('SIGINT')
      return hasEnded
    },
    (ended) => ended,
  )
  await expect(program).toEndWith(130)
  await allGone(running)
})

test('kill -9 leaves no process, not even a stopped one', async () => {
  await using program = bench(['--quick'], { BENCH: 'memory', RUNS: '1' })
  const running = await processesOfRun(program)
  for (const pid of running.filter((one) => /broker-process/.test(commandOf(one))))
    process.kill(pid, 'SIGSTOP')
  program.signal('SIGKILL')
  // Not its `ended`: processes that are left still hold its output.
  await allGone(running)
})

/** When a run has begun: PostgreSQL, Redis, the broker and the ingester. */
async function processesOfRun(program: Program): Promise<number[]> {
  await program.said(/memory, 1 KB, run 1/)
  const seen = await until(
    () => serverProcesses(program.pid),
    (pids) => pids.map(commandOf).filter((line) => /broker-process|cmd\/ingester/.test(line)).length >= 2,
  )
  assert.ok(seen.length > 6, `${seen.length}`)
  return seen
}

/** Within a bound; what is left is ended before the test fails. */
async function allGone(pids: readonly number[]): Promise<void> {
  try {
    await until(
      async () => pids.filter(isAlive).map(commandOf),
      (left) => left.length === 0,
      15_000,
    )
  } finally {
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL')
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** A zombie is not, and not every container has a first process that reaps it. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
