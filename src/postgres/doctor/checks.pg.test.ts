import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, test } from 'vitest'
import pg from 'pg'
import type { Finding } from '#core/finding.ts'
import { scans } from '#pipeline/scans.ts'
import { startPostgres } from '#stack/postgres.ts'
import { pasteSql, printed } from '../../../test/support/paste.ts'
import type { TestDatabase } from '../../../test/support/postgres.ts'
import {
  freshDatabase,
  migrationsDir,
  startTestServer,
  until,
  untilBlocked,
} from '../../../test/support/postgres.ts'
import {
  createLog,
  createSums,
  incrementLog,
  incrementSums,
} from '../../../test/support/increment-pipelines.ts'
import { wordPipeline } from '../../../test/support/word-pipeline.ts'
import { TcpProxy } from '../../../test/support/tcp-proxy.ts'
import type { PostgresCheckOptions } from './checks.ts'
import { checkPostgres } from './checks.ts'
import { migrate, migrationsTableOf } from '../migrations.ts'
import type { PostgresOptions } from '../pool.ts'
import { connectionOptions, withConnection } from '../pool.ts'
import { versionFinding } from './server-findings.ts'
import type { ServerFacts } from './server-facts.ts'
import { atEnd } from '../../../test/support/at-end.ts'

// With nothing on its command line, where ALTER SYSTEM has no effect.
const server = await startPostgres({ port: 0, superuser: true })
afterAll(() => server.stop())

interface Changes extends Partial<Omit<PostgresCheckOptions, 'postgres'>> {
  readonly postgres?: Partial<PostgresOptions>
}

const check = (database: TestDatabase, { postgres, ...changes }: Changes = {}) =>
  checkPostgres({
    postgres: { ...database.options, ...postgres },
    poolSize: 4,
    workers: 2,
    table: scans.sink,
    pipeline: 'scans',
    migrationsDir,
    withCache: true,
    identityHorizonMs: 8 * 86_400_000,
    ...changes,
  })

/** Reverts this migration and all after it. */
async function revert(database: TestDatabase, name: string): Promise<void> {
  const down = () => migrate(database.options, migrationsDir, 'down')
  for (let [last] = await down(); last !== name; [last] = await down())
    assert.ok(last, `no migration ${name}`)
}

async function finding(database: TestDatabase, name: string, changes: Changes = {}): Promise<Finding> {
  const findings = await check(database, changes)
  const found = findings.find((one) => one.name === name)
  assert.ok(found, `no ${name} among ${findings.map((one) => one.name).join(', ')}`)
  return found
}

/** It is found, and green again after its fix was pasted as it is printed. */
async function fixed(
  database: TestDatabase,
  name: string,
  status: Finding['status'],
  detail: RegExp,
  changes: Changes = {},
): Promise<string> {
  const found = await finding(database, name, changes)
  assert.equal(found.status, status, found.detail)
  assert.match(found.detail, detail)
  const text = printed(found)
  await pasteSql(text, database.query)
  const then = await finding(database, name, changes)
  assert.equal(then.status, 'ok', `after ${text}: ${then.detail}`)
  return text
}

test('a migrated database: only the role is mentioned, and nothing is skipped', async () => {
  await using database = await freshDatabase(server)
  const findings = await check(database)
  const notable = findings.filter(({ status }) => status !== 'ok')
  assert.deepEqual(
    notable.map(({ name, status }) => [name, status]),
    [['postgres role', 'warning']],
  )
  assert.ok(findings.length > 20)
})

describe('records that count once', () => {
  const horizonMs = 8 * 86_400_000
  const changes = { table: incrementSums.sink, pipeline: 'sums', identityHorizonMs: horizonMs }
  const open = async () => {
    const database = await freshDatabase(server)
    await database.query(createSums)
    return database
  }

  test('all is there, and nothing is said of a cache', async () => {
    await using database = await open()
    const findings = await check(database, changes)
    const notable = findings.filter(({ status }) => status !== 'ok')
    assert.deepEqual(
      notable.map(({ name, status }) => [name, status]),
      [
        ['postgres role', 'warning'],
        ['fillfactor of sums', 'warning'],
        ['days of applied_messages', 'warning'],
      ],
    )
    const role = findings.find(({ name }) => name === 'postgres role')
    assert.match(
      printed(role as Finding),
      /GRANT EXECUTE ON FUNCTION keep_applied_days\(interval\) TO ingester;/,
    )
    assert.ok(!findings.some(({ name }) => /epoch/.test(name)), 'there is no cache')
    for (const name of ['table applied_messages', 'rights on applied_requests', 'function keep_applied_days'])
      assert.ok(
        findings.some((one) => one.name === name),
        name,
      )
  })

  test('days that are not made: the statement makes them, before the first start and later', async () => {
    await using database = await open()
    const name = 'days of applied_messages'
    await fixed(database, name, 'warning', /none is made yet/, changes)
    const day = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')
    const after = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')
    await database.query(`DROP TABLE applied_messages_${day}, applied_messages_${after}`)
    await fixed(database, name, 'warning', /today and tomorrow are not all made/, changes)
  })

  test.for([
    ['REVOKE EXECUTE ON FUNCTION keep_applied_days(interval) FROM CURRENT_USER', /may not call it/],
    ['ALTER FUNCTION keep_applied_days(interval) SECURITY INVOKER', /rights of its caller/],
    ['DROP FUNCTION keep_applied_days(interval)', /dropped by hand/],
  ] as const)('%s: found, and green after the fix', async ([broken, detail]) => {
    await using database = await open()
    // A superuser may call every function.
    await database.query(`DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN CREATEROLE PASSWORD '${server.password}';
      GRANT CREATE, USAGE ON SCHEMA public TO keeper; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO keeper;
      GRANT EXECUTE ON FUNCTION keep_applied_days(interval) TO keeper; ${broken.replace('CURRENT_USER', 'keeper')}`)
    const as = { ...changes, postgres: { user: 'keeper' } }
    const isDropped = broken.startsWith('DROP')
    await fixed(database, 'function keep_applied_days', 'failed', detail, isDropped ? changes : as)
    await database.query(`SELECT keep_applied_days('8 days')`)
    await database.query('DROP OWNED BY keeper; DROP ROLE keeper')
  })

  test.for([
    ['a trigger', 'triggers on applied_messages', /no trigger dropper/],
    ['no partitions', 'table applied_messages', /not partitioned/],
  ] as const)('%s: found', async ([what, name, detail]) => {
    await using database = await open()
    await database.query(
      what === 'a trigger'
        ? `CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
           CREATE TRIGGER dropper BEFORE INSERT ON applied_messages FOR EACH ROW EXECUTE FUNCTION drop_it()`
        : `CREATE TABLE plain (LIKE applied_messages INCLUDING ALL); DROP TABLE applied_messages;
           ALTER TABLE plain RENAME TO applied_messages`,
    )
    const found = await finding(database, name, changes)
    assert.equal(found.status, 'failed')
    assert.match(found.detail, detail)
    await pasteSql(printed(found), database.query)
    if (what !== 'a trigger') await fixed(database, name, 'failed', /dropped by hand/, changes)
    assert.equal((await finding(database, name, changes)).status, 'ok')
  })

  test('without the table the rest is skipped, and a pending migration makes all of it', async () => {
    await using database = await open()
    await revert(database, '000005_create_applied_tables')
    const statusOf = async (name: string) => (await finding(database, name, changes)).status
    assert.equal(await statusOf('function keep_applied_days'), 'skipped')
    assert.equal(await statusOf('table applied_messages'), 'failed')
    await migrate(database.options, migrationsDir, 'up')
    assert.equal(await statusOf('function keep_applied_days'), 'ok')
  })

  test('of rows that are appended neither a key nor room beside them is asked for', async () => {
    await using database = await freshDatabase(server)
    await database.query(createLog)
    const log = { ...changes, table: incrementLog.sink, pipeline: 'log' }
    for (const name of ['key of log', 'indexes of log', 'fillfactor of log'])
      assert.equal((await finding(database, name, log)).status, 'ok', name)
  })
})

describe('tables: found, and green after the fix', () => {
  const cases: readonly [what: string, broken: string, name: string, Finding['status'], detail: RegExp][] = [
    ['dropped by hand', 'DROP TABLE scan_results', 'table scan_results', 'failed', /dropped by hand/],
    ['dead letters dropped by hand', 'DROP TABLE dead_letters', 'table dead_letters', 'failed', /by hand/],
    ['epochs dropped by hand', 'DROP TABLE cache_epochs', 'table cache_epochs', 'failed', /by hand/],
    [
      'unlogged',
      'ALTER TABLE scan_results SET UNLOGGED',
      'table scan_results',
      'failed',
      /a crash empties it/,
    ],
    [
      'a column is missing',
      'ALTER TABLE scan_results DROP COLUMN response',
      'columns of scan_results',
      'failed',
      /response text is missing/,
    ],
    [
      'a time without zone',
      'ALTER TABLE scan_results ALTER COLUMN last_seen TYPE timestamp',
      'columns of scan_results',
      'failed',
      /last_seen is timestamp without time zone, not timestamptz/,
    ],
    [
      'a time in seconds',
      'ALTER TABLE scan_results ALTER COLUMN last_seen TYPE bigint USING extract(epoch FROM last_seen)',
      'columns of scan_results',
      'failed',
      /last_seen is bigint/,
    ],
    [
      'a text with a limit',
      'ALTER TABLE scan_results ALTER COLUMN service TYPE varchar(10)',
      'columns of scan_results',
      'failed',
      /service is character varying\(10\), not text/,
    ],
    [
      'a column that nothing writes',
      'ALTER TABLE scan_results ADD COLUMN "who Else" text NOT NULL',
      'columns of scan_results',
      'failed',
      /who Else is NOT NULL/,
    ],
    [
      'a dead letter has no reason',
      'ALTER TABLE dead_letters DROP COLUMN reason',
      'columns of dead_letters',
      'failed',
      /reason text is missing/,
    ],
    [
      'no primary key',
      'ALTER TABLE scan_results DROP CONSTRAINT scan_results_pkey',
      'key of scan_results',
      'failed',
      /\(ip, port, service\) is not unique/,
    ],
    [
      'another primary key',
      `ALTER TABLE scan_results DROP CONSTRAINT scan_results_pkey;
       ALTER TABLE scan_results ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY`,
      'key of scan_results',
      'failed',
      /nothing can be written/,
    ],
    [
      'no identity of dead letters',
      'ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_subscription_message_id_publish_time_key',
      'key of dead_letters',
      'failed',
      /\(subscription, message_id, publish_time\) is not unique/,
    ],
    [
      'indexes on what changes: plain, of an expression, of a constraint',
      `CREATE INDEX "by Time" ON scan_results (last_seen);
       CREATE INDEX by_start ON scan_results (left(response, 9));
       ALTER TABLE scan_results ADD CONSTRAINT "one Each" UNIQUE (ip, last_seen)`,
      'indexes of scan_results',
      'warning',
      /"by Time" \(last_seen\), "one Each" \(ip, last_seen\), by_start \(response\)/,
    ],
    [
      'no room in the pages',
      'ALTER TABLE scan_results RESET (fillfactor)',
      'fillfactor of scan_results',
      'warning',
      /100 leaves no room/,
    ],
  ]
  for (const [what, broken, name, status, detail] of cases) {
    test(what, async () => {
      await using database = await freshDatabase(server)
      await database.query(broken)
      await fixed(database, name, status, detail)
    })
  }

  test('an index on columns of the key is no problem', async () => {
    await using database = await freshDatabase(server)
    await database.query('CREATE INDEX ON scan_results (service)')
    assert.equal((await finding(database, 'indexes of scan_results')).status, 'ok')
  })

  test('a view in its place is moved away, and then the table is created', async () => {
    await using database = await freshDatabase(server)
    await database.query('ALTER TABLE scan_results RENAME TO kept; CREATE VIEW scan_results AS TABLE kept')
    const name = 'table scan_results'
    const found = await finding(database, name)
    assert.match(found.detail, /a view/)
    await pasteSql(printed(found), database.query)
    await database.query('ALTER INDEX scan_results_pkey RENAME TO kept_pkey')
    await fixed(database, name, 'failed', /does not exist/)
  })

  test('partitioned: nothing is wrong with that, but without a partition the cache has no epoch', async () => {
    await using database = await freshDatabase(server)
    await database.query(`
      DROP TABLE scan_results;
      CREATE TABLE scan_results (ip inet, port integer, service text, response text, last_seen timestamptz,
                                 PRIMARY KEY (ip, port, service)) PARTITION BY HASH (ip)`)
    const findings = await check(database)
    assert.equal(findings.find(({ name }) => name === 'table scan_results')?.status, 'ok')
    assert.match(findings.find(({ name }) => name === 'epoch')?.detail ?? '', /has none/)
    await database.query(
      'CREATE TABLE rest PARTITION OF scan_results FOR VALUES WITH (MODULUS 1, REMAINDER 0)',
    )
    assert.equal((await finding(database, 'epoch')).status, 'ok')
  })

  test('nothing migrated: one command for all of it', async () => {
    await using database = await freshDatabase(server, { migrated: false })
    const findings = await check(database)
    const broken = findings.filter(({ status }) => status === 'failed')
    assert.deepEqual(
      broken.map(({ name }) => name),
      ['postgres migrations', 'table scan_results', 'table dead_letters', 'table cache_epochs'],
    )
    for (const one of broken) assert.equal(printed(one), 'bin/ingester migrate up')
    await migrate(database.options, migrationsDir, 'up')
    assert.ok((await check(database)).every(({ status }) => status !== 'failed' && status !== 'skipped'))
  })
})

describe("a module's table", () => {
  const ofWords = { table: wordPipeline.sink, pipeline: 'words' }

  test('that no migration makes: the statement that does', async () => {
    await using database = await freshDatabase(server)
    await fixed(database, 'table words', 'failed', /^it does not exist$/, ofWords)
    await database.query('ALTER TABLE words DROP CONSTRAINT words_pkey')
    await fixed(database, 'key of words', 'failed', /is not unique/, ofWords)
    await database.query('ALTER TABLE words DROP COLUMN content')
    await fixed(database, 'columns of words', 'failed', /content text is missing/, ofWords)
  })

  test('whose name needs quotes, for a role that needs them, too: each statement is one', async () => {
    await using database = await freshDatabase(server)
    const table = { ...wordPipeline.sink, name: 'My-Words' }
    const mine = { ...ofWords, table }
    await fixed(database, 'table My-Words', 'failed', /does not exist/, mine)
    for (const [broken, name] of [
      ['SET UNLOGGED', 'table My-Words'],
      ['DROP COLUMN content', 'columns of My-Words'],
      ['DROP CONSTRAINT "My-Words_pkey"', 'key of My-Words'],
    ] as const) {
      await database.query(`ALTER TABLE "My-Words" ${broken}`)
      await fixed(database, name, 'failed', /./, mine)
    }
    await database.query(
      `DROP ROLE IF EXISTS "Quo-ted"; CREATE ROLE "Quo-ted" LOGIN PASSWORD '${server.password}'`,
    )
    const granted = await fixed(database, 'rights on My-Words', 'failed', /lacks/, {
      ...mine,
      postgres: { user: 'Quo-ted' },
    })
    assert.match(granted, /GRANT SELECT, INSERT, UPDATE ON "My-Words" TO "Quo-ted";$/)
    await database.query('DROP OWNED BY "Quo-ted"; DROP ROLE "Quo-ted"')
  })

  test('that its own migrations make: they are looked at beside ours', async () => {
    await using database = await freshDatabase(server)
    const dir = await mkdtemp(join(tmpdir(), 'migrations-'))
    const sql = 'CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL, content text NOT NULL);'
    await writeFile(
      join(dir, '000001_words.sql'),
      `-- Up Migration\n${sql}\n-- Down Migration\nDROP TABLE words;\n`,
    )
    const origin = { module: './my words.ts', migrations: dir }
    const changes = { ...ofWords, table: { ...wordPipeline.sink, origin } }
    const up = "bin/ingester migrate up --pipeline './my words.ts'"
    const pending = await finding(database, 'migrations of words', changes)
    assert.equal(`${pending.status} ${pending.detail}`, 'failed pending: 000001_words')
    assert.equal(printed(pending), up)
    assert.equal(printed(await finding(database, 'table words', changes)), up)
    await migrate(database.options, dir, 'up', undefined, migrationsTableOf('words'))
    for (const name of ['migrations of words', 'table words', 'postgres migrations'])
      assert.equal((await finding(database, name, changes)).status, 'ok', name)
    await database.query('DROP TABLE words')
    await fixed(database, 'table words', 'failed', /it was dropped by hand/, changes)
    assert.deepEqual(
      await migrate(database.options, migrationsDir, 'up'),
      [],
      'neither set knows of the other',
    )
    await migrate(database.options, dir, 'down', undefined, migrationsTableOf('words'))
    await rm(dir, { recursive: true })
  })
})

describe('a role', () => {
  /** One that may only connect. */
  async function roleOf(database: TestDatabase, user: string): Promise<Changes> {
    const name = `"${user}"`
    await database.query(
      `DROP ROLE IF EXISTS ${name}; CREATE ROLE ${name} LOGIN PASSWORD '${server.password}'`,
    )
    return { postgres: { user } }
  }

  test('without any privilege: each grant is printed, and they suffice', async () => {
    await using database = await freshDatabase(server)
    const changes = await roleOf(database, 'Only connects')
    for (const table of ['scan_results', 'dead_letters', 'cache_epochs'])
      await fixed(database, `rights on ${table}`, 'failed', /lacks the required privileges/, changes)
    const findings = await check(database, changes)
    const bad = findings.filter(({ status }) => status !== 'ok')
    assert.deepEqual(
      bad.map(({ name, status }) => [name, status]),
      [['postgres migrations', 'skipped']],
    )
    await database.query('DROP OWNED BY "Only connects"; DROP ROLE "Only connects"')
  })

  test('that only writes is not told that missing tables were dropped: the owner migrates', async () => {
    await using database = await freshDatabase(server)
    const changes = await roleOf(database, 'only_serves')
    const withoutEpochs = () => revert(database, '000003_create_cache_epochs_table')
    await withoutEpochs()
    await database.query('ALTER TABLE dead_letters DROP COLUMN detail')
    await database.query('GRANT SELECT, INSERT, UPDATE ON scan_results, dead_letters TO only_serves')
    const findings = await check(database, changes)
    const named = (name: string) => findings.find((one) => one.name === name) as Finding
    assert.equal(named('postgres migrations').status, 'skipped')
    const found = named('table cache_epochs')
    assert.equal(`${found.status} ${found.detail}`, 'failed it does not exist')
    const asOwner = "# as the tables' owner, whose variables are in owner.env"
    const commands = ['migrate up', 'doctor'].map(
      (one) => `${asOwner}\nbin/ingester ${one} --env-file owner.env`,
    )
    assert.equal(printed(found), commands.join('\n'))
    assert.equal(printed(named('columns of dead_letters')), commands.join('\n'))
    // What it names first does not fail.
    await migrate(database.options, migrationsDir, 'up')
    await database.query('GRANT SELECT ON cache_epochs TO only_serves')
    assert.equal((await finding(database, 'table cache_epochs', changes)).status, 'ok')
    // Who may read which were applied, and no more.
    await withoutEpochs()
    await database.query('GRANT SELECT ON pgmigrations TO only_serves')
    for (const name of ['postgres migrations', 'table cache_epochs'])
      assert.equal(printed(await finding(database, name, changes)), commands[0])
    await database.query('DROP OWNED BY only_serves; DROP ROLE only_serves')
  })

  test('that may not use the schema is not told that there is no table', async () => {
    await using database = await freshDatabase(server)
    const changes = await roleOf(database, 'no_usage')
    await database.query(`REVOKE USAGE ON SCHEMA public FROM PUBLIC`)
    await fixed(database, 'table scan_results', 'failed', /may not use the schema public/, changes)
    await database.query('DROP OWNED BY no_usage; DROP ROLE no_usage')
  })

  test('that uses another schema is told where the table is', async () => {
    await using database = await freshDatabase(server)
    const changes = await roleOf(database, 'elsewhere')
    await database.query('ALTER ROLE elsewhere SET search_path = nowhere')
    await fixed(
      database,
      'table scan_results',
      'failed',
      /in the schema public, which is not searched/,
      changes,
    )
    await database.query('DROP ROLE elsewhere')
  })

  test('that may not read the epoch', async () => {
    await using database = await freshDatabase(server)
    const changes = await roleOf(database, 'no_control')
    await database.query('GRANT SELECT ON cache_epochs TO no_control')
    await database.query('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC')
    await fixed(database, 'epoch', 'failed', /may not call pg_control_system\(\)/, changes)
    await database.query('GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC')
    await database.query('DROP OWNED BY no_control; DROP ROLE no_control')
  })

  test('for which the server does not support reading the epoch (Aurora): reported, with what to do', async () => {
    await using database = await freshDatabase(server)
    await database.query(`SET allow_system_table_mods = on;
      ALTER FUNCTION pg_current_wal_lsn() RENAME TO pg_current_wal_lsn_of_the_server;
      CREATE FUNCTION pg_catalog.pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'not supported' USING ERRCODE = '0A000'; END $$`)
    const found = await finding(database, 'epoch')
    await database.query(`DROP FUNCTION pg_current_wal_lsn();
      ALTER FUNCTION pg_current_wal_lsn_of_the_server() RENAME TO pg_current_wal_lsn;
      RESET allow_system_table_mods`)
    assert.equal(found.status, 'failed')
    assert.match(found.detail, /not available on this server, so the cache is never used: .* \[0A000\]/)
    assert.match(printed(found), /INGESTER_REDIS_ENABLED=false/)
    assert.equal((await finding(database, 'epoch')).status, 'ok')
  })

  test('that is a superuser, or owns the tables: another one is created, with the privileges that it needs', async () => {
    await using database = await freshDatabase(server)
    const owner = await roleOf(database, 'owns')
    await database.query('ALTER TABLE scan_results OWNER TO owns')
    const owning = await finding(database, 'postgres role', owner)
    assert.equal(`${owning.status} ${owning.detail}`, 'ok owns owns the tables, on this machine')
    // What is no loopback address by its name: Linux takes it for this machine.
    const elsewhere = await finding(database, 'postgres role', {
      postgres: { user: 'owns', host: '0.0.0.0' },
    })
    assert.equal(elsewhere.status, 'warning')
    assert.match(elsewhere.detail, /owns owns the tables/)

    const found = await finding(database, 'postgres role')
    assert.equal(found.status, 'warning')
    assert.match(found.detail, /scanner is a superuser/)
    const lines = printed(found).split('\n')
    assert.deepEqual(lines.slice(-3, -1), ['# then in the shell', 'export INGESTER_POSTGRES_USER=ingester'])
    assert.match(lines.at(-1) ?? '', /read -rs INGESTER_POSTGRES_PASSWORD/)
    assert.equal(lines.at(-4), '\\password ingester')
    await pasteSql(lines.slice(0, -4).join('\n'), database.query)
    // What \password does.
    await database.query(`ALTER ROLE ingester PASSWORD '${server.password}'`)
    const findings = await check(database, { postgres: { user: 'ingester' } })
    assert.ok(findings.every(({ status, name }) => status === 'ok' || name === 'postgres migrations'))
    assert.doesNotMatch(printed(await finding(database, 'postgres role')), /CREATE ROLE/)
    await database.query('DROP OWNED BY ingester; DROP ROLE ingester')
    await database.query('ALTER TABLE scan_results OWNER TO scanner; DROP OWNED BY owns; DROP ROLE owns')
  })
})

describe('the server', () => {
  const settings: readonly [name: string, broken: string, Finding['status'], detail: RegExp][] = [
    ['fsync', 'ALTER SYSTEM SET fsync = off', 'failed', /^off: a crash/],
    ['full_page_writes', 'ALTER SYSTEM SET full_page_writes = off', 'failed', /^off: a crash/],
    [
      'synchronous_commit',
      'ALTER SYSTEM SET synchronous_commit = off',
      'warning',
      /switches it on for itself/,
    ],
    ['synchronous_commit', 'ALTER ROLE scanner SET synchronous_commit = off', 'warning', /off for this role/],
    ['synchronous_commit', 'ALTER ROLE ALL SET synchronous_commit = off', 'warning', /off for all roles/],
    [
      'synchronous_commit',
      'ALTER DATABASE scanner_dev SET synchronous_commit = off',
      'warning',
      /off for this database/,
    ],
    [
      'synchronous_commit',
      'ALTER ROLE scanner IN DATABASE scanner_dev SET synchronous_commit = off',
      'warning',
      /off for this role in this database/,
    ],
    [
      'writable',
      'ALTER ROLE scanner SET default_transaction_read_only = on',
      'failed',
      /default_transaction_read_only is on for this role/,
    ],
  ]
  for (const [name, broken, status, detail] of settings) {
    test(`${broken}: found, and green after the fix`, async () => {
      await using database = await freshDatabase(server)
      await database.query(broken)
      await database.query('SELECT pg_reload_conf()')
      const found = await settled(database, name, status)
      assert.match(found.detail, detail)
      const session = await database.connect()
      await session.query('SET default_transaction_read_only = off')
      await pasteSql(printed(found), (statement) => session.query(statement))
      await settled(database, name, 'ok')
    })
  }

  /** A reload is a signal: the postmaster gets to it soon. */
  const settled = async (database: TestDatabase, name: string, status: string) => {
    const look = () => finding(database, `postgres ${name}`)
    await until(async () => (await look()).status === status)
    return look()
  }

  test('a setting on the command line is fixed there', async () => {
    const careless = await startTestServer()
    await using database = await freshDatabase(careless)
    const found = await finding(database, 'postgres fsync')
    assert.equal(found.status, 'failed')
    assert.match(found.detail, /^off on the server's command line/)
    const [, name = '', value = ''] = /^postgres -c (\w+)=(\w+)$/.exec(printed(found)) ?? []
    const careful = await startTestServer({ [name]: value })
    await using durable = await freshDatabase(careful)
    assert.equal((await finding(durable, 'postgres fsync')).status, 'ok')
  })

  test('a standby: the primary is the server that it replicates from', async () => {
    const standby = await startTestServer()
    const database = await freshDatabase(standby)
    const address = `host=127.0.0.1 port=${server.port}`
    await appendFile(join(standby.dataDir, 'postgresql.auto.conf'), `primary_conninfo = '${address}'\n`)
    await writeFile(join(standby.dataDir, 'standby.signal'), '')
    await database[Symbol.asyncDispose]()
    // It is "ready" again only when it is a primary.
    const restarted = standby.restart()
    await until(async () => (await finding(database, 'postgres')).status === 'ok')
    const found = await finding(database, 'postgres writable')
    assert.equal(found.status, 'failed')
    assert.match(found.detail, /standby/)
    const fix = `export INGESTER_POSTGRES_HOST=127.0.0.1\nexport INGESTER_POSTGRES_PORT=${server.port}`
    assert.equal(printed(found), fix)
    await using primary = await freshDatabase(server)
    assert.equal((await finding(primary, 'postgres writable')).status, 'ok')
    await withConnection(database.options, (client) => client.query('SELECT pg_promote()'))
    await restarted
  })

  test('a pool that is larger than what the role may have, or than what is free', async () => {
    await using database = await freshDatabase(server)
    await database.query(`CREATE ROLE few LOGIN PASSWORD '${server.password}' CONNECTION LIMIT 3`)
    const changes = { postgres: { user: 'few' } }
    const found = await finding(database, 'postgres connections', changes)
    assert.equal(found.status, 'failed')
    assert.equal(printed(found), 'export INGESTER_POSTGRES_POOL_SIZE=3')
    assert.equal((await finding(database, 'postgres connections', { ...changes, poolSize: 2 })).status, 'ok')
    const workers = await finding(database, 'postgres connections', { ...changes, workers: 4 })
    assert.match(printed(workers), /POOL_SIZE=3\nexport INGESTER_WORKER_COUNT=3$/)
    const full = await finding(database, 'postgres connections', { poolSize: 100 })
    assert.equal(full.status, 'warning')
    const size = Number(/POOL_SIZE=(\d+)$/.exec(printed(full))?.[1])
    assert.equal((await finding(database, 'postgres connections', { poolSize: size })).status, 'ok')
    await database.query('DROP ROLE few')
  })

  test('versions before 14', () => {
    const of = (version: string, versionNumber: number) =>
      versionFinding({ version, versionNumber } as ServerFacts).status
    assert.equal(of('13.22', 130_022), 'failed')
    assert.equal(of('14.0', 140_000), 'ok')
  })
})

test('a query without an answer ends the checks, within its timeout', async () => {
  await using database = await freshDatabase(server)
  const other = await database.connect()
  await other.query('BEGIN; LOCK TABLE pgmigrations')
  const startMs = performance.now()
  const findings = await check(database)
  assert.ok(performance.now() - startMs < 5000)
  const at = findings.findIndex(({ name }) => name === 'postgres migrations')
  assert.equal(findings[at]?.status, 'failed')
  assert.match(findings[at]?.detail ?? '', /does not answer: .*timeout/)
  const rest = findings.slice(at + 1)
  assert.ok(rest.length > 10 && rest.every(({ status }) => status === 'skipped'))
  await other.query('ROLLBACK')
})

test('a server that freezes midway is given up, too', async () => {
  await using database = await freshDatabase(server)
  await using proxy = await TcpProxy.to(server.port)
  const other = await database.connect()
  await other.query('BEGIN; LOCK TABLE pgmigrations')
  const startMs = performance.now()
  const checking = check(database, { postgres: { port: proxy.port } })
  await untilBlocked(database, 1)
  proxy.freeze()
  const findings = await checking
  assert.ok(performance.now() - startMs < 6000)
  const frozen = findings.find(({ name }) => name === 'postgres migrations')
  assert.match(`${frozen?.status} ${frozen?.detail}`, /^failed PostgreSQL does not answer/)
  await other.query('ROLLBACK')
})

test('a server without free connections: more connections, after a restart', async () => {
  const small = await startPostgres({ port: 0, superuser: true })
  atEnd(() => small.stop())
  const database = await freshDatabase(small)
  await database.query('ALTER SYSTEM SET max_connections = 6')
  await database[Symbol.asyncDispose]()
  await small.restart()

  await using crowd = new AsyncDisposableStack()
  const enter = async () => {
    const client = new pg.Client(connectionOptions(database.options))
    client.on('error', () => {})
    await client.connect()
    crowd.defer(() => client.end())
    return client
  }
  const clients: pg.Client[] = []
  while (clients.length < 5) clients.push(await enter())
  // The check itself is not counted: it leaves again.
  const tight = await finding(database, 'postgres connections', { workers: 1 })
  assert.equal(`${tight.status} ${printed(tight)}`, 'warning export INGESTER_POSTGRES_POOL_SIZE=1')
  assert.equal((await finding(database, 'postgres connections', { poolSize: 1 })).status, 'ok')
  clients.push(await enter())
  const full = await finding(database, 'postgres')
  assert.match(full.detail, /too many clients/)
  await pasteSql(printed(full), (statement) => (clients[0] as pg.Client).query(statement))
  await crowd.disposeAsync()
  await small.restart()
  const then = await finding(database, 'postgres connections', { poolSize: 20 })
  assert.match(`${then.status} ${then.detail}`, /^ok a pool of 20; of 200/)
})

test('nothing is written: no transaction id is assigned', async () => {
  await using database = await freshDatabase(server)
  const nextTransaction = async () =>
    (await database.query<{ id: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot()) AS id'))[0]?.id
  const before = await nextTransaction()
  await check(database)
  assert.equal(await nextTransaction(), before)
})
