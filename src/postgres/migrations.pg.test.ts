import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { ConfigurationError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, migrationsDir, startTestServer } from '../../test/support/postgres.ts'
import { migrate, migrationStatus } from './migrations.ts'

// Independent of the local time zone.
const server = await startTestServer({ timezone: 'Asia/Kathmandu' })
const names = [
  '000001_create_scan_results_table',
  '000002_create_dead_letters_table',
  '000003_create_cache_epochs_table',
  '000004_create_key_guards_table',
  '000005_create_applied_tables',
  '000006_create_increments_table',
]
/** The tables after this many of them. */
const tablesAfter = [
  [],
  ['scan_results'],
  ['dead_letters', 'scan_results'],
  ['cache_epochs', 'dead_letters', 'scan_results'],
  ['cache_epochs', 'dead_letters', 'key_guards', 'scan_results'],
  ['applied_messages', 'applied_requests', 'cache_epochs', 'dead_letters', 'key_guards', 'scan_results'],
  [
    'applied_messages',
    'applied_requests',
    'cache_epochs',
    'dead_letters',
    'increments',
    'key_guards',
    'scan_results',
  ],
]

async function tables({ query }: TestDatabase): Promise<string[]> {
  const rows = await query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'pgmigrations' ORDER BY 1`,
  )
  return rows.map(({ name }) => name)
}

async function applied({ options }: TestDatabase): Promise<Record<string, boolean>> {
  const status = await migrationStatus(options, migrationsDir)
  return Object.fromEntries(status.map(({ name, appliedAt }) => [name, appliedAt !== undefined]))
}

/** For each migration, whether it is among the first `count`. */
const firstOnes = (count: number) => Object.fromEntries(names.map((name, i) => [name, i < count]))

test('takes as long as it takes: the statement timeout does not apply', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  assert.deepEqual(await migrate({ ...database.options, statementTimeoutMs: 1 }, migrationsDir, 'up'), names)
})

test('up, status, down, up', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const { options } = database
  assert.deepEqual(await applied(database), firstOnes(0))
  assert.deepEqual(await migrate(options, migrationsDir, 'up'), names)
  assert.deepEqual(await tables(database), tablesAfter[names.length])
  assert.deepEqual(await applied(database), firstOnes(names.length))
  assert.deepEqual(await migrate(options, migrationsDir, 'up'), [])
  for (let left = names.length - 1; left >= 0; left--) {
    assert.deepEqual(await migrate(options, migrationsDir, 'down'), [names[left]])
    assert.deepEqual(await applied(database), firstOnes(left))
    assert.deepEqual(await tables(database), tablesAfter[left])
  }
  assert.deepEqual(await migrate(options, migrationsDir, 'up'), names)
  assert.deepEqual(await tables(database), tablesAfter[names.length])
})

test('the time of a migration is right in every time zone of the server', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const before = Date.now()
  await migrate(database.options, migrationsDir, 'up')
  const after = Date.now()
  for (const { name, appliedAt } of await migrationStatus(database.options, migrationsDir)) {
    const at = appliedAt?.getTime() ?? 0
    // The column keeps microseconds, a Date only milliseconds.
    assert.ok(before - 1 <= at && at <= after + 1, `${name} at ${at}, not from ${before} to ${after}`)
  }
})

test('several at once: one applies them, all succeed', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const done = await Promise.all(
    Array.from({ length: 4 }, () => migrate(database.options, migrationsDir, 'up')),
  )
  assert.deepEqual(done.flat().sort(), names)
  assert.deepEqual(await tables(database), tablesAfter[names.length])
})

const columns = ({ query }: TestDatabase, table: string) =>
  query<{ column: string }>(
    `SELECT format('%s %s%s', attname, format_type(atttypid, atttypmod),
                   CASE WHEN attnotnull THEN '' ELSE ' null' END) AS column
     FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
    [table],
  ).then((rows) => rows.map(({ column }) => column))

const indexes = ({ query }: TestDatabase, table: string) =>
  query<{ index: string }>(
    `SELECT pg_get_constraintdef(c.oid) AS index FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
     WHERE i.indrelid = $1::regclass ORDER BY 1`,
    [table],
  ).then((rows) => rows.map(({ index }) => index))

test('scan_results: the natural key is the only index, and pages keep room for updates', async () => {
  await using database = await freshDatabase(server)
  assert.deepEqual(await columns(database, 'scan_results'), [
    'ip inet',
    'port integer',
    'service text',
    'response text',
    'last_seen timestamp with time zone',
  ])
  assert.deepEqual(await indexes(database, 'scan_results'), ['PRIMARY KEY (ip, port, service)'])
  const [options] = await database.query(
    `SELECT reloptions AS options, relpersistence AS persistence FROM pg_class WHERE relname = 'scan_results'`,
  )
  assert.deepEqual(options, { options: ['fillfactor=70'], persistence: 'p' })
})

test('dead_letters: a message is one row', async () => {
  await using database = await freshDatabase(server)
  assert.deepEqual(await columns(database, 'dead_letters'), [
    'id bigint',
    'pipeline text',
    'subscription text',
    'message_id text',
    'publish_time timestamp with time zone',
    'ordering_key text',
    'attributes jsonb',
    'data bytea',
    'reason text',
    'detail text',
    'delivery_attempt integer',
    'first_seen_at timestamp with time zone',
    'last_seen_at timestamp with time zone',
    'times_seen integer',
    'status text',
  ])
  assert.deepEqual(await indexes(database, 'dead_letters'), [
    'PRIMARY KEY (id)',
    'UNIQUE (subscription, message_id, publish_time)',
  ])
})

test('cache_epochs: a pipeline is one row, and the database generates its epoch, a different one each time', async () => {
  await using database = await freshDatabase(server)
  assert.deepEqual(await columns(database, 'cache_epochs'), [
    'pipeline text',
    'epoch uuid',
    'bumped_at timestamp with time zone',
  ])
  assert.deepEqual(await indexes(database, 'cache_epochs'), ['PRIMARY KEY (pipeline)'])
  const made = await database.query<{ epoch: string }>(
    `INSERT INTO cache_epochs (pipeline) VALUES ('a'), ('b') RETURNING epoch`,
  )
  assert.equal(new Set(made.map(({ epoch }) => epoch)).size, 2)
})

test('no server, or a wrong password: it rejects', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const { options } = database
  await assert.rejects(migrate({ ...options, password: 'wrong' }, migrationsDir, 'up'), { code: '28P01' })
  await assert.rejects(migrationStatus({ ...options, port: 1 }, migrationsDir), { code: 'ECONNREFUSED' })
})

describe('a role that may not migrate is told so, and which role may', () => {
  const asRole = async (database: TestDatabase, user: string, grants = '') => {
    await database.query(
      `DROP ROLE IF EXISTS ${user}; CREATE ROLE ${user} LOGIN PASSWORD '${server.password}'; ${grants}`,
    )
    return { ...database.options, user }
  }
  const refusedBecause = (work: Promise<unknown>, message: RegExp) =>
    assert.rejects(work, (error) => {
      assert.ok(error instanceof ConfigurationError, String(error))
      assert.match(explain(error), message)
      assert.doesNotMatch(explain(error), /\n|INGESTER_POSTGRES_HOST/)
      return true
    })

  test('a role that may not create tables, before and after tables exist', async () => {
    await using database = await freshDatabase(server, { migrated: false })
    const service = await asRole(database, 'serves')
    const told = /^role serves lacks CREATE on schema public; run it as the tables' owner, .*owner\.env$/
    await refusedBecause(migrate(service, migrationsDir, 'up'), told)
    await migrate(database.options, migrationsDir, 'up')
    for (const direction of ['up', 'down'] as const)
      await refusedBecause(migrate(service, migrationsDir, direction), told)
    await database.query('GRANT CREATE ON SCHEMA public TO serves')
    await refusedBecause(migrate(service, migrationsDir, 'up'), told)
    await refusedBecause(
      migrationStatus(service, migrationsDir),
      /permission denied for table pgmigrations; run it as the tables' owner/,
    )
    await database.query('DROP OWNED BY serves; DROP ROLE serves')
  })

  test('a role that may create, but does not own what a migration changes', async () => {
    await using database = await freshDatabase(server)
    const grants = 'GRANT CREATE ON SCHEMA public TO makes; GRANT ALL ON pgmigrations TO makes'
    const role = await asRole(database, 'makes', grants)
    await refusedBecause(
      migrate(role, migrationsDir, 'down'),
      /^must be owner of .*; run it as the tables' owner/,
    )
    await database.query('DROP OWNED BY makes; DROP ROLE makes')
  })

  test('a failed migration is not reported as an unreachable server', async () => {
    await using database = await freshDatabase(server, { migrated: false })
    await database.query('CREATE TABLE cache_epochs ()')
    const failed =
      /^migrate up: db\/migrations\/000003_create_cache_epochs_table\.sql: relation "cache_epochs" already exists$/
    await refusedBecause(migrate(database.options, migrationsDir, 'up'), failed)
  })

  test('a failed migration: its file, and the line', async () => {
    await using database = await freshDatabase(server, { migrated: false })
    const dir = await mkdtemp(join(tmpdir(), 'failing-'))
    const path = join(dir, '000001_orders.sql')
    const texts = [
      'CREATE TABLE orders (id bigint PRIMARY KEY);',
      '-- Größe und 😀, before what is wrong',
      'ALTER TABLE orders ADD COLUMN nmae txet;',
    ]
    await writeFile(
      path,
      ['', '-- Up Migration', ...texts, '-- Down Migration', 'DROP TABBLE orders;'].join('\n'),
    )
    const failing = (direction: 'up' | 'down') => migrate(database.options, dir, direction, undefined, 'mine')
    await refusedBecause(
      failing('up'),
      /^migrate up: \/.*\/000001_orders\.sql:5: type "txet" does not exist$/,
    )
    await writeFile(path, (await readFile(path, 'utf8')).replace('txet', 'text'))
    assert.deepEqual(await failing('up'), ['000001_orders'])
    await refusedBecause(
      failing('down'),
      /^migrate down: .*\/000001_orders\.sql:7: syntax error at or near "TABBLE"$/,
    )
    await rm(dir, { recursive: true })
  })
})
