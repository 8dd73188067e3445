// `bin/ingester init` as a user meets it: the file, what is printed where, the questions, and the exit codes.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { parse } from 'yaml'
import { freshDatabase, postgresEnvironment, startTestServer } from '../support/postgres.ts'
import { projectDir, runToEnd, startProgram } from '../support/program.ts'
import { runInProcess } from '../support/in-process.ts'
import { onTerminal } from '../support/terminal.ts'

const server = await startTestServer()
const database = await freshDatabase(server, { migrated: false })
afterAll(() => database[Symbol.asyncDispose]())
await database.query(`
  CREATE SCHEMA sales;
  CREATE TABLE sales.orders (order_id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, updated_at timestamptz NOT NULL);
  CREATE TABLE counts (id integer PRIMARY KEY, price bigint, quantity integer);
  CREATE TABLE nothing (note text)`)

const folder = mkdtempSync(join(tmpdir(), 'init-'))
afterAll(() => rmSync(folder, { recursive: true }))

const env = postgresEnvironment(database.options)
const envFile = join(folder, 'test.env')
writeFileSync(
  envFile,
  Object.entries(env)
    .map(([variable, value]) => `${variable}=${value}\n`)
    .join(''),
)

/** In this process; the file goes into the folder. */
const init = (...args: string[]) => runInProcess(['init', ...args], env)
const path = (file: string) => join(folder, file)

test('a program writes the file where it is called, says what to do next, and leaves a file that exists', async () => {
  const args = ['init', '--table', 'sales.orders', '--env-file', 'test.env']
  const run = () => runToEnd(startProgram(join(projectDir, 'bin/ingester'), args, { cwd: folder }))
  const { code, stdout, stderr } = await run()
  assert.equal(code, 0, stderr)
  assert.equal(stdout, '')
  assert.equal(
    stderr,
    `wrote orders.pipeline.yaml
  key: order_id (the primary key)
  version: updated_at (its name says that it changes with the row (timestamptz NOT NULL))
next:
  bin/ingester check orders.pipeline.yaml --env-file test.env
  bin/ingester try orders.pipeline.yaml --input messages.jsonl --env-file test.env
  bin/ingester run --pipeline orders.pipeline.yaml --env-file test.env
`,
  )
  const { subscription, columns } = parse(readFileSync(path('orders.pipeline.yaml'), 'utf8'))
  assert.equal(subscription, 'orders-sub')
  assert.deepEqual(columns, { order_id: 'order_id', total: 'total', updated_at: 'updated_at' })
  writeFileSync(path('orders.pipeline.yaml'), 'edited')
  const again = await run()
  assert.equal(again.code, 2)
  assert.equal(
    again.stderr,
    'ingester: orders.pipeline.yaml exists already; overwrite it with --force, or name another file with --out\n',
  )
  assert.equal(readFileSync(path('orders.pipeline.yaml'), 'utf8'), 'edited')
})

test('--out - prints the file, and nothing else on stdout', async () => {
  const { code, stdout, stderr } = await init('--table', 'sales.orders', '--out', '-', '--topic', 'its-topic')
  assert.equal(code, 0, stderr)
  assert.equal(parse(stdout).topic, 'its-topic')
  assert.match(stderr, /^to continue, save it as orders\.pipeline\.yaml\n/)
})

test('--json prints what was picked, and why', async () => {
  const out = path('json.yaml')
  const { code, stdout, stderr } = await init('--table', 'sales.orders', '--out', out, '--json')
  assert.equal(code, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), {
    file: out,
    key: ['order_id'],
    version: ['updated_at'],
    mode: 'newest',
    reasons: {
      key: 'the primary key',
      version: 'its name says that it changes with the row (timestamptz NOT NULL)',
    },
    columns: [
      { name: 'order_id', type: 'bigint', isNullable: false, source: { path: 'order_id' } },
      { name: 'total', type: 'numeric(12,2)', isNullable: false, source: { path: 'total' } },
      { name: 'updated_at', type: 'timestamptz', isNullable: false, source: { path: 'updated_at' } },
    ],
  })
  assert.ok(existsSync(out))
  const both = await init('--table', 'sales.orders', '--out', '-', '--json')
  assert.equal(both.code, 2)
  assert.match(both.stderr, /--json and --out - both print/)
})

test('what cannot be known or found ends with 2 and what to do, and writes nothing', async () => {
  const out = path('never.yaml')
  const refused: readonly [args: readonly string[], said: RegExp][] = [
    [
      ['--table', 'orders'],
      /table orders does not exist in the database \S+ at \S+; did you mean sales\.orders\?/,
    ],
    [
      ['--table', 'nothing'],
      /nothing has no unique index; --mode append .* needs none; add one, for example: ALTER TABLE nothing ADD UNIQUE \(note\);/,
    ],
    [['--table', 'counts'], /name one with --version: price \(bigint\), quantity \(integer\)/],
    [['--table', 'counts', '--version', 'price,'], /It must be names of columns, separated by commas/],
    [['--table', 'counts', '--version', 'cost'], /--version: counts has no column cost/],
    [['--table', ''], /--table must be a name/],
    [[], /required option '--table <table>' not specified/],
  ]
  for (const [args, said] of refused) {
    const { code, stdout, stderr } = await init(...args, '--out', out)
    assert.equal(code, 2, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, said)
  }
  assert.ok(!existsSync(out))
  for (const [name, why] of [
    ['never.txt', 'a mapping file is known by its ending'],
    ['never.json', 'what is written has comments, which JSON cannot have'],
  ] as const) {
    const { code, stderr } = await init('--table', 'sales.orders', '--out', path(name))
    assert.equal(code, 2)
    assert.match(
      stderr,
      new RegExp(`--out \\S+${name}: ${why}; name a file that ends in \\.yaml or \\.yml$`, 'm'),
    )
    assert.ok(!existsSync(path(name)))
  }
  const { code } = await init('--table', 'counts', '--version', 'price', '--out', out)
  assert.equal(code, 0)
})

test('without PostgreSQL it ends with 3', async () => {
  const { code, stderr } = await runInProcess(['init', '--table', 't', '--out', '-'], {
    ...env,
    INGESTER_POSTGRES_PORT: '1',
  })
  assert.equal(code, 3, stderr)
  assert.match(stderr, /check INGESTER_POSTGRES_HOST/)
})

test('on a terminal it asks for version, subscription and topic; Ctrl-C writes nothing', async () => {
  const out = path('asked.yaml')
  const line = `exec bin/ingester init --table counts --out ${out}`
  const cancelled = await onTerminal(line, { env, key: '\u0003' })
  assert.match(cancelled.seen, /Which column tells newer rows from older ones\?[^]*nothing was written/)
  assert.ok(!existsSync(out))
  const answered = await onTerminal(line, {
    env,
    keys: [
      [/newer rows from older ones\?[^]*quantity/, '\u001b[B\r'],
      [/Which subscription[^]*ounts-sub/, 'a b\r'],
      [/must be an id of 3 to 255 letters/, '\u007f\u007f\u007fmine\r'],
      [/Which topic[^]*ounts/, '\r'],
    ],
  })
  assert.match(answered.seen, /wrote /)
  const { version, subscription, topic } = parse(readFileSync(out, 'utf8'))
  assert.deepEqual(
    { version, subscription, topic },
    { version: 'quantity', subscription: 'mine', topic: 'counts' },
  )
})

test('on a terminal that cannot move its cursor it asks line by line', async () => {
  const out = path('lines.yaml')
  const { seen } = await onTerminal(`exec bin/ingester init --table counts --out ${out}`, {
    env: { ...env, TERM: 'dumb' },
    keys: [
      [/older ones\? price \(bigint\), quantity \(integer\): /, 'cost\r'],
      [/older ones\?[^]*older ones\? price \(bigint\), quantity \(integer\): /, 'price\r'],
      [/Which subscription[^\n]* \[counts-sub\] /, 'a\r'],
      [/It must be an id of 3[^]*Which subscription[^\n]* \[counts-sub\] /, '\r'],
      [/Which topic[^\n]* \[counts\] /, 'other-topic\r'],
    ],
  })
  assert.match(seen, /wrote /)
  const { version, subscription, topic } = parse(readFileSync(out, 'utf8'))
  assert.deepEqual([version, subscription, topic], ['price', 'counts-sub', 'other-topic'])
})
