import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import { parse } from 'yaml'
import type { Config } from '#config/config.ts'
import { explain } from '#connect/explain.ts'
import { ConfigurationError } from '#core/command-error.ts'
import { planColumns } from '#pipeline/mapping/column-plan.ts'
import { parsePath } from '#pipeline/mapping/path.ts'
import { parseMapping } from '#pipeline/mapping/read-mapping.ts'
import { withConnection } from '#postgres/pool.ts'
import { readCatalog } from '#postgres/read-catalog.ts'
import { hostileNames } from '../../test/support/hostile-names.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, startTestServer } from '../../test/support/postgres.ts'
import type { Asker, InitialMapping, InitOptions } from './init.ts'
import { initMapping } from './init.ts'

const server = await startTestServer()

/** Where files are written. */
const folder = mkdtempSync(join(tmpdir(), 'init-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function databaseWith(sql: string): Promise<TestDatabase> {
  const database = await freshDatabase(server, { migrated: false })
  await database.query(`DROP SCHEMA IF EXISTS sales CASCADE; CREATE SCHEMA sales; ${sql}`)
  return database
}

const init = ({ options }: TestDatabase, given: InitOptions, asker?: Asker) =>
  initMapping({ postgres: options as unknown as Config['postgres'] }, { out: '-', ...given }, asker)

/** Every file that is made is right as it is, by the file and by its table. */
async function made(database: TestDatabase, given: InitOptions, asker?: Asker): Promise<InitialMapping> {
  const done = (await init(database, given, asker)) ?? assert.fail('nothing was made')
  const { mapping } = parseMapping(done.text, done.suggestedFile)
  const catalog = await withConnection(database.options, (connection) => readCatalog(connection, given.table))
  assert.deepEqual(planColumns(mapping, catalog ?? assert.fail('no table')).faults, [])
  return done
}

async function refusal(database: TestDatabase, given: InitOptions, asker?: Asker): Promise<string> {
  const error: unknown = await init(database, given, asker).then(
    (done) => assert.fail(`it was made: ${done?.text}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof ConfigurationError, String(error))
  return explain(error)
}

/** What a program reads in it. */
const membersOf = ({ text }: InitialMapping): Record<string, unknown> => parse(text)

test('a table of many sorts of columns', async () => {
  await using database = await databaseWith(`
    CREATE TYPE sales.mood AS ENUM ('sad', 'glad');
    CREATE TABLE sales.orders (
      no bigint GENERATED ALWAYS AS IDENTITY, order_id bigint PRIMARY KEY, customer text NOT NULL, note text,
      total numeric(12,2) NOT NULL DEFAULT 0, source text DEFAULT 'web', body bytea, local timestamp(3) NOT NULL,
      shown timestamp, paid_at timestamptz, mood sales.mood, tags text[], clocks timestamp[],
      double numeric GENERATED ALWAYS AS (total * 2) STORED,
      created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), revision integer)`)
  const done = await made(database, { table: 'sales.orders' })
  assert.equal(done.file, null)
  assert.equal(done.suggestedFile, 'orders.pipeline.yaml')
  assert.match(done.text, /^# yaml-language-server: \$schema=\.\S*pipeline\.schema\.json\n/)
  assert.equal(done.text.replace(/^.*\n/, ''), ordersText)
  assert.deepEqual(membersOf(done), {
    name: 'orders',
    subscription: 'orders-sub',
    topic: 'orders',
    table: 'sales.orders',
    key: 'order_id',
    version: 'updated_at',
    others: 'skip',
    columns: {
      order_id: 'order_id',
      customer: 'customer',
      note: { path: 'note', optional: true },
      total: { skip: true },
      source: { skip: true },
      body: { path: 'body', optional: true },
      local: { path: 'local', timezone: 'UTC' },
      shown: { path: 'shown', timezone: 'UTC', optional: true },
      paid_at: { path: 'paid_at', optional: true },
      mood: { path: 'mood', optional: true },
      tags: { path: 'tags', optional: true },
      clocks: { path: 'clocks', optional: true },
      created_at: { skip: true },
      updated_at: 'updated_at',
      revision: { path: 'revision', optional: true },
    },
  })
})

const ordersText = `
# The label of metrics and logs, and the name of its dead letters: do not change it later.
name: orders

# A guess from the table's name: put your subscription here.
# An id in INGESTER_PROJECTID, or projects/P/subscriptions/S.
subscription: orders-sub
# A guess from the table's name: put your topic here.
# Where the messages are published. With an emulator, topic and subscription are created.
topic: orders

table: sales.orders

# What identifies a row: the primary key.
key: order_id

# Of two messages of a key the one with the greater version stays, in whatever order they arrive. Why
# updated_at: its name says that it changes with the row (timestamptz NOT NULL). Others: revision, created_at.
version: updated_at

# A column that is added to the table later changes nothing until it is named below.
others: skip

# Each column, and the path of its field in the message: customer.id, items[0].sku, '"a.name.with.dots"' with
# both quotes; also $publishTime, $messageId, $attributes.NAME, $data.
columns:
  # no: bigint, left alone: GENERATED ALWAYS AS IDENTITY
  order_id: order_id                                     # bigint NOT NULL
  customer: customer                                     # text NOT NULL
  note: { path: note, optional: true }                   # text
  total: { skip: true }                                  # numeric(12,2) NOT NULL, left to its default; from messages: total: total
  source: { skip: true }                                 # text, left to its default; from messages: source: { path: source, optional: true }
  body: { path: body, optional: true }                   # bytea; base64 in messages, else add encoding: hex (or base64url)
  local: { path: local, timezone: UTC }                  # timestamp(3) NOT NULL; as a clock of this zone shows it
  shown: { path: shown, timezone: UTC, optional: true }  # timestamp; as a clock of this zone shows it
  paid_at: { path: paid_at, optional: true }             # timestamptz; from a number since 1970: { path: paid_at, unit: ms }
  mood: { path: mood, optional: true }                   # sales.mood
  tags: { path: tags, optional: true }                   # text[]
  clocks: { path: clocks, optional: true }               # timestamp[]
  # double: numeric, left alone: generated from other columns
  created_at: { skip: true }                             # timestamptz NOT NULL, left to its default; from messages: created_at: created_at
  updated_at: updated_at                                 # timestamptz NOT NULL; from a number since 1970: { path: updated_at, unit: ms }
  revision: { path: revision, optional: true }           # integer
`

test('hostile names are read as what they are', async () => {
  const columns = hostileNames.map(
    (name, at) => `"${name.replaceAll('"', '""')}" ${at % 2 === 0 ? 'text' : 'timestamp'}`,
  )
  const type = 'no # type\nat all'
  await using database = await databaseWith(`
    CREATE SCHEMA IF NOT EXISTS "o'n: #"; DROP TABLE IF EXISTS "o'n: #"."a.b ""c""";
    CREATE TYPE sales."${type}" AS ENUM ('a');
    CREATE TABLE "o'n: #"."a.b ""c""" (
      ${columns.join(', ')}, "__proto__" bigint, "key: on" sales."${type}", "version # yes" bigint,
      PRIMARY KEY ("key: on", "on"), UNIQUE ("version # yes", "__proto__"))`)
  const table = `"o'n: #"."a.b ""c"""`
  const done = await made(database, { table, version: ['version # yes'] })
  const parsed: Map<string, unknown> = parse(done.text, { mapAsMap: true })
  assert.equal(parsed.get('table'), table)
  assert.deepEqual(parsed.get('key'), ['key: on', 'on'])
  assert.equal(parsed.get('version'), 'version # yes')
  const named = parsed.get('columns') as Map<string, string | Map<string, unknown>>
  assert.deepEqual([...named.keys()].sort(), [...hostileNames, 'key: on', 'version # yes'].sort())
  for (const [name, source] of named) {
    const path = typeof source === 'string' ? source : source.get('path')
    assert.deepEqual(parsePath(String(path)), { path: { from: 'element', segments: [name] } })
  }
  assert.match(done.text, /# __proto__: bigint, left alone: no path can have this name/)
})

describe('the key', () => {
  const cases: readonly [what: string, columns: string, key: readonly string[], reason: RegExp][] = [
    ['the primary one', 'a integer, b integer UNIQUE, PRIMARY KEY (b, a)', ['b', 'a'], /^the primary key$/],
    ['a serial one', 'id serial PRIMARY KEY', ['id'], /^the primary key$/],
    [
      'an identity by default',
      'id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY',
      ['id'],
      /^the primary key$/,
    ],
    [
      'the smallest unique index',
      'a integer, b integer, c integer, UNIQUE (a, b), UNIQUE (c)',
      ['c'],
      /^the smallest unique index, since the table has no primary key$/,
    ],
    [
      'a unique index, where the primary key is generated',
      'id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, c text UNIQUE',
      ['c'],
      /the primary key \(id\) cannot be used: id is generated by the database/,
    ],
    [
      'a unique index, where a type has several spellings of a value',
      'id interval PRIMARY KEY, c uuid, d jsonb UNIQUE, UNIQUE (c)',
      ['c'],
      /\(id\) cannot be used: id is part of the key, and interval may have several spellings/,
    ],
    [
      'an enum, and a domain over texts',
      'a sales.mood, b sales.word, PRIMARY KEY (a, b)',
      ['a', 'b'],
      /^the primary key$/,
    ],
    [
      'of a collation that tells all texts apart',
      'a text COLLATE sales.caseless PRIMARY KEY, b text UNIQUE',
      ['b'],
      /nondeterministic collation/,
    ],
  ]
  const types = `CREATE TYPE sales.mood AS ENUM ('a'); CREATE DOMAIN sales.word AS text;
    CREATE COLLATION sales.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);`
  for (const [what, columns, key, reason] of cases) {
    test(what, async () => {
      await using database = await databaseWith(`${types} CREATE TABLE t (${columns}, version bigint)`)
      const done = await made(database, { table: 't' })
      assert.deepEqual(done.key, key)
      assert.match(done.reasons.key ?? '', reason)
      const { key: written } = membersOf(done)
      assert.deepEqual(written, key.length === 1 ? key[0] : key)
      assert.ok(done.text.replaceAll('\n# ', ' ').includes(`What identifies a row: ${done.reasons.key}.`))
    })
  }

  test('as given, in that order; the others are told of', async () => {
    await using database = await databaseWith(
      'CREATE TABLE t (id integer PRIMARY KEY, a integer, b integer, version bigint, UNIQUE (a, b))',
    )
    const done = await made(database, { table: 't', key: ['b', 'a'] })
    assert.deepEqual(membersOf(done)['key'], ['b', 'a'])
    assert.match(done.text, /Others: \(id\)\./)
    assert.match(
      await refusal(database, { table: 't', key: ['b'] }),
      /^--key: t has no unique index on \(b\); add it: ALTER TABLE t ADD UNIQUE \(b\);$/,
    )
    assert.match(
      await refusal(database, { table: 't', key: ['x'] }),
      /^--key: t has no column x; it has id, a, b, version$/,
    )
  })

  const missing: readonly [columns: string, fault: RegExp][] = [
    [
      'no integer, "Order Id" uuid, version bigint',
      /^sales.orders has no unique index; --mode append \(a row for each record\) needs none; add one, for example: (ALTER TABLE sales.orders ADD UNIQUE \("Order Id"\);)$/,
    ],
    ['at timestamptz, order_id integer', /(ALTER TABLE sales.orders ADD UNIQUE \(order_id\);)$/],
    ['a jsonb, b text, c text NOT NULL', /(ALTER TABLE sales.orders ADD UNIQUE \(c\);)$/],
    [
      'a jsonb PRIMARY KEY, b text',
      /^sales.orders has no unique index that messages could name rows by; \(a\): a is part of the key, and jsonb .*: (ALTER TABLE sales.orders ADD UNIQUE \(b\);)$/,
    ],
    ['a jsonb', /; add a column that identifies a row, and a primary key on it$/],
  ]
  for (const [columns, fault] of missing) {
    test(`none: ${columns}`, async () => {
      await using database = await databaseWith(`CREATE TABLE sales.orders (${columns})`)
      const said = await refusal(database, { table: 'sales.orders' })
      assert.match(said, fault)
      const [, statement] = fault.exec(said) ?? []
      if (statement !== undefined) await database.query(statement)
    })
  }
})

describe('the version', () => {
  const cases: readonly [columns: string, version: string, others?: string][] = [
    ['created_at timestamptz NOT NULL, updated_at timestamptz', 'updated_at', 'created_at'],
    ['updated_at timestamptz, revision integer NOT NULL', 'revision', 'updated_at'],
    ['revision integer NOT NULL, changed timestamptz NOT NULL', 'changed', 'revision'],
    ['created_at timestamptz NOT NULL DEFAULT now(), count bigint', 'created_at'],
    ['version text, updated timestamp, ts bigint, seq smallint[]', 'ts'],
    ['"updatedAt" timestamptz(3), updated_by bigint', 'updatedAt'],
    ['last_seen timestamptz', 'last_seen'],
  ]
  for (const [columns, version, others] of cases) {
    test(`${version} of: ${columns}`, async () => {
      await using database = await databaseWith(`CREATE TABLE t (id integer PRIMARY KEY, ${columns})`)
      const done = await made(database, { table: 't' })
      assert.deepEqual(done.version, [version])
      assert.equal(membersOf(done)['version'], version)
      const text = done.text.replaceAll('\n# ', ' ')
      assert.ok(
        text.includes(`Why ${version}: ${done.reasons.version}.${others ? ` Others: ${others}.` : ''}\n`),
        text,
      )
    })
  }

  test('none by its name: the candidates by type, or a statement that makes one', async () => {
    await using database = await databaseWith(`
      CREATE TABLE t (id integer PRIMARY KEY, price bigint, "at all" timestamptz(3), name text, updated_at timestamp);
      CREATE TABLE u (id integer PRIMARY KEY, updated_at timestamp)`)
    assert.equal(
      await refusal(database, { table: 't' }),
      "t has no column whose name says that it tells newer rows from older ones; updated_at is timestamp: ALTER TABLE t ALTER COLUMN updated_at TYPE timestamptz USING updated_at AT TIME ZONE 'UTC'; name one with --version: price (bigint), at all (timestamptz(3)); where each record becomes a row, --mode append; where records are added up, --mode sum",
    )
    const asker: Asker = {
      subscription: async (guess) => `${guess}-x`,
      topic: async () => 'projects/p/topics/its-topic',
      version: async (candidates) => candidates[1]?.name,
    }
    const done = await made(database, { table: 't' }, asker)
    assert.deepEqual(done.version, ['at all'])
    assert.equal(membersOf(done)['subscription'], 't-sub-x')
    assert.doesNotMatch(done.text, /A guess/)
    // Nothing to choose from.
    assert.match(
      await refusal(database, { table: 'u' }, asker),
      /; add one, for example: ALTER TABLE u ADD COLUMN/,
    )
    for (const member of ['subscription', 'topic', 'version'])
      assert.equal(
        await init(database, { table: 't' }, { ...asker, [member]: async () => undefined }),
        undefined,
      )
  })

  test('as given: several, of which the last may be a text', async () => {
    await using database = await databaseWith(
      'CREATE TABLE t (id integer PRIMARY KEY, a bigint, b text, c numeric, d bigint GENERATED ALWAYS AS (a + 1) STORED)',
    )
    assert.deepEqual(membersOf(await made(database, { table: 't', version: ['a', 'b'] }))['version'], [
      'a',
      'b',
    ])
    const refused: Readonly<Record<string, RegExp>> = {
      'b,a':
        /^--version: b is text, and must be a timestamptz, bigint, integer or smallint; name one with --version: a \(bigint\)$/,
      b: /b is text/,
      c: /c is numeric/,
      d: /d is generated/,
      id: /id is part of the key/,
      e: /t has no column e/,
    }
    for (const [version, fault] of Object.entries(refused))
      assert.match(await refusal(database, { table: 't', version: version.split(',') }), fault)
  })
})

describe('a mode', () => {
  test('append: no key, no version, and all columns that the database does not fill', async () => {
    await using database = await databaseWith(
      'CREATE TABLE log (no bigint GENERATED ALWAYS AS IDENTITY, who text NOT NULL, note text, tags text[], at timestamptz NOT NULL DEFAULT now())',
    )
    const done = await made(database, { table: 'log', mode: 'append' })
    assert.deepEqual([done.mode, done.key, done.version], ['append', [], []])
    assert.deepEqual(done.reasons, { key: null, version: null })
    assert.deepEqual(membersOf(done), {
      name: 'log',
      subscription: 'log-sub',
      topic: 'log',
      table: 'log',
      mode: 'append',
      others: 'skip',
      columns: {
        who: 'who',
        note: { path: 'note', optional: true },
        tags: { path: 'tags', optional: true },
        at: { skip: true },
      },
    })
    const said = (mode: InitOptions['mode'], more: Partial<InitOptions>) =>
      refusal(database, { table: 'log', mode, ...more })
    assert.equal(
      await said('append', { key: ['who'] }),
      '--key means nothing with --mode append; leave one of them out',
    )
    assert.equal(
      await said('append', { version: ['at'] }),
      '--version means nothing with --mode append; leave one of them out',
    )
    assert.equal(
      await said('sum', { version: ['at'] }),
      '--version means nothing with --mode sum; leave one of them out',
    )
    assert.match(
      await refusal(database, { table: 'log' }),
      /; --mode append \(a row for each record\) needs none; add one, for example: ALTER TABLE log/,
    )
  })

  test('sum: a key, and what can be added up, also where it has a default', async () => {
    await using database = await databaseWith(
      `CREATE TABLE views (page text, day date, views bigint NOT NULL DEFAULT 0, bytes numeric, seconds integer NOT NULL,
         note text, source text NOT NULL, share real, created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (page, day));
       CREATE TABLE words (word text PRIMARY KEY, length real)`,
    )
    const done = await made(database, { table: 'views', mode: 'sum' })
    assert.deepEqual([done.mode, done.key, done.version], ['sum', ['page', 'day'], []])
    const { mode, key, version, others, columns } = membersOf(done)
    assert.deepEqual([mode, key, version, others], ['sum', ['page', 'day'], undefined, 'skip'])
    assert.deepEqual(columns, {
      page: 'page',
      day: 'day',
      views: 'views',
      bytes: { path: 'bytes', default: 0 },
      seconds: 'seconds',
    })
    assert.match(done.text, /# note: text, left alone: it cannot be added up$/m)
    assert.match(
      done.text,
      /# source: text, left alone: it cannot be added up: give it a default, or make it part/,
    )
    const refused = await refusal(database, { table: 'words', mode: 'sum' })
    assert.match(
      refused,
      /^words has no column beside its key that can be added up: a smallint, .*; add one, /,
    )
    const [statement = ''] = /ALTER TABLE .*;/.exec(refused) ?? []
    await database.query(statement)
    assert.deepEqual(
      Object.keys(membersOf(await made(database, { table: 'words', mode: 'sum' }))['columns'] as object),
      ['word', 'total'],
    )
  })
})

test('tables that are none, or under another name', async () => {
  await using database = await databaseWith(
    'CREATE TABLE sales.orders (id integer PRIMARY KEY); CREATE VIEW v AS SELECT 1',
  )
  assert.match(
    await refusal(database, { table: 'orders' }),
    /^table orders does not exist in the database \S+ at \S+; did you mean sales\.orders\?$/,
  )
  assert.match(
    await refusal(database, { table: 'nothing' }),
    /; create it first, or check --table and INGESTER_POSTGRES_DB$/,
  )
  assert.match(await refusal(database, { table: 'v' }), /^v is a view, and rows are written to tables only$/)
  assert.match(await refusal(database, { table: 'a.b.c' }), /^--table must be a name/)
  assert.match(
    await refusal(database, { table: 't', subscription: 'a b' }),
    /^--subscription must be an id .*, not "a b"$/,
  )
  assert.match(
    await refusal(database, { table: 't', topic: 'projects/p/subscriptions/s' }),
    /^--topic must be/,
  )
})

test('a table in a schema that the role may not use: the grant, which suffices', async () => {
  await using database =
    await databaseWith(`DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN PASSWORD 'clerk';
    CREATE SCHEMA IF NOT EXISTS "Sales"; CREATE TABLE "Sales"."Order" (id integer PRIMARY KEY, at timestamptz)`)
  const { options } = database
  const clerk = { ...database, options: { ...options, user: 'clerk', password: 'clerk' } }
  const said = await refusal(clerk, { table: 'Sales.Order' })
  const grant = 'GRANT USAGE ON SCHEMA "Sales" TO clerk;'
  assert.equal(
    said,
    `clerk may not use the schema "Sales", in which Sales.Order is; as the schema's owner: ${grant}`,
  )
  await database.query(grant)
  assert.deepEqual((await made(clerk, { table: 'Sales.Order' })).key, ['id'])
  await database.query('DROP OWNED BY clerk; DROP ROLE clerk; DROP SCHEMA "Sales" CASCADE')
})

test('a partitioned table', async () => {
  await using database = await databaseWith(
    'CREATE TABLE t (id bigint, at timestamptz, PRIMARY KEY (id, at), seq bigint) PARTITION BY RANGE (at)',
  )
  const { key, version } = await made(database, { table: 't' })
  assert.deepEqual([key, version], [['id', 'at'], ['seq']])
})

test('a file that exists is left as it is, unless it is to be overwritten', async () => {
  await using database = await databaseWith('CREATE TABLE t (id integer PRIMARY KEY, version bigint)')
  const out = join(folder, 't.pipeline.yaml')
  const done = await made(database, { table: 't', out, subscription: 'mine', topic: 'its' })
  assert.equal(done.file, out)
  assert.equal(readFileSync(out, 'utf8'), done.text)
  assert.deepEqual([membersOf(done)['subscription'], membersOf(done)['topic']], ['mine', 'its'])
  writeFileSync(out, 'edited')
  assert.match(
    await refusal(database, { table: 't', out }),
    /t\.pipeline\.yaml exists already; overwrite it with --force/,
  )
  assert.equal(readFileSync(out, 'utf8'), 'edited')
  await made(database, { table: 't', out, force: true })
  assert.match(readFileSync(out, 'utf8'), /^table: t$/m)
  const nowhere = join(folder, 'nowhere', 't.yaml')
  assert.match(
    await refusal(database, { table: 't', out: nowhere }),
    /t\.yaml cannot be written: .*; name another file with --out/,
  )
  assert.ok(!existsSync(nowhere))
})
