// The package as its users get it: packed, laid out in an empty folder as npm does, and run from there. Beside it lie
// only what its package.json depends on, as links to this project's own copies: nothing is fetched.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { documented, writeDocumented } from '../support/documented-pipelines.ts'
import { documentedSteps } from '../support/documented-steps.ts'
import type { Program } from '../support/program.ts'
import { projectDir, runToEnd, startProgram } from '../support/program.ts'
import { runTutorial } from '../support/run-tutorial.ts'
import { until } from '../support/system.ts'

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
// A process that has been stopped may still write to its compile cache.
afterAll(() => rm(folder, { recursive: true, maxRetries: 5 }))

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

test('it contains what users need: JavaScript with types and source maps, migrations, pages, examples and license', async () => {
  const entries = await readdir(installed, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1))
  const compiled = files.filter((file) => file.startsWith('dist/') && file.endsWith('.js'))
  expect(compiled).toContain('dist/cmd/ingester/main.js')
  const ofCompiled = compiled.flatMap((file) => [file, `${file}.map`, file.replace(/\.js$/, '.d.ts')])
  const others = files.filter((file) => !ofCompiled.includes(file)).sort()
  const migrations = await readdir(join(projectDir, 'db/migrations'))
  const examples = await readdir(join(projectDir, 'examples'), { recursive: true, withFileTypes: true })
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
    'dist/src/redis/rate-limits.lua',
    'dist/src/systems/increments/Caddyfile',
    ...[...pages.map((name) => `docs/${name}`), 'docs/demo.svg', 'docs/pipeline.schema.json'].sort(),
    ...examples
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(projectDir.length))
      .sort(),
    'package.json',
    'src/systems/increments/Caddyfile',
    'src/systems/increments/README.md',
  ])
  expect(files.filter((file) => /(^|\/)(test|bench|tools)\/|\.test\./.test(file))).toEqual([])
})

test('every link of its README leads to a file of the package', async () => {
  const readme = await readFile(join(installed, 'README.md'), 'utf8')
  const links = [...readme.matchAll(/\]\(([^)#:]+)[^)]*\)/g)].map(([, path]) => path ?? '')
  expect(links).toContain('docs/GETTING-STARTED.md')
  expect(links.filter((path) => !existsSync(join(installed, path)))).toEqual([])
})

for (const [name, options] of [
  ['scans', ['--rate', '200']],
  ['increments', ['--no-kills']],
] as const) {
  test(`the demo of ${name} converges`, async () => {
    const demo = ['demo', '--pipeline', name, '--for', '1s', '--json', ...options]
    const { code, stdout, stderr } = await outcome(demo)
    expect(code, stderr).toBe(0)
    const [summary] = stdout.trim().split('\n').slice(-1)
    expect(JSON.parse(summary ?? '')).toMatchObject({ pipeline: name, converged: true, outstanding: 0 })
  })
}

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

test('the schema that editors find by the first line of a mapping file is there', async () => {
  const { mappingSchemaFile = '' } = (await import(join(installed, 'dist/src/runtime/project.js'))) as {
    readonly mappingSchemaFile?: string
  }
  expect(mappingSchemaFile).toBe(join(installed, 'docs/pipeline.schema.json'))
})

test('the tutorial of docs/MAPPING.md, from an empty folder, shows what the page says', async () => {
  const cwd = join(folder, 'tutorial')
  await mkdir(cwd)
  const PATH = `${join(folder, 'bin')}:${process.env['PATH']}`
  const env = { PATH, XDG_RUNTIME_DIR: cwd, INGESTER_HTTP_PORT: '0' }
  const steps = await documentedSteps('MAPPING.md')
  const { printed, rows } = await runTutorial(
    steps,
    { cwd, command, env },
    (name, found) => name !== 'rows' || found.length === 2,
  )
  expect(rows.get('rows')).toEqual([
    { id: '7', status: 'delivered', carrier: 'Velo', weight_kg: '1.250' },
    { id: '8', status: 'sent', carrier: null, weight_kg: null },
  ])
  const tried = printed.get('first') ?? ''
  expect(tried.match(/^line \d: .*/gm)).toEqual(
    ['1 rejected', '1 rejected', '1 row', '1 row', '1 rejected'].map((one, at) => `line ${at + 1}: ${one}`),
  )
  expect(printed.get('look')).toContain('the column id is "nine", not a whole number in decimal digits')
})

describe('the modules of docs/PIPELINES.md, from an empty folder', () => {
  const place = join(folder, 'mine')
  const pipelines = ['./orders.ts', './readings.ts', './stock.ts', './prices.mjs'].flatMap((path) => [
    '--pipeline',
    path,
  ])
  const inPlace = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const PATH = `${join(folder, 'bin')}:${process.env['PATH']}`
    return startProgram(command, args, { cwd: place, env: { PATH, XDG_RUNTIME_DIR: place, ...env } })
  }

  beforeAll(async () => {
    await mkdir(place)
    await writeDocumented(place)
  })

  test('have rows in their tables, as the page says', async () => {
    await using stack = inPlace(['stack', 'up'])
    await stack.said(/PUBSUB_EMULATOR_HOST=/)
    for (const args of [['.env'], ['owner.env', '--owner']])
      expect(await runToEnd(inPlace(['stack', 'status', '--write', ...args]))).toMatchObject({ code: 0 })
    const migrated = await runToEnd(inPlace(['migrate', 'up', '--env-file', 'owner.env', ...pipelines]))
    expect(migrated.stdout).toBe(
      ['orders', 'latest_readings', 'stock', 'prices']
        .map((table) => `applied  000001_create_${table}\n`)
        .join(''),
    )
    await using ingester = inPlace(['run', '--env-file', '.env', ...pipelines], { INGESTER_HTTP_PORT: '0' })
    const [, url = ''] = await ingester.said(/admin +(http:\S+)\/metrics/)
    const publish = [...(await documented())].flatMap(([name, text]) =>
      name.startsWith('publish') ? [text] : [],
    )
    await writeFile(join(place, 'publish.sh'), publish.join('\n'))
    const published = await runToEnd(startProgram('sh', ['publish.sh'], { cwd: place }))
    expect(published, published.stderr).toMatchObject({ code: 0, stderr: '' })
    const settled = async () => {
      const text = await (await fetch(`${url}/metrics`)).text()
      return [
        ...text.matchAll(/^ingester_messages_settled_total\{reason="(\w+)",pipeline="(\w+)"\} ([1-9]\d*)$/gm),
      ]
        .map(([, reason, pipeline, count]) => `${pipeline} ${reason} ${count}`)
        .sort()
    }
    const sum = (lines: readonly string[]) => lines.reduce((all, line) => all + Number(line.split(' ')[2]), 0)
    const lines = await until(settled, (found) => sum(found) === 11)
    // Whether the older one of two meets the newer one in a batch or after it is a matter of time.
    expect(lines.map((line) => line.replace(/stale|coalesced/, 'older')).sort()).toEqual([
      'orders dead_lettered 1',
      'orders older 1',
      'orders written 1',
      'prices dead_lettered 1',
      'prices written 1',
      'readings dead_lettered 1',
      'readings ignored 1',
      'readings older 1',
      'stock dead_lettered 1',
      'stock older 1',
      'stock written 1',
    ])
    const why = async (pipeline: string, ...words: readonly string[]) =>
      JSON.parse(
        (await runToEnd(inPlace(['why', '--env-file', '.env', '--json', '--pipeline', pipeline, ...words])))
          .stdout,
      ) as { verdict: string; row: { values: unknown } | null }
    expect(await why('./orders.ts', 'id=7')).toMatchObject({
      verdict: 'stored',
      row: { values: { id: '7', customer: 'Ada', status: 'paid', updated_at: 1767225660 } },
    })
    expect(await why('./readings.ts', 'device=roof', 'sensor=temperature')).toMatchObject({
      row: { values: { value: '21.5', at: 1767225600 } },
    })
    expect(await why('./readings.ts', 'device=roof', 'sensor=humidity')).toMatchObject({
      row: { values: { value: '40' } },
    })
    expect(await why('./stock.ts', 'article=0B5E7C1A-4d5e-4f60-8a71-92b3c4d5e6f7')).toMatchObject({
      verdict: 'deleted',
      row: null,
      deletion: { version: '1767225600000002', time: '2026-01-01T00:00:00.000Z' },
      watermark: { state: 'same' },
    })
    expect(await why('./prices.mjs', 'article=pen')).toMatchObject({
      row: { values: { article: 'pen', revision: 2, price: '1.20' } },
    })
    const { stdout } = await runToEnd(inPlace(['dead-letters', 'list', '--env-file', '.env', '--json']))
    const { letters } = JSON.parse(stdout) as { letters: { pipeline: string; detail: string }[] }
    expect(letters.map(({ pipeline, detail }) => `${pipeline}: ${detail}`).sort()).toEqual([
      'orders: "id" must be a whole number, not "eight"',
      'prices: "article" and "price" (texts) and "revision" (a whole number) are needed',
      'readings: record 2 of 3: not a sensor and a number: {"sensor":"wind"}',
      'stock: the column price is "12345678901.20", out of range for numeric(12,2)',
    ])
    const status = await runToEnd(
      inPlace(['migrate', 'status', '--env-file', 'owner.env', '--json', ...pipelines]),
    )
    expect(JSON.parse(status.stdout)).toMatchObject({
      migrations: [
        {},
        {},
        {},
        {},
        {},
        {},
        { pipeline: 'orders', pending: false },
        { pipeline: 'readings', pending: false },
        { pipeline: 'stock', pending: false },
        { pipeline: 'prices', pending: false },
      ],
    })
    ingester.signal('SIGINT')
    expect(await ingester.ended).toBe(0)
    const down = ['migrate', 'down', '--yes', '--env-file', 'owner.env', '--pipeline', './orders.ts']
    expect((await runToEnd(inPlace(down))).stdout).toBe('reverted  000001_create_orders\n')
    stack.signal('SIGINT')
    expect(await stack.ended).toBe(0)
  })

  test('are checked by the compiler against the package, which finds a column that is none', async () => {
    await link(join(projectDir, 'node_modules/@types'), join(place, 'node_modules/@types'))
    await writeFile(join(place, 'package.json'), '{"type": "module"}')
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--types',
      'node',
      '--skipLibCheck',
      'false',
    ]
    const compiler = join(projectDir, 'node_modules/typescript/bin/tsc')
    const check = (...files: readonly string[]) =>
      runToEnd(startProgram(process.execPath, [compiler, ...options, ...files], { cwd: place }))
    expect(await check('orders.ts', 'readings.ts', 'stock.ts')).toMatchObject({ code: 0, stdout: '' })
    const orders = await readFile(join(place, 'orders.ts'), 'utf8')
    await writeFile(
      join(place, 'wrong.ts'),
      orders
        .replace("key: ['id']", "key: ['number']")
        .replace('({ status }) => status', '({ state }) => state'),
    )
    const { stdout } = await check('wrong.ts')
    expect(stdout).toMatch(/wrong\.ts\(\d+,\d+\): error .*'state' does not exist on type 'Order'/)
    expect(stdout).toMatch(/wrong\.ts\(\d+,\d+\): error .*'"number"' is not assignable/)
  })
})
