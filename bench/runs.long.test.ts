// Small runs through each system, and a profile: that they work, not what they measure.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import pg from 'pg'
import { startProgram } from '../test/support/program.ts'
import { within } from '../test/support/within.ts'
import { benches, quick } from './benches.ts'
import type { Configuration, Run } from './configuration.ts'
import { startPostgresAlone } from './system-under-test.ts'
import { plotsOf, renderPlots } from './plots.ts'
import { markdownOf } from './report.ts'
import { resultsOf, thisMachine } from './results.ts'
import { runAll } from './run-all.ts'
import { scheduleOf } from './schedule.ts'
import { measureStart } from './start-and-memory.ts'
import { BenchServices } from './bench-services.ts'
import { measureThroughput } from './throughput.ts'
import type { Workload } from './workload.ts'

const { PATH = '' } = process.env

test('a profile: which functions use the time', async () => {
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

const services = await BenchServices.start(new AbortController().signal)
afterAll(() => services[Symbol.asyncDispose]())

/** The configuration of that name, with a few messages. */
function small(name: string, configuration: string, more: Partial<Workload> = {}): Configuration {
  const bench = benches.find((one) => one.name === name)
  const found = bench && quick(bench).configurations.find((one) => one.name === configuration)
  assert.ok(found, configuration)
  return { ...found, workload: { ...found.workload, messages: 3000, warmUp: 500, ...more } }
}

describe('a run', () => {
  test('the ingester on the stub broker: everything is acked once, every cost is attributed', async () => {
    const { figures, series } = await measureThroughput(small('new-keys', 'ingester'), services)
    assert.equal(figures['rowsPerMessage'], 1)
    assert.ok((figures['messagesPerSecond'] ?? 0) > 100)
    for (const name of ['ownCpu', 'postgresCpu', 'walBytesPerMessage', 'peakMegabytes', 'steadyMegabytes']) {
      assert.ok((figures[name] ?? -1) >= 0, name)
    }
    assert.ok((figures['peakMegabytes'] ?? 0) > 30)
    assert.equal(series.length, 1)
  })

  test('the ingester on the embedded emulator', async () => {
    const onEmulator = { ...small('new-keys', 'ingester'), broker: 'emulator' } as const
    const { figures } = await measureThroughput(onEmulator, services)
    assert.equal(figures['rowsPerMessage'], 1)
  })

  test('stale messages change no row', async () => {
    const { figures } = await measureThroughput(small('stale', 'ingester'), services)
    assert.equal(figures['rowsTouchedByStale'], 0)
    assert.equal(figures['rowsPerMessage'], 0)
    assert.equal(figures['sparedPercent'], 100)
  })

  test('the baseline', async () => {
    const { figures } = await measureThroughput(small('new-keys', 'baseline, default flow control'), services)
    assert.equal(figures['rowsPerMessage'], 1)
  })

  test('PostgreSQL alone', async () => {
    const { figures } = await measureThroughput(small('updates', 'PostgreSQL alone'), services)
    assert.ok((figures['postgresCpu'] ?? -1) >= 0 && !('peakMegabytes' in figures))
  })

  test('PostgreSQL alone, stalled, is given up', async () => {
    const configuration = small('updates', 'PostgreSQL alone')
    await services.fresh(configuration.workload.tableRows, configuration.workload.responseBytes)
    await using alone = await startPostgresAlone(configuration, services, 5000)
    process.kill(alone.pids[0] as number, 'SIGSTOP')
    const reached = within('the limit', alone.reached(configuration.workload.messages))
    await assert.rejects(reached, /wrote nothing for 5 s/)
  })

  test('the start', async () => {
    const { figures } = await measureStart(small('start', 'ingester', { messages: 100, warmUp: 0 }), services)
    assert.ok((figures['firstAckSeconds'] ?? 0) > 0.1)
  })

  test('a wrong table fails the run, and the others continue', async () => {
    await spoilTemplate()
    const told: string[] = []
    const runs: Run[] = []
    const configurations = [small('updates', 'ingester', { tableRows: 1000 }), small('new-keys', 'ingester')]
    const bench = { ...(benches[0] as (typeof benches)[number]), configurations }
    const turns = scheduleOf([bench], 1)
    const measured = await runAll(
      turns,
      services,
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
      thisMachine({ ...(await services.facts()), loadBefore: 0 }),
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

/** A row that was never published, in the template of the table. */
async function spoilTemplate(): Promise<void> {
  await services.fresh(1000, 40)
  const { host, port, user, password } = services.postgres
  const client = new pg.Client({ host, port, user, password, database: 'filled_1000_40' })
  await client.connect()
  await client.query(`INSERT INTO scan_results VALUES ('::1', 1, 'HTTP', 'x', now())`)
  await client.end()
}
