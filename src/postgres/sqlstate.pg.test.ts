import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'vitest'
import { inspect } from 'node:util'
import { WriteFailure } from '#core/write-failure.ts'
import { explain } from '#connect/explain.ts'
import { scans } from '#pipeline/scans.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import {
  freshDatabase,
  patient,
  scanRecord,
  startTestServer,
  untilBlocked,
} from '../../test/support/postgres.ts'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'
import { recordOfWords, wordPipeline } from '../../test/support/word-pipeline.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer({ deadlock_timeout: '500ms' })
/** Stands in the rows that are written, and must stand in no error. */
const secret = 'hunter2'

/** Writes one good row and, if given, one more; the failure, looked through for the secret. */
async function failureOf(
  database: TestDatabase,
  changes: Partial<PostgresOptions> = {},
  record = scanRecord(2, 1, secret),
): Promise<WriteFailure> {
  const writer = new TableWriter(database.pool(changes), scans.sink)
  return failedWrite(writer.write([scanRecord(1, 1, secret), record]))
}

async function failedWrite(writing: Promise<unknown>): Promise<WriteFailure> {
  const failure = await writing.then(
    () => assert.fail('the write worked'),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof WriteFailure)
  assert.match(failure.message, /^table (?:scan_results|words): /)
  assert.ok(failure.code === undefined || failure.message.includes(`[${failure.code}]`), failure.message)
  assert.doesNotMatch(inspect(failure, { depth: null, showHidden: true }), new RegExp(secret))
  return failure
}

function is(failure: WriteFailure, failureClass: WriteFailure['class'], code: string): void {
  assert.deepEqual([failure.class, failure.code], [failureClass, code])
}

/** A role of its own that may write, with the same password. */
async function createRole({ query }: TestDatabase, clauses = 'LOGIN', grants = 'SELECT, INSERT, UPDATE') {
  const user = `role_${randomBytes(6).toString('hex')}`
  await query(`CREATE ROLE ${user} PASSWORD '${server.password}' ${clauses}`)
  await query(`GRANT ${grants} ON scan_results TO ${user}`)
  return { user }
}

test('22P02: an invalid value for its type', async () => {
  await using database = await freshDatabase(server)
  const failure = await failureOf(database, {}, scanRecord([`::1/${secret}`, 1, 's'], 1, ''))
  is(failure, 'bad-row', '22P02')
  assert.match(failure.message, /invalid text representation \[22P02\]/)
})

test('22003: an integer out of range', async () => {
  await using database = await freshDatabase(server)
  is(await failureOf(database, {}, scanRecord(['::1', 2 ** 31, 's'], 1, secret)), 'bad-row', '22003')
})

test('23514: a check, named', async () => {
  await using database = await freshDatabase(server)
  await database.query(
    `ALTER TABLE scan_results ADD CONSTRAINT only_tls CHECK (service <> 'http' OR ip = '10.0.0.1')`,
  )
  const failure = await failureOf(database)
  is(failure, 'bad-row', '23514')
  assert.match(failure.message, /constraint only_tls/)
})

test('23502: a missing value, its column named', async () => {
  await using database = await freshDatabase(server)
  const { row, ...rest } = scanRecord(2, 1, '')
  const record = { ...rest, row: { ...row, service: secret, response: null as never } }
  const failure = await failureOf(database, {}, record)
  is(failure, 'bad-row', '23502')
  assert.match(failure.message, /column response/)
})

test('P0001: a trigger rejects it; the trigger is named, not its message', async () => {
  await using database = await freshDatabase(server)
  await database.query(`CREATE FUNCTION no_telnet() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no % please', NEW.response; END $$`)
  await database.query(
    'CREATE TRIGGER t BEFORE INSERT ON scan_results FOR EACH ROW EXECUTE FUNCTION no_telnet()',
  )
  const failure = await failureOf(database, {}, scanRecord(1, 1, secret))
  is(failure, 'bad-row', 'P0001')
  assert.match(failure.message, /rejected by no_telnet\(\)/)
})

/** What a trigger of the table does, with the row's text in it. */
const raises = {
  'its own SQLSTATE': `RAISE EXCEPTION 'no %', NEW.response USING ERRCODE = '45000'`,
  'that of an internal error': `RAISE EXCEPTION '%', NEW.response USING ERRCODE = 'XX000'`,
  'that of a lost connection': `RAISE EXCEPTION '%', NEW.response USING ERRCODE = '08006'`,
  'that of a deadlock': `RAISE EXCEPTION '%', NEW.response USING ERRCODE = '40P01'`,
  'names that it writes itself': `RAISE unique_violation USING MESSAGE = NEW.response, DETAIL = NEW.response,
     HINT = NEW.response, COLUMN = NEW.response, CONSTRAINT = NEW.response, TABLE = NEW.response`,
  'a statement that it has built': `EXECUTE format('SELECT %s +', NEW.response)`,
  'a cast': `PERFORM NEW.response::integer`,
  'a constraint of another table': `INSERT INTO audit VALUES (NEW.response)`,
  'a lost assertion': `ASSERT false, NEW.response`,
} as const

/** By the function, or where a statement of it stands first in the context by code and names. */
const named = /says_it\(\)|\[22P02\]|constraint audit_text_check/

for (const [name, statement] of Object.entries(raises)) {
  test(`a trigger raises ${name}: nothing of the row is revealed, wherever the error is seen`, async () => {
    await using database = await freshDatabase(server)
    await database.query(`CREATE TABLE audit (text text CHECK (text <> '${secret}'))`)
    await database.query(`CREATE FUNCTION says_it() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN ${statement}; RETURN NEW; END $$`)
    await database.query(
      'CREATE TRIGGER t BEFORE INSERT ON scan_results FOR EACH ROW EXECUTE FUNCTION says_it()',
    )
    const failure = await failureOf(database, {}, scanRecord(1, 1, secret))
    assert.match(failure.message, named)
    const insert = `INSERT INTO scan_results VALUES ('::1', 1, 's', '${secret}', now())`
    const pool = database.pool()
    for (const run of [
      () => pool.query(insert),
      () => withConnection(database.options, (client) => client.query(insert)),
    ]) {
      const error = await run().then(
        () => assert.fail('it was taken'),
        (thrown: unknown) => thrown,
      )
      assert.doesNotMatch(inspect(error), new RegExp(secret))
      assert.match(String(error), named)
    }
  })
}

for (const cast of ['tsquery', 'regclass', 'regconfig', 'jsonpath', 'inet', 'xid']) {
  test(`a check casts a value to ${cast}: nothing of the row is revealed, and the others are written`, async () => {
    await using database = await freshDatabase(server)
    await database.query(
      `ALTER TABLE scan_results ADD CHECK (service <> 's' OR response::${cast} IS NOT NULL)`,
    )
    const failure = await failureOf(database, {}, scanRecord(['::1', 1, 's'], 1, `${secret} ((`))
    assert.equal(failure.class, 'bad-row', failure.message)
  })
}

test('a policy that rejects one row is not a missing privilege', async () => {
  await using database = await freshDatabase(server)
  const role = await createRole(database)
  await database.query(`ALTER TABLE scan_results ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON scan_results USING (true) WITH CHECK (port <> 666)`)
  is(await failureOf(database, role, scanRecord(['::1', 666, 's'], 1, '')), 'bad-row', '42501')
})

test('54000: a key too large for the index', async () => {
  await using database = await freshDatabase(server)
  const service = secret + randomBytes(3000).toString('base64')
  const failure = await failureOf(database, {}, scanRecord(['::1', 1, service], 1, ''))
  is(failure, 'bad-row', '54000')
  assert.match(failure.message, /scan_results_pkey/)
})

test('42P01: no table, before and after the statement was prepared; then works again', async () => {
  await using database = await freshDatabase(server)
  const writer = new TableWriter(database.pool({ poolSize: 1 }), scans.sink)
  const write = () => writer.write([scanRecord(1, 1, secret)])
  await database.query('ALTER TABLE scan_results RENAME TO away')
  const failure = await failedWrite(write())
  is(failure, 'schema-drift', '42P01')
  assert.match(explain(failure), /scan_results.*`migrate up`/)
  await database.query('ALTER TABLE away RENAME TO scan_results')
  assert.equal((await write()).written, 1)
  await database.query('ALTER TABLE scan_results RENAME TO away')
  is(await failedWrite(write()), 'schema-drift', '42P01')
  await database.query('ALTER TABLE away RENAME TO scan_results')
  assert.equal((await write()).written, 0)
})

test('42703: no such column, named, with the fix', async () => {
  await using database = await freshDatabase(server)
  await database.query('ALTER TABLE scan_results RENAME COLUMN response TO answer')
  const failure = await failureOf(database)
  is(failure, 'schema-drift', '42703')
  assert.match(
    explain(failure),
    /"response".*migrate up; or, .*: ALTER TABLE "scan_results" ADD COLUMN "response" text;$/,
  )
})

test("a module's table: the fix is its own migrations, or a statement where it has none", async () => {
  await using database = await freshDatabase(server)
  const { query } = database
  const fixOf = async (migrations?: string) => {
    const origin = { module: './words.ts', ...(migrations === undefined ? {} : { migrations }) }
    const writer = new TableWriter(database.pool(), { ...wordPipeline.sink, origin })
    const failure = await failedWrite(writer.write([recordOfWords('a 1 x')]))
    assert.equal(failure.class, 'schema-drift')
    assert.doesNotMatch(explain(failure), /db\/migrations/)
    return explain(failure)
  }
  assert.match(
    await fixOf('/m'),
    /\[42P01\]; create it: bin\/ingester migrate up --pipeline \.\/words\.ts; or, .*: CREATE TABLE "words" \(.*;$/,
  )
  const byHand = /\[42P01\]; create it, as its owner: (CREATE TABLE .*;)$/.exec(await fixOf())?.[1] ?? ''
  await query(byHand)
  await query('ALTER TABLE words RENAME COLUMN content TO answer')
  assert.match(
    await fixOf('/m'),
    /bring it up to date: bin\/ingester migrate up --pipeline \.\/words\.ts; or, .*: ALTER TABLE "words" ADD COLUMN "content" text;$/,
  )
  assert.match(
    await fixOf(),
    /bring it up to date, as its owner: ALTER TABLE "words" ADD COLUMN "content" text;$/,
  )
})

test('42804: a column of another type, with the fix', async () => {
  await using database = await freshDatabase(server)
  await database.query(`ALTER TABLE scan_results DROP COLUMN last_seen, ADD COLUMN last_seen bigint`)
  const failure = await failureOf(database)
  assert.equal(failure.class, 'schema-drift')
  assert.match(
    explain(failure),
    /last_seen is bigint, not timestamptz; .*ALTER COLUMN "last_seen" TYPE timestamptz/,
  )
})

test('42P10: the key is not unique, with the fix', async () => {
  await using database = await freshDatabase(server)
  await database.query('ALTER TABLE scan_results DROP CONSTRAINT scan_results_pkey')
  const failure = await failureOf(database)
  assert.equal(failure.class, 'schema-drift')
  assert.match(
    explain(failure),
    /not unique.*ALTER TABLE scan_results ADD UNIQUE \("ip", "port", "service"\);/,
  )
})

test('42501, 28P01, 28000, 3D000: no privileges, with the fix', async () => {
  await using database = await freshDatabase(server)
  const readOnly = await createRole(database, 'LOGIN', 'SELECT')
  for (const [changes, code] of [
    [readOnly, '42501'],
    [{ password: `not ${server.password}` }, '28P01'],
    [await createRole(database, 'NOLOGIN'), '28000'],
    [{ database: 'nowhere' }, '3D000'],
  ] as const) {
    const failure = await failureOf(database, changes)
    is(failure, 'no-rights', code)
    assert.match(explain(failure), /INGESTER_POSTGRES_USER/)
  }
})

test('an empty password where one is required: no privileges', async () => {
  await using database = await freshDatabase(server)
  assert.equal((await failureOf(database, { password: '' })).class, 'no-rights')
})

test('a server without TLS is not used if TLS is required', async () => {
  await using database = await freshDatabase(server)
  const failure = await failureOf(database, { sslMode: 'require' })
  assert.equal(failure.class, 'infrastructure')
  assert.match(failure.message, /SSL/)
})

/** Runs `work` while another connection holds the row of key 1. */
async function whileLocked<T>(database: TestDatabase, work: () => Promise<T>): Promise<T> {
  const holder = await database.connect()
  await new TableWriter(database.pool(), scans.sink).write([scanRecord(1, 0, '')])
  await holder.query(`BEGIN; SELECT FROM scan_results FOR UPDATE`)
  try {
    return await work()
  } finally {
    await holder.query('ROLLBACK')
  }
}

test('57014: the statement timeout', async () => {
  await using database = await freshDatabase(server)
  const failure = await whileLocked(database, () => failureOf(database, { statementTimeoutMs: 200 }))
  is(failure, 'too-big', '57014')
})

test('55P03: a row locked by another transaction, whatever lock_timeout the role has', async () => {
  await using database = await freshDatabase(server)
  const role = await createRole(database)
  await database.query(`ALTER ROLE ${role.user} SET lock_timeout = '1h'`)
  is(await whileLocked(database, () => failureOf(database, role)), 'locked', '55P03')
})

test('40P01: the victim of a deadlock', async () => {
  await using database = await freshDatabase(server)
  const writer = new TableWriter(database.pool({ poolSize: 1 }), scans.sink, patient)
  const batch = (version: number) => [scanRecord(1, version, secret), scanRecord(2, version, secret)]
  await writer.write(batch(1))
  const other = await database.connect()
  // Only the writer looks for deadlocks.
  await other.query(
    `SET deadlock_timeout = '1h'; BEGIN; SELECT FROM scan_results WHERE ip = '10.0.0.2' FOR UPDATE`,
  )
  const writing = failedWrite(writer.write(batch(2)))
  await untilBlocked(database, 1)
  await other.query(`SELECT FROM scan_results WHERE ip = '10.0.0.1' FOR UPDATE`)
  is(await writing, 'conflict', '40P01')
  await other.query('ROLLBACK')
  assert.equal((await writer.write(batch(2))).written, 2)
})

test('25006: a standby, or a read-only database', async () => {
  await using database = await freshDatabase(server)
  const { database: name } = database.options
  await database.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
  const pool = database.pool()
  const writer = new TableWriter(pool, scans.sink)
  is(await failedWrite(writer.write([scanRecord(1, 1, secret)])), 'infrastructure', '25006')
  // A new connection may find the new primary.
  assert.equal(pool.totalCount, 0)
  await database.query(`ALTER DATABASE ${name} SET default_transaction_read_only = off`)
  assert.equal((await writer.write([scanRecord(1, 1, secret)])).written, 1)
})

test('53300: too many connections', async () => {
  await using database = await freshDatabase(server)
  const role = await createRole(database, 'LOGIN CONNECTION LIMIT 0')
  is(await failureOf(database, role), 'infrastructure', '53300')
})
