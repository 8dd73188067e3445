// `bin/ingester check` as a user meets it: every fault at once, each with its place and a fix that works.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, test } from 'vitest'
import type { CheckReport } from '#authoring/check.ts'
import { connectPubsub } from '#pubsub/client.ts'
import { runInProcess } from '../support/in-process.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { freshDatabase, postgresEnvironment, startTestServer } from '../support/postgres.ts'
import { runAsProgram } from '../support/program.ts'
import { startEmulator } from '../support/pubsub.ts'

const projectId = 'test-project'
const server = await startTestServer()
const emulator = await startEmulator()
afterAll(() => emulator.stop())
const clients = await connectPubsub({ projectId, emulatorHost: emulator.emulatorHost })
afterAll(() => clients.close())
const topic = `projects/${projectId}/topics/orders`
const subscription = `projects/${projectId}/subscriptions/orders-sub`
await clients.publisher.createTopic({ name: topic })
await clients.subscriber.createSubscription({ name: subscription, topic })

const folder = mkdtempSync(join(tmpdir(), 'check-'))
afterAll(() => rmSync(folder, { recursive: true }))

let database: TestDatabase
beforeEach(async () => {
  database = await freshDatabase(server)
  await database.query(`DROP SCHEMA IF EXISTS sales CASCADE; ${orders}`)
  return () => database[Symbol.asyncDispose]()
})

const orders = `CREATE TABLE orders (
  order_id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL)`

const mapping = `name: orders
subscription: orders-sub
table: orders
key: order_id
version: updated_at
columns:
  total: { path: total, default: 0 }
  note: { path: note, optional: true }
`

/** Of the role that owns the tables, unless it is said which. */
function environment(changes: Readonly<Record<string, string>> = {}) {
  return {
    PUBSUB_EMULATOR_HOST: emulator.emulatorHost,
    INGESTER_PROJECTID: projectId,
    ...postgresEnvironment(database.options),
    // Nothing listens there: the check does not need it.
    INGESTER_REDIS_ADDR: '127.0.0.1:1',
    ...changes,
  }
}

function write(text: string, name = 'orders.pipeline.yaml'): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function checked(text: string, changes: Readonly<Record<string, string>> = {}, name?: string) {
  const path = write(text, name)
  const { code, stdout, stderr } = await runInProcess(['check', path, '--json'], environment(changes))
  assert.equal(stderr, '')
  const report = JSON.parse(stdout) as CheckReport
  assert.equal(code, report.ok ? 0 : 4)
  return report
}

/** Line, member and text of each fault, and of each warning. */
async function found(text: string, changes?: Readonly<Record<string, string>>, name?: string) {
  const { faults, warnings } = await checked(text, changes, name)
  const lines = (all: CheckReport['faults']) =>
    all.map(({ line, column, member, what }) => `${line}:${column} ${member}: ${what}`)
  return { faults: lines(faults), warnings: lines(warnings) }
}

describe('without a fault', () => {
  test('it shows what becomes of each column, and what the file means', async () => {
    const path = write(
      `${mapping}where: { path: type, equals: order }\ndelete: { when: { path: op, equals: D } }\n`,
    )
    const { code, stdout, stderr } = await runAsProgram(['check', path], environment())
    assert.equal(code, 0, stderr)
    assert.equal(
      stdout,
      `column      type                      value
order_id    bigint                    order_id
total       numeric(12,2)             total, else 0
note        text                      note, else NULL
created_at  timestamp with time zone  – (it has a default)
updated_at  timestamp with time zone  updated_at

table         orders
key           order_id
version       updated_at
where         type = "order"
delete        when op = "D"
subscription  orders-sub
topic         orders
`,
    )
    assert.equal(stderr, 'no fault\n')
  })

  test('--json', async () => {
    const { columns, ...report } = await checked(mapping)
    const file = join(folder, 'orders.pipeline.yaml')
    assert.deepEqual(report, { file, pipeline: 'orders', ok: true, faults: [], warnings: [] })
    const [first, , , fourth] = columns
    assert.deepEqual(first, { name: 'order_id', type: 'bigint', from: 'order_id', leftAlone: null })
    assert.equal(fourth?.leftAlone, 'it has a default')
  })

  test('nothing is written', async () => {
    const transactions =
      'SELECT txid_current_if_assigned() AS own, pg_snapshot_xmax(pg_current_snapshot()) AS next'
    const before = await database.query(transactions)
    await checked(mapping)
    assert.deepEqual(await database.query(transactions), before)
  })
})

describe('records that count once', () => {
  const append = `name: log
subscription: orders-sub
topic: orders
table: log
mode: append
split: lines
columns: { who: $message.who, what: what }
`
  const sum = `name: totals
subscription: orders-sub
topic: orders
table: totals
mode: sum
key: [customer, day]
columns: { orders: { value: 1 }, amount: { path: amount, default: 0 } }
`
  beforeEach(async () => {
    await database.query(`
      CREATE TABLE log (no bigint GENERATED ALWAYS AS IDENTITY, who text NOT NULL, what jsonb, at timestamptz NOT NULL DEFAULT now());
      CREATE TABLE totals (customer text, day date, orders integer NOT NULL DEFAULT 0, amount numeric(14,2) NOT NULL,
        refunds bigint NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (customer, day))`)
  })

  test('append: no key is needed; it shows what the mode is', async () => {
    const path = write(append)
    const { code, stdout, stderr } = await runInProcess(['check', path], environment())
    assert.equal(code, 0, stderr)
    assert.equal(
      stdout,
      `column  type                      value
no      bigint                    – (the database numbers it)
who     text                      $message.who
what    jsonb                     what
at      timestamp with time zone  – (it has a default)

table         log
mode          append: each record is a row, once however often it is delivered
split         a record of each element of $message.lines
subscription  orders-sub
topic         orders
`,
    )
    assert.equal(stderr, 'no fault\n')
  })

  test('sum: what is added up, and what is left alone although it could be', async () => {
    const { columns, faults, warnings } = await checked(sum)
    assert.deepEqual(faults, [])
    assert.deepEqual(
      columns.map(({ name, from, leftAlone }) => `${name}: ${from ?? leftAlone}`),
      [
        'customer: customer',
        'day: day',
        'orders: 1, always (added up)',
        'amount: amount, else 0 (added up)',
        'refunds: it has a default',
        'created_at: it has a default',
      ],
    )
    assert.deepEqual(
      warnings.map(({ line, what, fix }) => `${line} ${what}; ${fix}`),
      [
        '7 refunds has a default, so it is left alone and not added up; name it to add it up, or say skip: true',
      ],
    )
    assert.deepEqual((await found(`${sum}others: skip\n`)).warnings, [])
  })

  test('a part of the primary key as the key: the whole of it is the first advice', async () => {
    const file = sum.replace('key: [customer, day]', 'key: customer')
    const fixes = ({ faults }: CheckReport) =>
      faults.filter(({ member }) => member === 'key').map(({ fix }) => fix)
    assert.deepEqual(fixes(await checked(file)), [
      'key: [customer, day], the primary key; or as its owner: ALTER TABLE totals ADD UNIQUE ("customer");',
    ])
    await database.query('ALTER TABLE totals DROP CONSTRAINT totals_pkey, ADD UNIQUE (day, customer)')
    assert.match(
      fixes(await checked(file))[0] ?? '',
      /^key: \[day, customer\], which is unique; or as its owner: /,
    )
    await database.query('ALTER TABLE totals ADD n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY')
    await database.query(
      'ALTER TABLE totals DROP CONSTRAINT totals_day_customer_key, ADD UNIQUE (customer, n)',
    )
    assert.match(fixes(await checked(file))[0] ?? '', /^as its owner: /, 'no message can give n')
  })

  test('the key of sums has to be unique', async () => {
    await database.query('ALTER TABLE totals DROP CONSTRAINT totals_pkey')
    assert.deepEqual((await found(sum)).faults, [
      '6:1 key: (customer, day) is not unique: nothing can be written',
    ])
    await database.query('ALTER TABLE totals ADD note text')
    const { faults } = await found(sum.replace('key: [customer, day]', 'key: customer'))
    assert.ok(
      faults.some((one) => one.startsWith('7:1 columns: day is date, and only smallint')),
      faults.join('\n'),
    )
    assert.ok(faults.some((one) => one.startsWith('7:1 columns: note is text, and only smallint')))
  })

  test('the tables of identities have to be there, with rights; those of the cache need not', async () => {
    await database.query('DROP TABLE applied_requests; DROP TABLE cache_epochs')
    for (const text of [append, sum]) {
      const { faults } = await found(text)
      assert.deepEqual(faults, ['1:1 : table applied_requests does not exist, which the engine needs'])
    }
  })

  test('a file with a faulty mode', async () => {
    const { faults } = await found(`${append}key: who\nversion: at\n`)
    assert.deepEqual(
      faults.map((one) => one.split(': ').slice(0, 2).join(': ')),
      ['8:1 key: cannot be combined with mode append', '9:1 version: cannot be combined with mode append'],
    )
  })
})

describe('the file', () => {
  test('all its faults, one a line, before anything is connected', async () => {
    const path = write(
      'name: Orders\nsubscription: orders-sub\ntable: orders\nkey: order_id\nversoin: updated_at\n',
    )
    const { code, stdout, stderr } = await runInProcess(['check', path])
    assert.equal(code, 4, stderr)
    const lines = stdout.trimEnd().split('\n')
    assert.ok(lines.length >= 2, stdout)
    for (const line of lines) assert.match(line, /^.*orders\.pipeline\.yaml:\d+:\d+: /)
    assert.match(stdout, /:1:1: name: .*\n/)
    assert.match(stderr, /the table and the subscription are checked once the file is right\n\d faults\n$/)
  })

  test('a name that is taken', async () => {
    const { faults } = await found(mapping.replace('name: orders', 'name: scans'))
    assert.deepEqual(faults, ['1:1 name: scans is taken by a built-in pipeline'])
  })

  test('that does not exist, a wrong option, a wrong configuration: exit 2', async () => {
    const path = write(mapping)
    for (const [args, env, said] of [
      [['check', join(folder, 'nothing.yaml')], environment(), /there is no such file/],
      [['check', path, '--fix'], environment(), /unknown option '--fix'/],
      [['check'], environment(), /missing required argument 'file'/],
      [['check', path], {}, /INGESTER_PROJECTID is not set/],
    ] as const) {
      const { code, stderr } = await runInProcess(args, env)
      assert.equal(code, 2, stderr)
      assert.match(stderr, said)
    }
  })

  test('PostgreSQL is away: exit 3', async () => {
    const { code, stdout, stderr } = await runInProcess(
      ['check', write(mapping)],
      environment({ INGESTER_POSTGRES_PORT: '1' }),
    )
    assert.deepEqual([code, stdout], [3, ''])
    assert.match(stderr, /PostgreSQL at 127\.0\.0\.1:1/)
  })
})

describe('the table', () => {
  test('several faults at once, in the order of the file, and none that follows from another', async () => {
    await database.query('ALTER TABLE orders SET UNLOGGED')
    const { faults } = await found(
      `${mapping.replace('key: order_id', 'key: total')}  nothing: a\n  updated_at: { path: u, optional: true }\n`,
    )
    assert.deepEqual(faults, [
      '3:1 table: it is unlogged: a crash empties it, with all that was acked so far',
      '4:1 key: (total) is not unique: nothing can be written',
      '9:3 columns.nothing: the table has no column "nothing"',
      '10:26 columns.updated_at.optional: updated_at is part of the version, and never NULL',
    ])
  })

  test('one mistake is one fault', async () => {
    await database.query(
      'CREATE TABLE tagged (tags text[] PRIMARY KEY, at bigint NOT NULL, size text NOT NULL)',
    )
    const tagged =
      'name: tagged\nsubscription: orders-sub\ntopic: orders\ntable: tagged\nkey: tags\nversion: at\n'
    const { faults } = await found(tagged)
    assert.deepEqual(faults, ['5:1 key: tags is text[], and an array cannot be part of a key'])
    const misspelled = await found(
      mapping
        .replace('columns:', 'others: skip\ncolumns:\n  order_id: id\n  updated_at: at')
        .replace('total:', 'totl:'),
    )
    assert.deepEqual(misspelled.faults, ['10:3 columns.totl: the table has no column "totl"'])
  })

  test('that does not exist: the one that was probably meant', async () => {
    await database.query('CREATE SCHEMA sales; CREATE TABLE sales."Parts" (id integer)')
    const { faults } = await checked(mapping.replace('table: orders', 'table: parts'))
    assert.deepEqual(
      faults.map(({ line, member, fix }) => [line, member, fix]),
      [[3, 'table', 'did you mean sales.Parts?']],
    )
    const { faults: others } = await checked(mapping.replace('table: orders', 'table: nothing'))
    assert.match(others[0]?.what ?? '', /^table nothing does not exist in the database \S+ at \S+:\d+$/)
    assert.match(others[0]?.fix ?? '', /check the name and INGESTER_POSTGRES_DB/)
  })

  test('a column that nothing writes; its place is that of the columns, or its own', async () => {
    const own = '  order_id: order_id\n  updated_at: updated_at\n'
    const skipping = `${mapping.replace('columns:', 'others: skip\ncolumns:')}${own}`
    await database.query('ALTER TABLE orders ADD COLUMN customer text NOT NULL')
    const { faults } = await found(skipping)
    assert.deepEqual(faults, ['7:1 columns.customer: customer is NOT NULL, and nothing writes it'])
    const named = await found(`${skipping}  customer: { skip: true }\n`)
    assert.deepEqual(named.faults, ['12:3 columns.customer: customer is NOT NULL, and nothing writes it'])
  })

  test('a key that is deferrable, or of a type that has several spellings', async () => {
    await database.query(`CREATE TABLE periods (length interval PRIMARY KEY, at bigint NOT NULL);
      CREATE TABLE late (id bigint PRIMARY KEY DEFERRABLE, at bigint NOT NULL)`)
    const of = (table: string, key: string) =>
      found(`name: t\nsubscription: orders-sub\ntopic: orders\ntable: ${table}\nkey: [${key}]\nversion: at\n`)
    assert.deepEqual((await of('late', 'id')).faults, [
      '5:1 key: (id) is unique only at the commit (DEFERRABLE): nothing can be written',
    ])
    assert.deepEqual((await of('periods', 'length')).faults, [
      '5:7 key[0]: length is part of the key, and interval may have several spellings of one value',
    ])
  })

  test('generated and identity columns that are named', async () => {
    await database.query(`ALTER TABLE orders ADD COLUMN cents bigint GENERATED ALWAYS AS (total * 100) STORED,
      ADD COLUMN at integer GENERATED ALWAYS AS IDENTITY`)
    const { faults } = await found(`${mapping}  cents: c\n  at: a\n`)
    assert.deepEqual(faults, [
      '9:3 columns.cents: the database computes cents from other columns',
      '10:3 columns.at: the database numbers at itself (GENERATED ALWAYS AS IDENTITY)',
    ])
    const { columns } = await checked(mapping)
    assert.deepEqual(
      columns.slice(-2).map(({ leftAlone }) => leftAlone),
      ['the database computes it from other columns', 'the database numbers it'],
    )
  })

  test('warnings: a version that may be NULL, a trigger; the fix ends the first', async () => {
    await database.query(`ALTER TABLE orders ALTER COLUMN updated_at DROP NOT NULL;
      CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`)
    const { ok, warnings } = await checked(mapping)
    assert.equal(ok, true)
    assert.deepEqual(
      warnings.map(({ line, member }) => [line, member]),
      [
        [3, 'table'],
        [5, 'version'],
      ],
    )
    assert.match(warnings[0]?.what ?? '', /^triggers or rules: t: rows are looked for after each write/)
    assert.match(warnings[1]?.what ?? '', /NULL there counts as older/)
    await database.query((warnings[1]?.fix ?? '').replace(/^as its owner: /, ''))
    assert.deepEqual((await checked(mapping)).warnings.length, 1)
  })

  test('a warning: a column that messages must have, although it may be NULL', async () => {
    await database.query('ALTER TABLE orders ADD COLUMN added text')
    const { ok, warnings } = await checked(mapping)
    assert.equal(ok, true)
    assert.match(
      warnings.map(({ line, member, what }) => `${line} ${member}: ${what}`).join('\n'),
      /^6 columns: added is not named, and may be NULL: a message without this field is rejected all the same$/,
    )
    assert.deepEqual((await checked(`${mapping}others: skip\n`)).warnings, [])
    assert.deepEqual((await checked(`${mapping}  added: { path: added, optional: true }\n`)).warnings, [])
  })

  test('a partitioned table without a partition: the cache stays off', async () => {
    await database.query(
      `CREATE TABLE parts (id bigint PRIMARY KEY, at bigint NOT NULL) PARTITION BY HASH (id)`,
    )
    const parts = 'name: parts\nsubscription: orders-sub\ntopic: orders\ntable: parts\nkey: id\nversion: at\n'
    const { warnings } = await found(parts)
    assert.deepEqual(warnings, [
      '4:1 table: the cache stays off for this table, which has no files of its own',
    ])
    assert.deepEqual((await found(parts, { INGESTER_REDIS_ENABLED: 'false' })).warnings, [])
  })
})

describe('the role and the engine', () => {
  const as = (role: string) => ({ INGESTER_POSTGRES_USER: role, INGESTER_POSTGRES_PASSWORD: role })
  const deleting = `${mapping}delete: { when: { path: op, equals: D } }\n`

  test('without any right: each grant is printed, and they suffice', async () => {
    await database.query(`DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'clerk'`)
    const { faults } = await checked(deleting, as('clerk'))
    assert.deepEqual(
      faults.map(({ member, what }) => [member, what.replace(/.* (table \S+: .*)/, '$1')]),
      [
        ['', 'table dead_letters: SELECT, INSERT, UPDATE'],
        ['', 'table cache_epochs: SELECT'],
        ['', 'table key_guards: SELECT, INSERT, UPDATE, DELETE'],
        ['table', 'table orders: SELECT, INSERT, UPDATE, DELETE'],
      ],
    )
    for (const { fix } of faults) await database.query((fix ?? '').replace(/^as its owner: /, ''))
    assert.deepEqual((await checked(deleting, as('clerk'))).faults, [])
    await database.query('DROP OWNED BY clerk; DROP ROLE clerk')
  })

  test('a schema that it may not use', async () => {
    await database.query(`DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'clerk';
      CREATE SCHEMA sales; CREATE TABLE sales.orders (order_id bigint PRIMARY KEY)`)
    const { faults } = await checked(mapping.replace('table: orders', 'table: sales.orders'), as('clerk'))
    const fault = faults.find(({ member }) => member === 'table')
    assert.equal(fault?.what, 'clerk may not use the schema sales, in which sales.orders is')
    assert.equal(fault?.fix, "as the schema's owner: GRANT USAGE ON SCHEMA sales TO clerk;")
    await database.query('DROP ROLE clerk')
  })

  test("the engine's own tables are missing: migrate up", async () => {
    await database.query('DROP TABLE dead_letters, cache_epochs, key_guards')
    const { faults } = await checked(deleting)
    assert.deepEqual(
      faults.map(({ member, what }) => `${member}: ${what}`),
      ['dead_letters', 'cache_epochs', 'key_guards'].map(
        (name) => `: table ${name} does not exist, which the engine needs`,
      ),
    )
    for (const { fix } of faults) assert.match(fix ?? '', /bin\/ingester migrate up/)
    await database.query(`DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'clerk'`)
    const ofClerk = (await checked(deleting, as('clerk'))).faults.map(({ fix }) => fix ?? '')
    const owner = "^create it, as the tables' owner, whose variables are in owner.env: "
    for (const [at, rights] of [
      'SELECT, INSERT, UPDATE',
      'SELECT',
      'SELECT, INSERT, UPDATE, DELETE',
    ].entries())
      assert.match(
        ofClerk[at] ?? '',
        new RegExp(
          `${owner}bin/ingester migrate up --env-file owner.env; then: GRANT ${rights} ON \\w+ TO clerk;$`,
        ),
      )
    assert.match(ofClerk[3] ?? '', /^as its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO clerk;$/)
    await database.query('DROP ROLE clerk')
    const [only, ...others] = (await checked(mapping, { INGESTER_REDIS_ENABLED: 'false' })).faults
    assert.match(only?.what ?? '', /dead_letters/)
    assert.deepEqual(others, [], 'without a cache and deletions the others are not needed')
  })

  test('an epoch that cannot be read', async () => {
    await database.query(`DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'clerk';
      GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk;
      REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC`)
    const { faults } = await checked(mapping, as('clerk'))
    assert.deepEqual(
      faults.map(({ what }) => what),
      ['the cache cannot be used: clerk may not call pg_control_system()'],
    )
    await database.query((faults[0]?.fix ?? '').replace(/^.*?: /, ''))
    assert.deepEqual((await checked(mapping, as('clerk'))).faults, [])
    await database.query(
      'GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC; DROP OWNED BY clerk; DROP ROLE clerk',
    )
  })
})

describe('the subscription', () => {
  test('that is missing at an emulator is made by run: a warning', async () => {
    const other = mapping.replace('orders-sub', 'other-sub\ntopic: other')
    const { faults, warnings } = await found(other)
    assert.deepEqual(faults, [])
    for (const { fix } of (await checked(other)).warnings)
      assert.match(fix ?? '', /^it is created by: bin\/ingester run --pipeline \S+\.yaml$/)
    assert.deepEqual(warnings, [
      '2:1 subscription: other-sub does not exist yet; messages that are published before it does are not kept',
      '3:1 topic: other does not exist yet',
    ])
  })

  test('of another topic than the file says: what the file should say', async () => {
    const { warnings } = await checked(mapping.replace('orders-sub', 'orders-sub\ntopic: other'))
    assert.deepEqual(
      warnings.map(({ line, member, fix }) => [line, member, fix]),
      [[3, 'topic', 'write topic: orders']],
    )
  })

  test('that is detached', async () => {
    const name = `projects/${projectId}/subscriptions/detached-sub`
    await clients.subscriber.createSubscription({ name, topic })
    await clients.publisher.detachSubscription({ subscription: name })
    const { faults } = await found(mapping.replace('orders-sub', 'detached-sub'))
    assert.deepEqual(faults, [
      '2:1 subscription: it is detached from its topic and delivers nothing any more; renew it',
    ])
  })

  test('an emulator that is away: a fault, since it could not be looked at', async () => {
    const { faults } = await checked(mapping, { PUBSUB_EMULATOR_HOST: '127.0.0.1:1' })
    assert.match(faults[0]?.what ?? '', /^nothing answers at 127\.0\.0\.1:1/)
    assert.equal(faults[0]?.member, 'subscription')
  })

  test('an emulator that hangs: it is not waited for', async () => {
    const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const env = environment({ PUBSUB_EMULATOR_HOST: `127.0.0.1:${port}` })
    const { code, stdout } = await runAsProgram(['check', write(mapping)], env)
    silent.close()
    assert.equal(code, 4)
    assert.match(stdout, /subscription: (nothing answers at|what listens at) 127\.0\.0\.1:/)
  })

  test('a variable that overrides it', async () => {
    const { warnings } = await found(mapping, { INGESTER_SUBSCRIPTIONID: 'orders-sub' })
    assert.deepEqual(warnings, [
      '2:1 subscription: INGESTER_SUBSCRIPTIONID=orders-sub overrides it where this is the only pipeline',
    ])
  })
})

describe('a module', () => {
  const module = `import { definePipeline } from 'pubsub-postgres-ingester'
export default definePipeline({
  name: 'orders', topic: 'orders', subscription: 'orders-sub',
  table: {
    name: 'orders',
    columns: [
      { name: 'order_id', type: 'bigint', of: (row) => row.id },
      { name: 'total', type: 'numeric', of: (row) => row.total },
      { name: 'color', type: 'text', of: () => null },
      { name: 'updated_at', type: 'timestamptz', of: (row) => row.at },
    ],
    key: ['order_id'], version: ['updated_at'],
  },
  decode: () => [],
})
`

  test('faults without places', async () => {
    const path = write(module, 'orders.js')
    const { code, stdout } = await runInProcess(['check', path], environment())
    assert.equal(code, 4)
    const [first = '', second = '', ...others] = stdout.trimEnd().split('\n')
    assert.match(
      first,
      /orders\.js: table\.columns\.color: the table has no column color; .*ADD COLUMN "color" text/,
    )
    assert.match(
      second,
      /orders\.js: table\.columns\.total: total is numeric\(12,2\), not numeric; as its owner: /,
    )
    assert.deepEqual(others, [])
  })

  test('without a fault', async () => {
    const right = module.replace('numeric', 'numeric(12,2)').replace(/.*color.*\n/, '')
    const { ok, columns, faults } = await checked(right, {}, 'right.js')
    assert.ok(ok, JSON.stringify(faults))
    assert.deepEqual(
      columns.map(({ from, leftAlone }) => from ?? leftAlone),
      ['the module', 'the module', 'not in the definition', 'not in the definition', 'the module'],
    )
  })

  test('that cannot be loaded: exit 2', async () => {
    const { code, stderr } = await runInProcess(['check', write('export default 1', 'one.js')], environment())
    assert.equal(code, 2)
    assert.match(stderr, /one\.js:1: its default export is not a pipeline/)
  })
})
