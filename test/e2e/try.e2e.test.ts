// `bin/ingester try` as a user meets it: what rows become of sample messages, from a file, a pipe and the subscription.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { connectPubsub } from '#pubsub/client.ts'
import { publish } from '#pubsub/publisher.ts'
import { minimalEnvironment } from '../support/environment.ts'
import { runInProcess } from '../support/in-process.ts'
import { freshDatabase, postgresEnvironment, startTestServer } from '../support/postgres.ts'
import { projectDir } from '../support/program.ts'
import { startEmulator } from '../support/pubsub.ts'

const server = await startTestServer()
const database = await freshDatabase(server, { migrated: false })
afterAll(() => database[Symbol.asyncDispose]())
await database.query(`CREATE TABLE orders (
  order_id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text, is_paid boolean,
  received_at timestamptz, updated_at timestamptz NOT NULL)`)
const emulator = await startEmulator()
afterAll(() => emulator.stop())

const folder = mkdtempSync(join(tmpdir(), 'try-'))
afterAll(() => rmSync(folder, { recursive: true }))

const env = postgresEnvironment(database.options)
const pubsubEnv = { PUBSUB_EMULATOR_HOST: emulator.emulatorHost, INGESTER_PROJECTID: 'test-project' }

function write(file: string, text: string): string {
  const path = join(folder, file)
  writeFileSync(path, text)
  return path
}

const mapping = write(
  'orders.pipeline.yaml',
  `name: orders
subscription: orders-sub
table: orders
key: order_id
version: updated_at
where: { path: type, in: [order, null] }
columns:
  note: { path: note, optional: true }
  is_paid: { path: paid, default: false }
  received_at: $publishTime
delete: { when: { path: op, equals: D } }
`,
)

const messages = write(
  'messages.jsonl',
  `{"type":"order","order_id":7,"total":12.50,"note":"two\\nlines","updated_at":"2026-01-31T12:00:00.25+01:00"}

{"type":null,"op":"D","order_id":9007199254740993,"updated_at":"2026-01-31T12:00:00Z"}
{"type":"quote"}
this is no JSON
{"type":"order","order_id":8,"total":"a lot","updated_at":"2026-01-31T12:00:00Z"}
`,
)

const tried = (args: readonly string[], changes: Readonly<Record<string, string>> = {}) =>
  runInProcess(['try', ...args], { ...env, ...changes })

const objects = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('each message, its number and what becomes of it; bad lines are told of, and cost nothing', async () => {
  const { code, stdout, stderr } = await tried([mapping, '--input', messages])
  assert.equal(code, 4)
  assert.equal(
    stdout.replace(/(received_at +=) .*Z/, '$1 now'),
    `line 1: 1 row
  order_id     = 7
  total        = 12.50
  note         = two\\nlines
  is_paid      = false
  received_at  = now
  updated_at   = 2026-01-31T11:00:00.25Z
line 3: 1 deleted
  order_id    = 9007199254740993
  updated_at  = 2026-01-31T12:00:00Z
line 4: 1 ignored
  ignored by the rule where
line 5: 1 rejected
  rejected: not-json: the data is not JSON: Unexpected token 'h', "this is no JSON" is not valid JSON
line 6: 1 rejected
  rejected: bad-value: the column total is "a lot", not a number in decimal notation
`,
  )
  assert.equal(stderr, '5 messages: 1 row, 1 deleted, 1 ignored, 2 rejected\n')
})

test('--json: one object a message', async () => {
  const { code, stdout, stderr } = await tried([mapping, '--input', messages, '--limit', '2', '--json'])
  assert.equal(code, 0, stderr)
  const [first, second, ...others] = objects(stdout)
  assert.deepEqual(others, [])
  const { received_at: receivedAt, ...row } = first.rows[0]
  assert.ok(Math.abs(Date.parse(receivedAt) - Date.now()) < 60_000)
  assert.deepEqual(
    { ...first, rows: [row] },
    {
      message: 1,
      rows: [
        {
          order_id: 7,
          total: '12.50',
          note: 'two\nlines',
          is_paid: false,
          updated_at: '2026-01-31T11:00:00.25Z',
        },
      ],
      deleted: [],
      added: [],
      ignored: [],
      rejected: [],
    },
  )
  assert.deepEqual(second.deleted, [{ order_id: '9007199254740993', updated_at: '2026-01-31T12:00:00Z' }])
  assert.equal(stderr, '2 messages: 1 row, 1 deleted\n')
})

test('it shows what will be in the table, and writes nothing', async () => {
  const { stdout } = await tried([mapping, '--input', messages, '--limit', '1', '--json'])
  const [{ rows }] = objects(stdout)
  assert.deepEqual(await database.query('SELECT * FROM orders'), [])
  const values = Object.values(rows[0])
  const stored = await database.query(
    `WITH stored AS (INSERT INTO orders VALUES ($1, $2, $3, $4, $5, $6) RETURNING *)
     SELECT order_id::integer, total::text, note, is_paid, updated_at = $6 AS same FROM stored`,
    values,
  )
  assert.deepEqual(stored, [{ order_id: 7, total: '12.50', note: 'two\nlines', is_paid: false, same: true }])
  await database.query('TRUNCATE orders')
})

test('from a pipe, whole messages with --envelope', () => {
  const lines = [
    {
      json: { type: 'order', order_id: 1, total: 1, updated_at: '2026-01-01T00:00:00Z' },
      publishTime: '2026-02-03T04:05:06Z',
    },
    { data: Buffer.from('{"type":"quote"}').toString('base64') },
    { jsn: 1 },
  ]
  const input = lines.map((line) => JSON.stringify(line)).join('\n')
  const run = spawnSync(join(projectDir, 'bin/ingester'), ['try', mapping, '--envelope', '--json'], {
    input,
    encoding: 'utf8',
    env: { ...minimalEnvironment(), ...env },
  })
  assert.equal(run.status, 0, run.stderr)
  const [first, second] = objects(run.stdout)
  assert.equal(first.rows[0].received_at, '2026-02-03T04:05:06Z')
  assert.deepEqual(second.ignored, ['where'])
  assert.match(
    run.stderr,
    /^-:3: has an unknown member "jsn"; did you mean json\?\n2 messages: 1 row, 1 ignored; left out/,
  )
})

test('what was asked for cannot be done: exit 2, or 3 without PostgreSQL', async () => {
  const wrong = write('wrong.pipeline.yaml', 'name: orders\n')
  const strange = write(
    'strange.pipeline.yaml',
    `name: orders\nsubscription: orders-sub\ntable: orders\nkey: order_id\nversion: total\n`,
  )
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[wrong, '--input', messages], 2, /wrong\.pipeline\.yaml:1:1: /],
    [[strange, '--input', messages], 2, /strange\.pipeline\.yaml:5:1: version.*total is numeric/],
    [[mapping, '--input', join(folder, 'nothing')], 2, /--input .*nothing: there is no such file in/],
    [[mapping, '--input', folder], 2, /--input .*: it is a folder/],
    [[mapping, '--pull', '1', '--input', '-'], 2, /--pull and --input are two sources/],
    [[mapping, '--pull', '0'], 2, /--pull/],
    [[mapping, '--pull', '1', '--limit', '1'], 2, /--limit is for --input/],
    [[mapping, '--pull', '1', '--envelope'], 2, /--envelope is for --input/],
    [[mapping, '--subscription', 's'], 2, /--subscription is for --pull/],
    [[mapping, '--pull', '1'], 2, /INGESTER_PROJECTID is not set/],
  ]
  for (const [args, code, said] of cases) {
    const ended = await tried(args)
    assert.equal(ended.code, code, `${args.join(' ')}\n${ended.stderr}`)
    assert.match(ended.stderr, said)
  }
  const away = await tried([mapping, '--input', messages], { INGESTER_POSTGRES_PORT: '1' })
  assert.equal(away.code, 3, away.stderr)
  assert.deepEqual((await tried([mapping])).stderr, '0 messages\n')
})

test('a module, without PostgreSQL', async () => {
  const module = write(
    'words.ts',
    `import { definePipeline } from 'pubsub-postgres-ingester'
export default definePipeline({
  name: 'words', topic: 'words', subscription: 'words-sub',
  table: {
    name: 'words',
    columns: [{ name: 'word', type: 'text', of: ({ word }: { word: string }) => word }, { name: 'at', type: 'bigint', of: () => 1 }],
    key: ['word'], version: ['at'],
  },
  decode: ({ data }) => (JSON.parse(String(data)) as string[]).map((word) => ({ word })),
})
`,
  )
  const input = write('words.jsonl', '["a", "b"]\n{}\n')
  const { code, stdout, stderr } = await runInProcess(['try', module, '--input', input])
  assert.equal(code, 4, stderr)
  assert.match(
    stdout,
    /^line 1: 2 rows\n {2}row 1\n {2}word {2}= a\n {2}at {4}= 1\n {2}row 2\n {2}word {2}= b\n/,
  )
  assert.match(stdout, /line 2: 1 rejected\n {2}rejected: decoder-error: /)
  assert.equal(stderr, '2 messages: 2 rows, 1 rejected\n')
})

test('--pull shows messages of the subscription, which are delivered again at once', async () => {
  const clients = await connectPubsub({ projectId: 'test-project', emulatorHost: emulator.emulatorHost })
  await using _ = { [Symbol.asyncDispose]: () => clients.close() }
  const id = randomUUID()
  const topic = `projects/test-project/topics/t-${id}`
  const subscription = `projects/test-project/subscriptions/s-${id}`
  await clients.publisher.createTopic({ name: topic })
  await clients.subscriber.createSubscription({ name: subscription, topic, ackDeadlineSeconds: 600 })
  const order = { type: 'order', order_id: 1, total: 1, updated_at: '2026-01-01T00:00:00Z' }
  await publish(clients, topic, [{ data: Buffer.from(JSON.stringify(order)) }, { data: Buffer.from('x') }])
  const args = [mapping, '--pull', '2', '--subscription', `s-${id}`]
  const { code, stdout, stderr } = await tried(args, pubsubEnv)
  assert.equal(code, 4, stderr)
  assert.match(stdout, /message [12]: 1 row\n/)
  assert.match(stdout, /rejected: not-json: /)
  assert.equal(stderr, '2 messages: 1 row, 1 rejected\n')
  const request = { subscription, maxMessages: 10, returnImmediately: true }
  const [{ receivedMessages }] = await clients.subscriber.pull(request)
  assert.equal(receivedMessages?.length, 2)
  const missing = await tried([mapping, '--pull', '1', '--subscription', 'nothing'], pubsubEnv)
  assert.equal(missing.code, 2)
  const absent = 'there is no subscription projects/test-project/subscriptions/'
  assert.equal(
    missing.stderr,
    `ingester: ${absent}nothing; check --subscription: that of the pipeline is orders-sub\n`,
  )
  const own = await tried([mapping, '--pull', '1'], pubsubEnv)
  assert.equal(own.code, 2)
  const run = `bin/ingester run --pipeline ${mapping}`
  assert.equal(own.stderr, `ingester: ${absent}orders-sub; at an emulator it is created by: ${run}\n`)
})
