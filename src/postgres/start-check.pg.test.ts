import assert from 'node:assert/strict'
import { test } from 'vitest'
import { ConfigurationError } from '#core/command-error.ts'
import { explain } from '#connect/explain.ts'
import { scans } from '#pipeline/scans.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { deliveryOf } from '../../test/support/arrivals.ts'
import { freshDatabase, migrationsDir, scanRecord, startTestServer } from '../../test/support/postgres.ts'
import { createSums, incrementSums } from '../../test/support/increment-pipelines.ts'
import { wordPipeline } from '../../test/support/word-pipeline.ts'
import { migrate } from './migrations.ts'
import { DeadLetterTable } from './dead-letter-table.ts'
import type { PostgresOptions } from './pool.ts'
import { checkTables } from './start-check.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()

const refused = (database: TestDatabase, message: RegExp, changes: Partial<PostgresOptions> = {}) =>
  assert.rejects(checkTables(database.pool(changes), [scans.sink], true), (error) => {
    assert.ok(error instanceof ConfigurationError)
    assert.match(explain(error), message)
    return true
  })

test('migrated tables pass', async () => {
  await using database = await freshDatabase(server)
  await checkTables(database.pool(), [scans.sink], true)
})

test('a column that nothing writes and no row may lack, unless a trigger may fill it', async () => {
  await using database = await freshDatabase(server)
  await database.query('ALTER TABLE scan_results ADD COLUMN "Extra" text NOT NULL')
  const statement = 'ALTER TABLE scan_results ALTER COLUMN "Extra" DROP NOT NULL'
  await refused(database, new RegExp(`Extra is NOT NULL, and nothing writes it.*${statement}`))
  await database.query(`
    CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW."Extra" := 'x'; RETURN NEW; END $$;
    CREATE TRIGGER fill BEFORE INSERT ON scan_results FOR EACH ROW EXECUTE FUNCTION fill()`)
  await checkTables(database.pool(), [scans.sink], true)
  await database.query('DROP TRIGGER fill ON scan_results')
  await database.query(statement)
  await checkTables(database.pool(), [scans.sink], true)
})

test('a missing table', async () => {
  await using database = await freshDatabase(server)
  await database.query('DROP TABLE dead_letters')
  await refused(database, /table dead_letters does not exist.*bin\/ingester migrate up/)
  await database.query('DROP TABLE scan_results')
  await refused(database, /table scan_results does not exist; create it: bin\/ingester migrate up/)
})

test('of records that count once: identities that survive, and the function that keeps their days', async () => {
  await using database = await freshDatabase(server)
  await database.query(createSums)
  const checked = (changes: Partial<PostgresOptions> = {}) =>
    checkTables(database.pool(changes), [scans.sink, incrementSums.sink], true)
  const refusing = (message: RegExp, changes: Partial<PostgresOptions> = {}) =>
    assert.rejects(checked(changes), (error) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(explain(error), message)
      return true
    })
  await checked()
  await database.query('ALTER TABLE applied_requests SET UNLOGGED')
  await refusing(/applied_requests.*unlogged: a crash empties it.*SET LOGGED/)
  await database.query('ALTER TABLE applied_requests SET LOGGED')

  await database.query(`CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER dropper BEFORE INSERT ON applied_messages FOR EACH ROW EXECUTE FUNCTION drop_it()`)
  await refusing(
    /applied_messages.*no trigger dropper.*taken for one.*ALTER TABLE applied_messages DISABLE TRIGGER dropper/,
  )
  await database.query('DROP TRIGGER dropper ON applied_messages')

  await database.query(`DROP ROLE IF EXISTS counter; CREATE ROLE counter LOGIN PASSWORD 'secret';
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO counter`)
  const counter = { user: 'counter', password: () => 'secret' }
  await refusing(
    /role counter lacks .* EXECUTE on function keep_applied_days.*GRANT EXECUTE ON FUNCTION keep_applied_days\(interval\) TO counter;/,
    counter,
  )
  await database.query('GRANT EXECUTE ON FUNCTION keep_applied_days(interval) TO counter')
  await checked(counter)

  await database.query('DROP FUNCTION keep_applied_days(interval)')
  await refusing(/function keep_applied_days does not exist; create it: bin\/ingester migrate up/)
  await checkTables(database.pool(), [scans.sink], true)
  await database.query(`CREATE TABLE plain (LIKE applied_messages INCLUDING ALL); DROP TABLE applied_messages;
    ALTER TABLE plain RENAME TO applied_messages`)
  await refusing(/applied_messages.*not partitioned/)
  await database.query('DROP OWNED BY counter; DROP ROLE counter')
})

test("a module's table that is missing: its own migrations, or the statement where it has none", async () => {
  await using database = await freshDatabase(server)
  const saying = async (module: string, migrations?: string) => {
    const origin = { module, ...(migrations === undefined ? {} : { migrations }) }
    const error = await checkTables(database.pool(), [{ ...wordPipeline.sink, origin }], true).catch(
      (failure: unknown) => failure,
    )
    return explain(error, 'x.env')
  }
  const statement = /CREATE TABLE "words" \(.*\);$/
  const [, ofMigrations] = (await saying('./my words.ts', '/m')).split('; create it: ')
  assert.match(ofMigrations ?? '', statement)
  assert.ok(
    ofMigrations?.startsWith("bin/ingester migrate up --pipeline './my words.ts' --env-file x.env; or, "),
  )
  const [, byHand] = (await saying('./words.ts')).split('; create it, as its owner: ')
  await database.query(byHand ?? '')
  await database.query('ALTER TABLE words DROP COLUMN content')
  assert.match(
    await saying('./w.ts', '/m'),
    /bring it up to date: bin\/ingester migrate up --pipeline \.\/w\.ts /,
  )
  assert.match(await saying('./w.ts'), /bring it up to date, as its owner: ALTER TABLE "words" ADD COLUMN/)
})

test('missing columns, all of one table at once', async () => {
  await using database = await freshDatabase(server)
  await database.query('ALTER TABLE scan_results DROP COLUMN response, DROP COLUMN port CASCADE')
  await refused(database, /table scan_results has no column port, response;.*bin\/ingester migrate up/)
})

test('every column that storing a dead letter needs', async () => {
  await using database = await freshDatabase(server)
  const needed = [
    'pipeline',
    'subscription',
    'message_id',
    'publish_time',
    'ordering_key',
    'attributes',
    'data',
  ]
  needed.push('reason', 'detail', 'delivery_attempt', 'last_seen_at', 'times_seen')
  for (const column of needed) {
    await database.query(`ALTER TABLE dead_letters RENAME COLUMN ${column} TO away`)
    const message = `table dead_letters has no column ${column}; bring it up to date: bin/ingester migrate up`
    await refused(database, new RegExp(`^${message}$`))
    await database.query(`ALTER TABLE dead_letters RENAME COLUMN away TO ${column}`)
  }
})

test('each missing privilege', async () => {
  await using database = await freshDatabase(server)
  const role = { user: 'lacks_one' }
  await database.query(`CREATE ROLE lacks_one LOGIN PASSWORD '${server.password}'`)
  await database.query('GRANT SELECT, INSERT, UPDATE ON scan_results, dead_letters TO lacks_one')
  await database.query('GRANT SELECT ON cache_epochs TO lacks_one')
  const pool = database.pool(role)
  await checkTables(pool, [scans.sink], true)
  for (const right of ['SELECT', 'INSERT', 'UPDATE']) {
    await database.query(`REVOKE ${right} ON scan_results FROM lacks_one`)
    await assert.rejects(checkTables(pool, [scans.sink], true), { name: 'ConfigurationError' }, right)
    await database.query(`GRANT ${right} ON scan_results TO lacks_one`)
  }
  await database.query('REVOKE SELECT ON cache_epochs FROM lacks_one')
  await refused(database, /as its owner: GRANT SELECT ON cache_epochs TO lacks_one$/, role)
  await checkTables(pool, [scans.sink], false)
})

test('a read-only role: the fix is a statement that works', async () => {
  await using database = await freshDatabase(server)
  const role = { user: 'only_reads' }
  await database.query(`
    CREATE ROLE only_reads LOGIN PASSWORD '${server.password}';
    GRANT SELECT ON scan_results, dead_letters, cache_epochs TO only_reads`)
  for (const table of ['scan_results', 'dead_letters']) {
    const fix = `GRANT SELECT, INSERT, UPDATE ON ${table} TO only_reads`
    await refused(
      database,
      new RegExp(`role only_reads lacks the required privileges on table ${table};.*${fix}$`),
      role,
    )
    await database.query(fix)
  }
  const pool = database.pool(role)
  await checkTables(pool, [scans.sink], true)
  // And these rights suffice.
  const options = { pipeline: 'scans', subscription: 's', maxMessageBytes: 1 }
  await new TableWriter(pool, scans.sink).write([])
  await new DeadLetterTable(pool, options).store([])
})

test('an unreachable server is no configuration fault', async () => {
  await using database = await freshDatabase(server)
  const unreachable = checkTables(database.pool({ port: 1 }), [scans.sink], true)
  await assert.rejects(unreachable, { code: 'ECONNREFUSED' })
})

test('rows that are written must stay: each fault is rejected, with the statement that fixes it', async () => {
  await using database = await freshDatabase(server)
  const faults: readonly [alter: string, message: RegExp][] = [
    ['scan_results SET UNLOGGED', /table scan_results: it is unlogged.*SET LOGGED;$/],
    ['dead_letters SET UNLOGGED', /table dead_letters: it is unlogged.*SET LOGGED;$/],
    ['cache_epochs SET UNLOGGED', /table cache_epochs: it is unlogged.*SET LOGGED;$/],
    [
      'scan_results ALTER last_seen TYPE date',
      /last_seen is date, not timestamptz; as its owner: ALTER TABLE .*;$/,
    ],
    ['dead_letters ALTER times_seen TYPE smallint', /times_seen is smallint, not integer/],
  ]
  for (const [alter, message] of faults) {
    await database.query(`ALTER TABLE ${alter}`)
    await refused(database, message)
    const error = await checkTables(database.pool(), [scans.sink], true).catch((failure: Error) => failure)
    const [, fix = ''] = /as its owner: (.*)$/.exec(explain(error)) ?? []
    await database.query(fix)
    assert.equal(await checkTables(database.pool(), [scans.sink], true), undefined, fix)
  }
})

test('a database of another encoding is rejected by run, migrate and doctor, with its name', async () => {
  await using database = await freshDatabase(server, { encoding: 'LATIN1', migrated: false })
  const message = /encoding LATIN1, which cannot store every text.*ENCODING 'UTF8'/
  await refused(database, message)
  await assert.rejects(migrate(database.options, migrationsDir, 'up'), (error) => {
    assert.ok(error instanceof ConfigurationError)
    assert.match(explain(error), message)
    return true
  })
})

test('SQL_ASCII causes a warning, and keeps every text as it was', async () => {
  await using database = await freshDatabase(server, { encoding: 'SQL_ASCII' })
  const pool = database.pool()
  assert.match((await checkTables(pool, [scans.sink], true)) ?? '', /encoding SQL_ASCII/)
  const text = '日本語 é 😀'
  assert.equal(
    (await new TableWriter(pool, scans.sink).write([scanRecord(['1.1.1.1', 1, text], 1, text)])).written,
    1,
  )
  const options = { pipeline: 'scans', subscription: text, maxMessageBytes: 1000 }
  const delivery = { ...deliveryOf(text), attributes: { [text]: text } }
  await new DeadLetterTable(pool, options).store([{ delivery, reason: 'bad-ip', detail: text }])
  assert.deepEqual(await database.query('SELECT service, response FROM scan_results'), [
    { service: text, response: text },
  ])
  assert.deepEqual(await database.query('SELECT attributes, detail FROM dead_letters'), [
    { attributes: { [text]: text }, detail: text },
  ])
})
