// The package as its users get it: packed, laid out in an empty folder as npm does, and run from there. Beside it lie
// only what its package.json depends on, as links to this project's own copies: nothing is fetched.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Program } from '../support/program.ts'
import { projectDir, runToEnd, startProgram } from '../support/program.ts'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

const run = promisify(execFile)
const folder = await mkdtemp(join(tmpdir(), 'package-'))
const modules = join(folder, 'node_modules')
const command = join(modules, '.bin/ingester')
let installed: string
let manifest: Manifest

beforeAll(async () => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: projectDir,
    // npm would leave one in the folder for temporary files.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
  })
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as [{ filename: string }]
  manifest = JSON.parse(await readFile(join(projectDir, 'package.json'), 'utf8')) as Manifest
  installed = join(modules, manifest.name)
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed])
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    await link(join(projectDir, 'node_modules', name), join(modules, name))
  }
  await link(join(installed, manifest.bin['ingester'] ?? ''), command)
  // The version of Node.js that runs this is on PATH as `node`.
  await link(process.execPath, join(folder, 'bin/node'))
})
afterAll(() => rm(folder, { recursive: true }))

async function link(to: string, from: string): Promise<void> {
  await mkdir(dirname(from), { recursive: true })
  await symlink(to, from)
}

/** Starts the installed command in the user's folder. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  const PATH = `${join(folder, 'bin')}:${process.env['PATH']}`
  return startProgram(command, args, { cwd: folder, env: { PATH, XDG_RUNTIME_DIR: folder, ...env } })
}

const outcome = (args: readonly string[], env?: Readonly<Record<string, string>>) =>
  runToEnd(start(args, env))

test('it contains what users need: JavaScript with types and source maps, migrations, pages and license', async () => {
  const entries = await readdir(installed, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1))
  const compiled = files.filter((file) => file.startsWith('dist/') && file.endsWith('.js'))
  expect(compiled).toContain('dist/cmd/ingester/main.js')
  const ofCompiled = compiled.flatMap((file) => [file, `${file}.map`, file.replace(/\.js$/, '.d.ts')])
  const others = files.filter((file) => !ofCompiled.includes(file)).sort()
  const migrations = await readdir(join(projectDir, 'db/migrations'))
  const pages = (await readdir(join(projectDir, 'docs'))).filter((name) => name.endsWith('.md'))
  expect(others).toEqual([
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'bin/ingester.cjs',
    'bin/ingester.sh',
    'diagrams/architecture.svg',
    ...['bash', 'lookup', 'zsh'].map((name) => `dist/cmd/ingester/completion/${name}.sh`),
    ...migrations.sort().map((name) => `dist/db/migrations/${name}`),
    'dist/package.json',
    'dist/src/redis/protocol.lua',
    ...[...pages.map((name) => `docs/${name}`), 'docs/demo.svg'].sort(),
    'package.json',
  ])
  expect(files.filter((file) => /(^|\/)(test|bench|tools)\/|\.test\./.test(file))).toEqual([])
})

test('every link of its README leads to a file of the package', async () => {
  const readme = await readFile(join(installed, 'README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\(([^)#:]+)[^)]*\)/g)].map(([, path]) => path ?? '')
  expect(links).toContain('docs/GETTING-STARTED.md')
  expect(links.filter((path) => !existsSync(join(installed, path)))).toEqual([])
})

test('the demo converges', async () => {
  const { code, stdout, stderr } = await outcome(['demo', '--for', '1s', '--rate', '200', '--json'])
  expect(code, stderr).toBe(0)
  const [summary] = stdout.trim().split('\n').slice(-1)
  expect(JSON.parse(summary ?? '')).toMatchObject({ converged: true, outstanding: 0 })
})

test('--help names the command as npm links it, and answers quickly: it loads only the package commander', async () => {
  const hook = join(folder, 'loaded.mjs')
  await writeFile(
    hook,
    `import { registerHooks } from 'node:module'
    const packages = new Set()
    registerHooks({
      load: (url, context, next) => {
        packages.add(/.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(url)?.[1])
        return next(url, context)
      },
    })
    process.on('exit', () => console.error([...packages].filter(Boolean).sort().join()))`,
  )
  const { code, stdout, stderr } = await outcome(['--help'], { NODE_OPTIONS: `--import=${hook}` })
  expect([code, stderr]).toEqual([0, `commander,${manifest.name}\n`])
  expect(stdout).toMatch(/^ {2}npx ingester demo /m)
  expect(stdout).not.toContain('bin/ingester')
})

test('files that it reads by path exist: version, migrations, completion scripts, itself for a background stack', async () => {
  expect(await outcome(['--version'])).toMatchObject({ code: 0, stdout: `${manifest.version}\n` })
  expect(await outcome(['completion', 'zsh'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^#compdef ingester/),
  })
  try {
    const up = await outcome(['stack', 'up', '--detach'])
    expect(up.code, up.stderr).toBe(0)
    await outcome(['stack', 'status', '--write', 'owner.env', '--owner'])
    const { code, stdout, stderr } = await outcome(['migrate', 'status', '--json', '--env-file', 'owner.env'])
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('create_scan_results_table')
  } finally {
    expect((await outcome(['stack', 'down'])).code).toBe(0)
  }
})

test('its options are its own: a missing env file is reported as in a checkout, and sets no option of Node.js', async () => {
  const missing = await outcome(['run', '--env-file', 'missing.env'])
  expect([missing.code, missing.stdout]).toEqual([2, ''])
  expect(missing.stderr).toMatch(/missing\.env/)
  await writeFile(join(folder, 'node.env'), 'NODE_OPTIONS=--no-such-option\n')
  const { code, stderr } = await outcome(['doctor', '--env-file', 'node.env'])
  expect(code, stderr).toBe(2)
  expect(stderr).not.toMatch(/no-such-option is not allowed/)
})

test('a Node.js that is too old is told which version is needed, in syntax that it can read', async () => {
  const entry = join(installed, 'bin/ingester.cjs')
  const code = (await readFile(entry, 'utf8')).replaceAll(/^\/\/.*$/gm, '')
  // Node.js 10 reads `import()`; all else is older.
  expect(code).not.toMatch(/=>|`|\?\?|\?\.|^(const|let|import .* from) /m)
  const old = join(folder, 'old-node.cjs')
  await writeFile(old, `Object.defineProperty(process.versions, 'node', { value: '20.20.2' })`)
  const told = await outcome(['--help'], { NODE_OPTIONS: `--require=${old}` })
  expect([told.code, told.stdout]).toEqual([2, ''])
  expect(told.stderr).toMatch(/^ingester: needs Node\.js 24 or newer; this is v\S+ \(\/.*\)\n$/)
})
