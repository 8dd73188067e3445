// The emulator's package as its users get it: compiled, packed and unpacked into an empty folder, where it finds the
// packages that it names and no others; then its README, line by line.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtempDisposable, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { projectDir, startProgram } from '../support/program.ts'

interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly engines: Readonly<Record<string, string>>
}

const name = 'pubsub-emulator-node'
const sources = join(projectDir, 'src/emulator')
const run = promisify(execFile)
const readJson = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as Manifest
const manifest = await readJson(join(sources, 'package.json'))
const readme = await readFile(join(sources, 'README.md'), 'utf8')

const folder = await mkdtempDisposable(join(tmpdir(), 'emulator-'))
const user = join(folder.path, 'user')
const command = join(user, 'node_modules', name, 'bin.cjs')
let packed: readonly string[]
afterAll(() => folder.remove())
beforeAll(async () => {
  packed = await pack()
  await install()
})

/** As `npm pack` in its folder does, without leaving anything there. */
async function pack(): Promise<string[]> {
  const copy = join(folder.path, 'copy')
  const tsc = join(projectDir, 'node_modules/typescript/bin/tsc')
  const project = join(sources, 'tsconfig.build.json')
  await run(process.execPath, [tsc, '--project', project, '--outDir', join(copy, 'dist')])
  const others = ['package.json', 'README.md', 'LICENSE', 'bin.cjs', 'tsconfig.build.json']
  for (const file of others) await cp(join(sources, file), join(copy, file))
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder.path]
  const { stdout } = await run('npm', args, { cwd: copy })
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  return files.map(({ path }) => path)
}

async function install(): Promise<void> {
  const home = join(user, 'node_modules', name)
  await mkdir(home, { recursive: true })
  const tarball = join(folder.path, `${name}-${manifest.version}.tgz`)
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', home])
  for (const dependency of Object.keys(manifest.dependencies)) {
    await mkdir(dirname(join(user, 'node_modules', dependency)), { recursive: true })
    await symlink(join(projectDir, 'node_modules', dependency), join(user, 'node_modules', dependency))
  }
}

/** README's blocks in a language. */
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text)

const blockWith = (language: string, part: string) => {
  const block = blocks(language).find((one) => one.includes(part))
  assert.ok(block !== undefined, `README has no ${language} with ${part}`)
  return block
}

test('has what its users need, and no tests', () => {
  const expected = [/^(package\.json|README\.md|LICENSE|bin\.cjs)$/, /^dist\/.*\.(js|js\.map|d\.ts)$/]
  assert.deepEqual(
    packed.filter((path) => !expected.some((pattern) => pattern.test(path)) || path.includes('.test.')),
    [],
  )
  for (const path of ['LICENSE', 'README.md', 'bin.cjs', 'dist/emulator.js', 'dist/emulator.d.ts'])
    assert.ok(packed.includes(path), path)
})

test('has the version of the release, and depends on what is tested here: the ingester has a compiled copy', async () => {
  const { version, dependencies, engines } = await readJson(join(projectDir, 'package.json'))
  assert.equal(manifest.version, version)
  for (const [dependency, wanted] of Object.entries(manifest.dependencies))
    assert.equal(dependencies[dependency], wanted, dependency)
  assert.deepEqual(manifest.engines, engines)
})

test("README's example runs as pasted", async () => {
  await writeFile(join(user, 'example.mjs'), blockWith('js', '// example.mjs'))
  await using example = startProgram(process.execPath, ['example.mjs'], {
    cwd: user,
    env: { METADATA_SERVER_DETECTION: 'none' },
  })
  await expect(example).toEndWith(0)
  assert.equal(example.stdout(), "[ 'hello', 'hello' ]\n")
})

test('has types', async () => {
  const source = `
    import type { Emulator } from '${name}'
    import { startEmulator } from '${name}'
    const emulator: Emulator = await startEmulator({ port: 0 })
    emulator.faults.refuse('Publish', 'UNAVAILABLE', { times: 1 })
    // @ts-expect-error there is no such status
    emulator.faults.refuse('Publish', 'UNWILLING', { times: 1 })
    export const data: Buffer | undefined = emulator.inspect('s').messages[0]?.data`
  const compilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    target: 'esnext',
    module: 'nodenext',
    types: ['node'],
    typeRoots: [join(projectDir, 'node_modules/@types')],
  }
  await writeFile(join(user, 'typed.mts'), source)
  await writeFile(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.mts'] }))
  const tsc = join(projectDir, 'node_modules/typescript/bin/tsc')
  await using compiler = startProgram(process.execPath, [tsc, '--project', user])
  await expect(compiler).toEndWith(0)
})

test("README's commands run as pasted, except for the port", async () => {
  const [, args = ''] = /^npx pubsub-emulator-node (.*)$/m.exec(blockWith('sh', 'npx')) ?? []
  const free = args.replace('8085', '0').split(' ')
  await using emulator = startProgram(process.execPath, [command, ...free, '--faults'], { cwd: user })
  const [, port = ''] = await emulator.said(/^PUBSUB_EMULATOR_HOST=127\.0\.0\.1:(\d+)$/m)
  const paste = async (block: string) => {
    const text = block
      .replaceAll(':8085', `:${port}`)
      .replaceAll('curl ', 'curl --silent --show-error --fail ')
    return (await run('sh', ['-ec', text])).stdout
  }
  assert.match(await paste(blockWith('sh', 'all-events:pull')), /"data": "aGVsbG8="/)
  assert.match(await paste(blockWith('sh', '/inspect/')), /"leased": 1/)
  emulator.signal('SIGTERM')
  await expect(emulator).toEndWith(0)
})

test('the command has help, and reports invalid options', async () => {
  for (const [args, code, output] of [
    [['--help'], 0, /^Usage: pubsub-emulator-node \[options\]\n/],
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['--prot', '1'], 2, /'--prot'/],
    [['--port', '70000'], 2, /--port must be a whole number from 0 to 65535, not "70000"/],
    [['--allow-host', 'pubsub:8085'], 2, /--allow-host must be a host name or an address, without a port/],
    [['--host', '203.0.113.1', '--port', '0'], 2, /cannot listen on port 0 of 203.*; check --host/],
  ] as const) {
    await using program = startProgram(process.execPath, [command, ...args], { cwd: user })
    await expect(program).toEndWith(code)
    assert.match(program.stdout() + program.stderr(), output)
  }
})

test('an older Node.js is told what it needs', async () => {
  const older = `Object.defineProperty(process, 'versions', { value: { node: '18.20.0' } }); require('${command}')`
  await using program = startProgram(process.execPath, ['--eval', older])
  await expect(program).toEndWith(2)
  assert.match(program.stderr(), /^pubsub-emulator-node: needs Node\.js 24 or newer; this is /)
})
