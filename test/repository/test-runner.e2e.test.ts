// What `make test` and `npm test` run, tried on small projects of their own.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtempDisposable, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { describe, test } from 'vitest'
import { serverProcesses } from '#stack/processes.ts'
import { atEnd } from '../support/at-end.ts'
import { killWithParent } from '../support/kill-on-exit.ts'
import { projectDir } from '../support/program.ts'
import { until } from '../support/system.ts'

// The project's compile cache would keep the files of every project.
const compiled = await mkdtempDisposable(join(tmpdir(), 'compiled-'))
atEnd(() => compiled.remove())

/** A project with this one's configuration, and its own tests: the text of each file. */
async function projectOf(files: Readonly<Record<string, string>>) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'runner-'))
  await mkdir(join(folder.path, 'test'))
  await symlink(join(projectDir, 'node_modules'), join(folder.path, 'node_modules'))
  for (const [name, source] of Object.entries(files)) await writeFile(join(folder.path, 'test', name), source)
  return folder
}

/** Runs the tests of a project, in a process group of its own. */
function startRun(folder: string, env: NodeJS.ProcessEnv = {}, more: readonly string[] = []) {
  const vitest = join(projectDir, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--root', folder, '--config', join(projectDir, 'vitest.config.ts'), ...more]
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|CI$|TEST$)/.test(name))
  const child = spawn(process.execPath, args, {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(inherited),
      // What is killed cannot tidy up.
      TMPDIR: folder,
      NODE_COMPILE_CACHE: compiled.path,
      NO_COLOR: '1',
      ...env,
    },
  })
  const ended = once(child, 'exit') as Promise<[number | null]>
  killWithParent(child.pid as number, ended)
  const outcome = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(
    ([[code], ...output]) => ({
      code,
      output: stripVTControlCharacters(output.join('')),
      lastLine: stripVTControlCharacters(output[0]).trimEnd().split('\n').at(-1),
    }),
  )
  return { pid: child.pid as number, outcome }
}

async function outcomeOf(source: string, env?: NodeJS.ProcessEnv, name = 'one.test.ts') {
  await using folder = await projectOf({ [name]: `import { afterAll, test } from 'vitest'\n${source}` })
  return await startRun(folder.path, env).outcome
}

/** Starts a program that does not end at a polite signal, and waits for it; so may a test that hangs. */
const hanging = `
import { writeFileSync } from 'node:fs'
import { test } from 'vitest'
import { startProgram } from '${projectDir}/test/support/program.ts'

test('waits', async () => {
  const script = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('ready')"
  await using program = startProgram(process.execPath, ['-e', script])
  await program.said(/ready/)
  writeFileSync('pid', String(program.pid))
  await program.ended
})
`

describe('a signal to the process group of the tests soon ends what they started', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
    for (const name of ['waits.test.ts', 'waits.e2e.test.ts']) {
      test(`${signal}, ${name}`, async () => {
        await using folder = await projectOf({ [name]: hanging })
        const run = startRun(folder.path)
        const pid = await until(
          () => readFile(join(folder.path, 'pid'), 'utf8').catch(() => ''),
          (written) => written !== '',
        )
        process.kill(-run.pid, signal)
        await run.outcome
        await until(
          () => serverProcesses(Number(pid)),
          (pids) => pids.length === 0,
          5000,
        )
      })
    }
  }
})

describe.concurrent('the closing line, alone on its line', () => {
  test('counts passed, failed and skipped tests; a file that cannot be loaded, a hook that fails and `.only` count as failed', async () => {
    await using folder = await projectOf({
      'a.test.ts': `
        import { test } from 'vitest'
        test('a', () => {})
        test('b', () => { throw new Error('no') })
        test.skip('c', () => {})`,
      'hook.test.ts': `
        import { afterAll, test } from 'vitest'
        afterAll(() => { throw new Error('no') }); test('a', () => {})`,
      'broken.test.ts': `import './is-not-there.ts'`,
      'only.test.ts': `import { test } from 'vitest'; test.only('a', () => {})`,
    })
    const { code, lastLine, output } = await startRun(folder.path).outcome
    assert.deepEqual([code, lastLine], [1, '2 passed, 4 failed, 1 skipped'], output)
    assert.match(output, /Unexpected \.only modifier/)
  })

  test('counts an unhandled rejection as failed, which also fails a run that has nothing else', async () => {
    const { code, lastLine } = await outcomeOf(`test('a', () => void Promise.reject(new Error('no')))`)
    assert.deepEqual([code, lastLine], [1, '1 passed, 1 failed, 0 skipped'])
  })
})

describe.concurrent('a skipped test', () => {
  const skipped = `test('a', () => {}); test.skip('needs a moon', () => {})`

  test('is named, and fails the run under CI=true', async () => {
    const here = await outcomeOf(skipped)
    assert.equal(here.code, 0)
    assert.match(here.output, /^Skipped:\n {2}test\/one\.test\.ts: needs a moon$/m)
    const there = await outcomeOf(skipped, { CI: 'true' })
    assert.equal(there.code, 1)
    assert.match(
      there.output,
      /^Skipped under CI=true, which counts as failed:\n {2}test\/one\.test\.ts: needs a moon$/m,
    )
  })

  test('fails nothing if only the official emulator is missing', async () => {
    const { code, lastLine } = await outcomeOf(
      `test('a', ({ skip }) => skip('needs the official emulator'))`,
      { CI: 'true' },
    )
    assert.deepEqual([code, lastLine], [0, '0 passed, 0 failed, 1 skipped'])
  })
})

test.concurrent('leftovers of a file fail it, and not its neighbour', async () => {
  const leaving = {
    'port.test.ts': `await new Promise<void>((done) => createServer().listen(0, () => done()))`,
    'file.test.ts': `writeFileSync(join(tmpdir(), 'left'), '')`,
    'program.e2e.test.ts': `spawn('sleep', ['60'], { stdio: 'ignore' })`,
  }
  const sources = Object.entries(leaving).map(([name, statement]) => [
    name,
    `
    import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    import { createServer } from 'node:net'
    import { tmpdir } from 'node:os'
    import { join } from 'node:path'
    import { test } from 'vitest'
    test('a', async () => { ${statement} })`,
  ])
  const neighbour = `import { test } from 'vitest'; test('z', () => {})`
  await using folder = await projectOf({
    ...Object.fromEntries(sources),
    'z.test.ts': neighbour,
    'z.e2e.test.ts': neighbour,
  })
  const { code, output, lastLine } = await startRun(folder.path).outcome
  assert.deepEqual([code, lastLine], [1, '5 passed, 3 failed, 0 skipped'], output)
  const errors = [...output.matchAll(/^Error: left behind:\n +(.*)$/gm)].map(([, what]) => what)
  assert.equal(errors.length, 3, output)
  for (const what of [/^1 listening ports$/, /\/left$/, /^process \d+: sleep 60$/])
    assert.ok(
      errors.some((error) => what.test(error ?? '')),
      output,
    )
  const failed = output.matchAll(/^ *FAIL +(?:\|?\w+\|? +)?(test\/\S+)/gm)
  const expected = Object.keys(leaving).map((name) => `test/${name}`)
  assert.deepEqual(new Set([...failed].map(([, file]) => file)), new Set(expected), output)
})

test.concurrent('a file leaves nothing where -t skips all of its tests', async () => {
  const source = `
    import { writeFileSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    import { test } from 'vitest'
    writeFileSync(tmpdir() + '/made-while-loading', '')
    test('a', () => {})`
  await using folder = await projectOf({ 'one.test.ts': source, 'one.e2e.test.ts': source })
  const before = await readdir(folder.path)
  const { lastLine, output } = await startRun(folder.path, {}, ['-t', 'nothing']).outcome
  assert.equal(lastLine, '0 passed, 0 failed, 2 skipped', output)
  assert.deepEqual(await readdir(folder.path), before)
})

test('arguments after `npm test --` choose the files, as ARGS does', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  execFile(
    'npm',
    ['test', '--', 'ip', 'redis lane'],
    // Make says what it would run.
    { cwd: projectDir, env: { ...process.env, MAKEFLAGS: '--dry-run --always-make' } },
    (_, stdout, stderr) => resolve(stdout + stderr),
  )
  assert.match(await promise, /vitest\.mjs run .*ip redis lane$/m)
})
