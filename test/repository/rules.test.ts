// Checks that each rule of `make check` is enforced: a small tree that keeps them all, then the same tree with one
// violation a file. A rule that no longer reports its violation (renamed, switched off, not supported) fails here.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { atEnd } from '../support/at-end.ts'

const root = resolve(import.meta.dirname, '../..')
const configs = ['package.json', 'tsconfig.json', 'biome.json', 'knip.json', 'oxlint.config.ts']
const programs = {
  tsc: ['typescript/bin/tsc'],
  oxlint: ['oxlint/bin/oxlint', '--format=json'],
  biome: ['@biomejs/biome/bin/biome', 'format', '--reporter=github', '--max-diagnostics=none'],
  knip: ['knip/bin/knip.js', '--no-progress', '--reporter=compact', '--include=files,exports,types'],
}

type Tree = Record<string, string>

/** Every kind of import that the table of modules allows. */
const clean: Tree = {
  'src/core/noun.ts': `export interface Noun {\n  readonly name: string\n}\n\nexport const noNoun: Noun = { name: '' }\n`,
  'src/runtime/pause.ts': `export const pause = async () => {}\n`,
  'src/config/config.ts': `import { cleanEnv } from 'envalid'\n\nexport const read = () => cleanEnv(process.env, {})\n`,
  'src/pipeline/scans.ts': `import { noNoun } from '#core/noun.ts'\n\nexport const scans = noNoun\n`,
  'src/systems/registry.ts': `import { count } from './counts/count.ts'\n\nexport const systems = [count]\n`,
  'src/systems/counts/count.ts': `import { noNoun } from '#core/noun.ts'\nimport { scans } from '#pipeline/scans.ts'\n\nexport const count = [noNoun, scans]\n`,
  'src/postgres/pool.ts': `import { Pool } from 'pg'\nimport type { Noun } from '#core/noun.ts'\nimport { statement } from './sql/statement.ts'\n\nexport const pool = (noun: Noun) => [new Pool(), statement(noun)]\n`,
  'src/postgres/sql/statement.ts': `import type { Noun } from '#core/noun.ts'\nimport { quote } from '../quote.ts'\n\nexport const statement = (noun: Noun) => quote(noun.name)\n`,
  'src/postgres/quote.ts': `export const quote = (text: string) => JSON.stringify(text)\n`,
  'src/emulator/emulator.ts': `import { serve } from './wire/serve.ts'\n\nexport const emulator = serve\n`,
  'src/emulator/wire/serve.ts': `import { Server } from '@grpc/grpc-js'\nimport { topics } from '../broker/topics.ts'\n\nexport const serve = () => [new Server(), topics]\n`,
  'src/emulator/broker/topics.ts': `export const topics = new Map<string, string>()\n`,
  'src/stack/stack.ts': `import { emulator } from '#emulator/emulator.ts'\nimport { pause } from '#runtime/pause.ts'\n\nexport const stack = () => [emulator(), pause]\n`,
  'src/connect/connect.ts': `import { scans } from '#pipeline/scans.ts'\nimport { pool } from '#postgres/pool.ts'\n\nexport const connect = () => pool(scans)\n`,
  'src/app/start.ts': `import { connect } from '#connect/connect.ts'\nimport { systems } from '#systems/registry.ts'\n\nexport const start = () => [connect(), systems]\n`,
  'src/demo/run.ts': `import { start } from '#app/start.ts'\nimport { stack } from '#stack/stack.ts'\n\nexport const run = () => [start(), stack()]\n`,
  'cmd/ingester/main.ts': `import { program } from 'commander'\nimport { run } from '#demo/run.ts'\nimport { read } from '#config/config.ts'\n\nconsole.log(program.args, run(), read())\n`,
  'cmd/scanner/main.ts': `import { read } from '#config/config.ts'\n\nconsole.log(read())\n`,
  'src/core/noun.test.ts': `import { test } from 'vitest'\nimport { pool } from '#postgres/pool.ts'\nimport { suite } from '../../test/suite.ts'\n\ntest('noun', () => suite(pool, process.env['HOME']))\n`,
  'test/suite.ts': `export const suite = (...parts: unknown[]) => console.log(parts)\n`,
}

const boundaries = 'eslint(no-restricted-imports)'
const environment = 'eslint(no-restricted-properties)'

/** What is planted, and the rule that must name it. */
const planted: [file: string, rule: string, text: string][] = [
  ['src/core/up.ts', boundaries, `export { pause } from '#runtime/pause.ts'`],
  ['src/redis/sideways.ts', boundaries, `export { pool } from '#postgres/pool.ts'`],
  ['src/redis/sideways-type.ts', boundaries, `export type { Noun } from '#pipeline/scans.ts'`],
  ['src/redis/relative.ts', boundaries, `export { noNoun } from '../core/noun.ts'`],
  ['src/redis/winding.ts', boundaries, `export { noNoun } from './../core/noun.ts'`],
  ['src/redis/lazy.ts', boundaries, `export const lazy = () => import('#postgres/pool.ts')`],
  ['src/redis/part/relative.ts', boundaries, `export { noNoun } from '../../core/noun.ts'`],
  ['src/redis/part/winding.ts', boundaries, `export { noNoun } from '../part/../../core/noun.ts'`],
  ['src/pipeline/runtime.ts', boundaries, `export { pause } from '#runtime/pause.ts'`],
  ['src/pipeline/up.ts', boundaries, `export { systems } from '#systems/registry.ts'`],
  ['src/systems/up.ts', boundaries, `export { start } from '#app/start.ts'`],
  ['src/systems/counts/adapter.ts', boundaries, `export { pool } from '#postgres/pool.ts'`],
  ['src/emulator/core.ts', boundaries, `export { noNoun } from '#core/noun.ts'`],
  ['src/emulator/outside.ts', boundaries, `export { noNoun } from '../core/noun.ts'`],
  ['src/emulator/wire/outside.ts', boundaries, `export { noNoun } from '../../core/noun.ts'`],
  ['src/emulator/wire/client.ts', boundaries, `export { PubSub } from '@google-cloud/pubsub'`],
  ['src/emulator/broker/up.ts', boundaries, `export { serve } from '../wire/serve.ts'`],
  ['src/emulator/faults/up.ts', boundaries, `export { serve } from '../wire/serve.ts'`],
  ['src/emulator/broker/package.ts', boundaries, `export { Server } from '@grpc/grpc-js'`],
  ['src/stack/inside.ts', boundaries, `export { topics } from '#emulator/broker/topics.ts'`],
  ['src/stack/core.ts', boundaries, `export { noNoun } from '#core/noun.ts'`],
  ['src/connect/up.ts', boundaries, `export { start } from '#app/start.ts'`],
  ['src/app/up.ts', boundaries, `export { run } from '#demo/run.ts'`],
  ['src/doctor/sideways.ts', boundaries, `export { start } from '#app/start.ts'`],
  ['src/app/package.ts', boundaries, `export { Pool } from 'pg'`],
  ['src/redis/package.ts', boundaries, `export { Pool } from 'pg'`],
  ['src/demo/package-path.ts', boundaries, `export { default } from 'pg/lib/defaults.js'`],
  ['src/attic/new-module.ts', boundaries, `export { noNoun } from '#core/noun.ts'`],
  ['cmd/ingester/below.ts', boundaries, `export { pool } from '#postgres/pool.ts'`],
  ['src/ingest/tested.ts', boundaries, `export { suite } from '../../test/suite.ts'`],
  ['tools/tested.ts', boundaries, `export { suite } from '../test/suite.ts'`],
  ['src/telemetry/env-import.ts', boundaries, `export { env } from 'node:process'`],
  ['src/telemetry/env.ts', environment, `export const home = process.env['HOME']`],
  ['cmd/scanner/env.ts', environment, `export const home = process.env['HOME']`],
  ['src/telemetry/env-taken.ts', environment, `const { env } = process\nexport const all = () => env`],
  ['src/telemetry/console.ts', 'eslint(no-console)', `export const say = () => console.log('hello')`],
  ['src/ingest/egg.ts', 'import(no-cycle)', `import { hen } from './hen.ts'\nexport const egg = () => hen`],
  ['src/ingest/hen.ts', 'import(no-cycle)', `import { egg } from './egg.ts'\nexport const hen = () => egg`],
  ['src/ingest/floating.ts', 'typescript(no-floating-promises)', `export const go = () => {\n  fetch('')\n}`],
  [
    'src/ingest/misused.ts',
    'typescript(no-misused-promises)',
    `import { pause } from '#runtime/pause.ts'\nexport const go = () => [1].forEach(async () => pause())`,
  ],
  [
    'src/ingest/no-type.ts',
    'typescript(consistent-type-imports)',
    `import { Noun } from '#core/noun.ts'\nexport const name = (noun: Noun) => noun.name`,
  ],
  [
    'src/ingest/type-inline.ts',
    'import(consistent-type-specifier-style)',
    `import { noNoun, type Noun } from '#core/noun.ts'\nexport const name = (noun: Noun) => noun ?? noNoun`,
  ],
  [
    'src/ingest/type-import.ts',
    'typescript(consistent-type-imports)',
    `export const name = (noun: import('#core/noun.ts').Noun) => noun.name`,
  ],
  [
    'src/ingest/stale-exception.ts',
    'Unused oxlint-disable directive',
    `// oxlint-disable-next-line no-console\nexport const nothing = 0`,
  ],
]

interface Outcome {
  readonly code: number
  readonly output: string
}

// The project's compile cache would keep the configuration of every folder.
const compiled = mkdtempSync(join(tmpdir(), 'compiled-'))
atEnd(() => rmSync(compiled, { recursive: true }))

const plant = (tree: Tree) => {
  const folder = mkdtempSync(join(tmpdir(), 'house-'))
  for (const name of configs) cpSync(join(root, name), join(folder, name))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [file, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  return folder
}

const check = (name: keyof typeof programs, folder: string) => {
  const [program = '', ...args] = programs[name]
  return new Promise<Outcome>((done) => {
    const path = join(root, 'node_modules', program)
    execFile(
      process.execPath,
      [path, ...args],
      { cwd: folder, maxBuffer: 1 << 26, env: { ...process.env, NODE_COMPILE_CACHE: compiled } },
      (error, stdout, stderr) => {
        done({ code: error === null ? 0 : Number(error.code), output: stdout + stderr })
      },
    )
  })
}

/** The rules that oxlint reported, by file. */
const reported = ({ output }: Outcome) => {
  const { diagnostics } = JSON.parse(output) as {
    diagnostics: { filename: string; code?: string; message: string }[]
  }
  const byFile = Map.groupBy(diagnostics, ({ filename }) => relative('.', filename))
  return new Map(
    [...byFile].map(([file, found]) => [file, found.map(({ code, message }) => code ?? message)]),
  )
}

describe('a tree that follows the rules', () => {
  let folder: string
  beforeAll(() => (folder = plant(clean)))
  afterAll(() => rmSync(folder, { recursive: true }))

  for (const name of ['tsc', 'oxlint', 'biome', 'knip'] as const) {
    test(`${name} reports nothing`, async () => {
      const { code, output } = await check(name, folder)
      assert.equal(code, 0, output)
    })
  }
})

describe('a violation', () => {
  let folder: string
  let linted: Map<string, string[]>
  beforeAll(async () => {
    const breaches = Object.fromEntries(planted.map(([file, , text]) => [file, `${text}\n`]))
    folder = plant({
      ...clean,
      ...breaches,
      'src/core/unsound.ts': `export const first: string = ['a'][0]\n`,
      'src/core/untidy.ts': `export const  untidy = "a";\n`,
      'src/core/noun.ts': `${clean['src/core/noun.ts']}\nexport const nobody = 1\n`,
    })
    linted = reported(await check('oxlint', folder))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  for (const [file, rule, text] of planted) {
    test(`${file}: ${text.split('\n').at(0)}`, () => {
      const found = linted.get(file) ?? []
      assert.ok(
        found.some((one) => one.startsWith(rule)),
        `expected ${rule}, found ${found.join(', ') || 'nothing'}`,
      )
    })
  }

  test('oxlint reports no file that follows the rules', () => {
    const known = new Set(planted.map(([file]) => file))
    assert.deepEqual(
      [...linted.keys()].filter((file) => !known.has(file)),
      [],
    )
  })

  test('tsc: an element that may be undefined', async () => {
    const { code, output } = await check('tsc', folder)
    assert.notEqual(code, 0)
    assert.match(output, /src\/core\/unsound\.ts.*TS2322/)
  })

  test('biome: a file in another format', async () => {
    const { code, output } = await check('biome', folder)
    assert.notEqual(code, 0)
    assert.match(output, /src\/core\/untidy\.ts/)
  })

  test('knip: an unused file and an unused export', async () => {
    const { code, output } = await check('knip', folder)
    assert.notEqual(code, 0)
    assert.match(output, /src\/redis\/package\.ts/)
    assert.match(output, /src\/core\/noun\.ts: nobody/)
  })
})
