// The benchmarks as a user starts them, and small runs through each contestant: that they work, not what they measure.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import { serverProcesses } from '#stack/processes.ts'
import type { Program } from '../test/support/program.ts'
import { startProgram } from '../test/support/program.ts'
import { until } from '../test/support/system.ts'
import { within } from '../test/support/within.ts'
import { benches, quick } from './benches.ts'
import type { Configuration, Run } from './configuration.ts'
import { startAlone } from './contestant.ts'
import { plotsOf, renderPlots } from './plots.ts'
import { markdownOf } from './report.ts'
import { resultsOf, thisMachine } from './results.ts'
import { runAll } from './run-all.ts'
import { scheduleOf } from './schedule.ts'
import { measureStart } from './start-and-memory.ts'
import { Surroundings } from './surroundings.ts'
import { measureThroughput } from './throughput.ts'
import type { Workload } from './workload.ts'

const { PATH = '' } = process.env
/** PostgreSQL may take its time; a run would wait for a minute until it gives up. */
const stopLimitMs = 40_000

/** The program with an environment of its own. */
const bench = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  startProgram(process.execPath, ['bench/main.ts', ...args], { env: { PATH, ...env } })

describe('the command line', () => {
  test('an unknown bench: exit 2, and those that there are', async () => {
    await using program = bench([], { BENCH: 'fastest' })
    await expect(program).toEndWith(2)
    assert.match(program.stderr(), /no bench fastest[^]*new-keys[^]*memory/)
    assert.equal(program.stdout(), '')
  })

  test('--help: how it is used, and exit 0', async () => {
    for (const file of ['bench/main.ts', 'bench/profile.ts']) {
      await using program = startProgram(process.execPath, [file, '-h'], { env: { PATH } })
      await expect(program).toEndWith(0)
      assert.match(program.stdout(), /^Examples:\n  make [^]*new-keys[^]*--quick/m)
      assert.equal(program.stderr(), '')
    }
  })

  test('results of a file: the tables, and nothing is measured', async () => {
    await using program = bench(['--from', 'docs/benchmarks/results.json'], { PATH: '/nonexistent' })
    await expect(program).toEndWith(0)
    assert.match(program.stdout(), /New keys[^]*messages\/s/)
    await using wrong = bench(['--from', 'package.json', '--write'])
    await expect(wrong).toEndWith(2)
    assert.match(wrong.stderr(), /--from package\.json: these are no results/)
  })

  test('a quick run: tables that say nothing, and results that take the place of no others', async () => {
    await using program = bench(['--quick'], { BENCH: 'start', RUNS: '1' })
    await expect(program).toEndWith(0)
    assert.match(program.stdout(), /first ack, s[^]*these figures say nothing/)
    const [, file = ''] = /Results: (.*)/.exec(program.stderr()) ?? []
    assert.match(file, /\/\.tmp\/bench\/results-quick\.json$/)
    const { quick: isQuick, finished } = JSON.parse(readFileSync(file, 'utf8'))
    assert.ok(isQuick && finished)
  })

  test('no redis-server: said, with the fix', async () => {
    await using program = bench(['--quick'], { BENCH: 'start', RUNS: '1', PATH: '/nonexistent' })
    await expect(program).toEndWith(1)
    assert.match(program.stderr(), /redis-server is not on PATH: .*apt-get install/)
  })

  test('Ctrl-C in the middle of a run leaves no process and no folder', async () => {
    // Of its own: the surroundings below and other test files make folders in the system's at the same time.
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
    assert.ok(performance.now() - asked < stopLimitMs, 'it waited for a run that nobody wants any more')
    const left = async () => [...running.filter(isAlive), ...(await readdir(folder))]
    await until(left, (remains) => remains.length === 0, 15_000)
    await rmdir(folder)
  })

  test('Ctrl-C again and again ends it with 130, and leaves no process', async () => {
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

  test('kill -9 leaves no process, also of what is stopped', async () => {
    await using program = bench(['--quick'], { BENCH: 'memory', RUNS: '1' })
    const running = await processesOfRun(program)
    for (const pid of running.filter((one) => /broker-process/.test(commandOf(one))))
      process.kill(pid, 'SIGSTOP')
    program.signal('SIGKILL')
    // Not its `ended`: whoever is left still holds its output.
    await allGone(running)
  })
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

test('a profile: whose functions the time goes to', async () => {
  const env = { PATH, BENCH: 'new-keys' }
  await using program = startProgram(process.execPath, ['bench/profile.ts', '--quick', '--json'], { env })
  await expect(program).toEndWith(0)
  const { packages, functions } = JSON.parse(program.stdout())
  const owners = packages.rows.map(([owner]: string[]) => owner)
  // In a blink not every function is seen.
  assert.ok(owners.some((owner: string) => owner.startsWith('src/')) && owners.length > 3, owners.join(', '))
  assert.ok(functions.rows.length > 3)
  const [, file = ''] = /(\/.*\.cpuprofile)/.exec(program.stderr()) ?? []
  assert.ok(existsSync(file), file)
  // One that comes to nothing takes nothing away.
  await using failing = startProgram(process.execPath, ['bench/profile.ts', '--quick'], {
    env: { PATH: '/nonexistent' },
  })
  await expect(failing).toEndWith(1)
  assert.ok(existsSync(file), file)
})

const surroundings = await Surroundings.start(new AbortController().signal)
afterAll(() => surroundings[Symbol.asyncDispose]())

/** The configuration of that name, with a few messages. */
function small(name: string, configuration: string, more: Partial<Workload> = {}): Configuration {
  const bench = benches.find((one) => one.name === name)
  const found = bench && quick(bench).configurations.find((one) => one.name === configuration)
  assert.ok(found, configuration)
  return { ...found, workload: { ...found.workload, messages: 3000, warmUp: 500, ...more } }
}

describe('a run', () => {
  test('the ingester on the bare source: all is acked once, every cost has its owner', async () => {
    const { figures, series } = await measureThroughput(small('new-keys', 'ingester'), surroundings)
    assert.equal(figures['rowsPerMessage'], 1)
    assert.ok((figures['messagesPerSecond'] ?? 0) > 100)
    for (const name of [
      'contestantCpu',
      'postgresCpu',
      'walBytesPerMessage',
      'peakMegabytes',
      'steadyMegabytes',
    ]) {
      assert.ok((figures[name] ?? -1) >= 0, name)
    }
    assert.ok((figures['peakMegabytes'] ?? 0) > 30)
    assert.equal(series.length, 1)
  })

  test('the ingester on the embedded emulator', async () => {
    const onEmulator = { ...small('new-keys', 'ingester'), broker: 'emulator' } as const
    const { figures } = await measureThroughput(onEmulator, surroundings)
    assert.equal(figures['rowsPerMessage'], 1)
  })

  test('what is stale touches no row', async () => {
    const { figures } = await measureThroughput(small('stale', 'ingester'), surroundings)
    assert.equal(figures['rowsTouchedByStale'], 0)
    assert.equal(figures['rowsPerMessage'], 0)
    assert.equal(figures['sparedPercent'], 100)
  })

  test('the naive one', async () => {
    const { figures } = await measureThroughput(
      small('new-keys', 'naive, default flow control'),
      surroundings,
    )
    assert.equal(figures['rowsPerMessage'], 1)
  })

  test('PostgreSQL alone', async () => {
    const { figures } = await measureThroughput(small('updates', 'PostgreSQL alone'), surroundings)
    assert.ok((figures['postgresCpu'] ?? -1) >= 0 && !('peakMegabytes' in figures))
  })

  test('PostgreSQL alone that stands still is given up', async () => {
    const configuration = small('updates', 'PostgreSQL alone')
    await surroundings.fresh(configuration.workload.tableRows, configuration.workload.responseBytes)
    await using alone = await startAlone(configuration, surroundings, 5000)
    process.kill(alone.pids[0] as number, 'SIGSTOP')
    const reached = within('the limit', alone.reached(configuration.workload.messages))
    await assert.rejects(reached, /wrote nothing for 5 s/)
  })

  test('the start', async () => {
    const { figures } = await measureStart(
      small('start', 'ingester', { messages: 100, warmUp: 0 }),
      surroundings,
    )
    assert.ok((figures['firstAckSeconds'] ?? 0) > 0.1)
  })

  test('a table that is not as it must be fails it, and the others go on', async () => {
    await spoilTemplate()
    const told: string[] = []
    const runs: Run[] = []
    const configurations = [small('updates', 'ingester', { tableRows: 1000 }), small('new-keys', 'ingester')]
    const bench = { ...(benches[0] as (typeof benches)[number]), configurations }
    const turns = scheduleOf([bench], 1)
    const measured = await runAll(
      turns,
      surroundings,
      {
        begins: () => {},
        ended: (_, run) => void runs.push(run),
        failed: (_, error) => void told.push(error.message),
      },
      new AbortController().signal,
    )
    assert.match(told.join('; '), /^the table is wrong: it has 1001 rows and should have 1000$/)
    assert.equal(runs.length, 1)
    // What there is becomes a page with its plots.
    const results = resultsOf(
      [bench],
      measured,
      thisMachine({ ...(await surroundings.facts()), loadBefore: 0 }),
      {
        quick: true,
        minutes: 1,
        finished: true,
        failures: [],
      },
    )
    assert.equal(results.benches[0]?.configurations.length, 1)
    const plots = await renderPlots(results)
    assert.equal(plots.size, 2)
    assert.match(markdownOf(results, plotsOf), /new-keys-cpu\.svg/)
  })
})

/** A row that nobody published, in what the table is copied from. */
async function spoilTemplate(): Promise<void> {
  await surroundings.fresh(1000, 40)
  const { host, port, user, password } = surroundings.postgres
  const client = new pg.Client({ host, port, user, password, database: 'filled_1000_40' })
  await client.connect()
  await client.query(`INSERT INTO scan_results VALUES ('::1', 1, 'HTTP', 'x', now())`)
  await client.end()
}
