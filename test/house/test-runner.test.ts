// What `make test` and `npm test` run, tried on a small project of its own.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtempDisposable, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { serverProcesses } from '#stack/processes.ts'
import { leash } from '../support/leash.ts'
import { projectDir } from '../support/program.ts'
import { until } from '../support/system.ts'

/** Starts a program that does not end at a polite signal, and waits for it; so may a test that hangs. */
const fixture = `
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { startProgram } from '${projectDir}/test/support/program.ts'

test('waits', async () => {
  const script = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready')"
  await using program = startProgram(process.execPath, ['-e', script])
  await program.said(/ready/)
  writeFileSync('pid', String(program.pid))
  await program.ended
})
`

for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
  test(`${signal} to the process group of the tests ends what they started, soon`, async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'runner-'))
    await mkdir(join(folder.path, 'test'))
    await mkdir(join(folder.path, 'tools'))
    await cp(join(projectDir, 'tools/test.mjs'), join(folder.path, 'tools/test.mjs'))
    await symlink(join(projectDir, 'node_modules'), join(folder.path, 'node_modules'))
    await writeFile(join(folder.path, 'test/waits.test.ts'), fixture)
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const runner = spawn(process.execPath, ['tools/test.mjs'], {
      cwd: folder.path,
      detached: true,
      stdio: 'ignore',
      env,
    })
    const ended = once(runner, 'exit')
    leash(runner.pid as number, ended)
    const pid = await until(
      () => readFile(join(folder.path, 'pid'), 'utf8').catch(() => ''),
      (text) => text !== '',
    )
    process.kill(-(runner.pid as number), signal)
    await ended
    await until(
      () => serverProcesses(Number(pid)),
      (pids) => pids.length === 0,
      5000,
    )
  })
}

test('what follows `npm test --` chooses the files, as ARGS does', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  execFile(
    'npm',
    ['test', '--', 'ip', 'redis lane'],
    // Make says what it would run.
    { cwd: projectDir, env: { ...process.env, MAKEFLAGS: '--dry-run --always-make' } },
    (_, stdout, stderr) => resolve(stdout + stderr),
  )
  assert.match(await promise, /node tools\/test\.mjs ip redis lane$/m)
})
