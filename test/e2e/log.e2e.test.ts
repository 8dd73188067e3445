import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { freePort } from '#stack/ports.ts'
import { projectDir, runAsProgram } from '../support/program.ts'
import { publishMixture } from '../support/publish.ts'
import { showSeed } from '../support/seed.ts'
import { startSystem, until } from '../support/system.ts'
import type { TestSystem } from '../support/system.ts'
import { within } from '../support/within.ts'

/** Every line is JSON; the last one. */
function lastLine(stderr: string): Record<string, unknown> {
  return stderr
    .trimEnd()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
    .at(-1) as Record<string, unknown>
}

test('invalid configuration is a line of the log, in the configured format', async (t) => {
  const wrong = { INGESTER_FLUSH_INTERVAL: 'soon' }
  const faults =
    /INGESTER_PROJECTID is not set[^]*INGESTER_FLUSH_INTERVAL: must be a duration[^]*bin\/ingester doctor/

  const json = await runAsProgram(['run'], wrong)
  assert.equal(json.code, 2)
  assert.partialDeepStrictEqual(lastLine(json.stderr), { level: 60, exitCode: 2 })
  assert.match(String(lastLine(json.stderr)['msg']), faults)

  const folder = await mkdtemp(join(tmpdir(), 'log-'))
  t.onTestFinished(() => rm(folder, { recursive: true }))
  const envFile = join(folder, '.env')
  await writeFile(envFile, 'INGESTER_LOG_OUTPUT=gcp\n')
  const gcp = await runAsProgram(['run', '--env-file', envFile], wrong)
  assert.equal(gcp.code, 2)
  const { severity, message, serviceContext } = lastLine(gcp.stderr)
  assert.equal(severity, 'CRITICAL')
  assert.match(String(message), faults)
  assert.partialDeepStrictEqual(serviceContext, { service: 'ingester' })

  const console = await runAsProgram(['run'], { ...wrong, INGESTER_LOG_OUTPUT: 'console' })
  assert.match(console.stderr, /^ingester: invalid configuration:\n {2}INGESTER_/)

  // Even if it is the output itself that is wrong.
  const neither = await runAsProgram(['run'], { INGESTER_LOG_OUTPUT: 'xml' })
  assert.match(String(lastLine(neither.stderr)['msg']), /INGESTER_LOG_OUTPUT: .*json, console, gcp/)
  const noFile = await runAsProgram(['run', '--env-file', join(folder, 'none')], {
    INGESTER_LOG_OUTPUT: 'gcp',
  })
  assert.match(String(lastLine(noFile.stderr)['message']), /cannot be read/)
})

test('so is any other error that ends startup; migrate logs it if configured', async () => {
  const unreachable = {
    INGESTER_PROJECTID: 'test-project',
    INGESTER_POSTGRES_HOST: '127.0.0.1',
    INGESTER_POSTGRES_PORT: '1',
    INGESTER_POSTGRES_USER: 'scanner',
    INGESTER_POSTGRES_PASSWORD: 'secret',
    INGESTER_POSTGRES_DB: 'scanner_dev',
    INGESTER_POSTGRES_SSL_MODE: 'disable',
    INGESTER_STARTUP_TIMEOUT: '100ms',
    PUBSUB_EMULATOR_HOST: '127.0.0.1:1',
  }
  const gcp = { ...unreachable, INGESTER_LOG_OUTPUT: 'gcp' }
  const run = await runAsProgram(['run'], gcp)
  assert.equal(run.code, 3)
  const { severity, message, exitCode } = lastLine(run.stderr)
  assert.deepEqual([severity, exitCode], ['CRITICAL', 3])
  assert.match(String(message), /PostgreSQL at 127\.0\.0\.1:1/)

  const migrate = await runAsProgram(['migrate', 'up'], gcp)
  assert.equal(lastLine(migrate.stderr)['severity'], 'CRITICAL')
  assert.match((await runAsProgram(['migrate', 'up'], unreachable)).stderr, /^ingester: /)
})

/** Runs the service by a shell line, `$RUN` in it; its standard error is a socket that is never read. */
async function withUnreadLog(system: TestSystem, line: string) {
  const port = await freePort(0)
  const env = {
    PATH: process.env['PATH'],
    ...system.env,
    INGESTER_HTTP_PORT: String(port),
    INGESTER_LOG_LEVEL: 'trace',
  }
  const child = spawn('/bin/sh', ['-c', line.replace('$RUN', 'exec bin/ingester run')], {
    cwd: projectDir,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  return {
    metrics: () => fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text()),
    child,
    end: async () => {
      child.kill('SIGTERM')
      await within('the end of the service', exited, 20_000)
      return child.exitCode
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

test('a log reader that stops reading, or goes away, does not stop the service', async (t) => {
  const seed = showSeed(t)
  await using system = await startSystem()
  for (const [line, dropped] of [
    // Full before the first line.
    ['head -c 3000000 /dev/zero >&2 & sleep 0.5; $RUN', /^ingester_log_lines_dropped_total 0$/m],
    ['$RUN', /^ingester_log_lines_dropped_total [1-9]\d*$/m],
  ] as const) {
    using service = await withUnreadLog(system, line)
    const isGone = line === '$RUN'
    if (isGone) service.child.stderr.destroy()
    const before = (await system.scans()).length
    await publishMixture(system, 500, seed + before, { duplicates: 0, late: 0, poison: 0 })
    await until(
      async () => (await system.scans()).length,
      (rows) => rows > before,
    )
    const metrics = await service.metrics()
    assert.match(metrics, dropped)
    assert.match(metrics, /^ingester_messages_settled_total\{reason="written".*\} [1-9]/m)
    assert.equal(await service.end(), 0)
  }
})
