// What PgBouncer, as Debian has it, changes. Each test is skipped where it is not installed.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { describe, test } from 'vitest'
import type pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { WriteFailure } from '#core/write-failure.ts'
import type { Scan } from '#pipeline/scans.ts'
import { scans } from '#pipeline/scans.ts'
import { systemClock } from '#runtime/clock.ts'
import { deliveryOf } from '../../test/support/arrivals.ts'
import type { PgBouncer } from '../../test/support/pgbouncer.ts'
import { startPgbouncer, withoutPgbouncer } from '../../test/support/pgbouncer.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import {
  freshDatabase,
  migrationsDir,
  scanRecord,
  startTestServer,
  until,
} from '../../test/support/postgres.ts'
import { DeadLetterTable } from './dead-letter-table.ts'
import { checkPostgres } from './doctor/checks.ts'
import { EpochWatch } from './epoch-watch.ts'
import { bumpEpoch } from './epoch.ts'
import { migrate, migrationStatus } from './migrations.ts'
import type { PostgresOptions } from './pool.ts'
import { withConnection } from './pool.ts'
import { poolingOf } from './pooler.ts'
import { readRow, withReader } from './read-row.ts'
import { isRefusedForGood } from './sqlstate.ts'
import { TableWriter } from './table-writer.ts'
import { rollingBackOf } from './transaction.ts'
import { skippedFor } from '../../test/support/skip.ts'

const server = await startTestServer()

function through(database: TestDatabase, { port }: PgBouncer) {
  return { ...database.options, port }
}

const pooling = (options: PostgresOptions) => withConnection(options, (client) => poolingOf(client, options))

/** Connecting anew may fail at times: then it is written again, as the engine does. */
const written = (writer: TableWriter, record: KeyedRecord<Scan>) =>
  until(() =>
    writer.write([record]).then(
      () => true,
      (failure: WriteFailure) => (failure.class === 'infrastructure' ? false : Promise.reject(failure)),
    ),
  )

/** Leaves something behind on every server connection that the pooler has. */
async function pollute(pool: pg.Pool, text: string): Promise<void> {
  const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()))
  for (const client of clients) await client.query('BEGIN')
  for (const client of clients) await client.query(`${text}; COMMIT`)
  for (const client of clients) client.release()
}

const migrations = (await readdir(migrationsDir)).filter((name) => name.endsWith('.sql'))

describe('transaction mode', skippedFor(withoutPgbouncer), async () => {
  const bouncer = await startPgbouncer(server, { pool_mode: 'transaction' })

  test('a pooler is recognized by its process ids, and its mode by what two clients see', async () => {
    await using database = await freshDatabase(server)
    assert.equal(await pooling(database.options), 'none')
    assert.equal(await pooling(through(database, bouncer)), 'transaction')
    await using session = await startPgbouncer(server, { pool_mode: 'session' })
    assert.equal(await pooling(through(database, session)), 'session')
    await using single = await startPgbouncer(server, { pool_mode: 'session', default_pool_size: '1' })
    assert.equal(await pooling(through(database, single)), 'session')
  })

  test('no startup parameter that it rejects is sent; one from the environment is reported with the fix', async () => {
    await using database = await freshDatabase(server)
    const options = through(database, bouncer)
    assert.deepEqual(
      await database
        .pool(options)
        .query('SELECT 1 AS one')
        .then(({ rows }) => rows),
      [{ one: 1 }],
    )
    process.env['PGOPTIONS'] = '-c work_mem=8MB'
    const refused = await pooling(options).catch((error: unknown) => error)
    delete process.env['PGOPTIONS']
    assert.match(String(refused), /unsupported startup parameter: options/)
    assert.ok(isRefusedForGood(refused))
    for (const wrong of [{ database: 'nowhere' }, { user: 'nobody' }, { password: 'wrong' }]) {
      const error = await pooling({ ...options, ...wrong }).catch((caught: unknown) => caught)
      assert.ok(isRefusedForGood(error), String(error))
    }
  })

  test('schemas on the search path that other clients leave behind are not written to', async () => {
    await using database = await freshDatabase(server)
    await database.query(`CREATE SCHEMA decoy; CREATE TABLE decoy.scan_results (LIKE public.scan_results INCLUDING ALL);
      CREATE TABLE decoy.dead_letters (LIKE public.dead_letters INCLUDING ALL);
      CREATE TABLE decoy.cache_epochs (LIKE public.cache_epochs INCLUDING ALL)`)
    const pool = database.pool(through(database, bouncer))
    const writer = new TableWriter(pool, scans.sink)
    const deadLetters = new DeadLetterTable(pool, {
      pipeline: 'scans',
      subscription: 's',
      maxMessageBytes: 1000,
    })
    for (const path of ['decoy', 'decoy, public', 'nowhere', '']) {
      await pollute(pool, `SET search_path TO ${path || "''"}`)
      await writer.write([scanRecord(1, 1, path)])
      await deadLetters.store([{ delivery: deliveryOf(path), reason: 'bad-ip', detail: 'd' }])
      await bumpEpoch(through(database, bouncer), 'scans')
      const row = await withReader(through(database, bouncer), (read) =>
        read((connection) => readRow(connection, scans.sink, ['10.0.0.1', 80, 'http'])),
      )
      assert.ok(row)
      assert.equal(
        (await migrationStatus(through(database, bouncer), migrationsDir)).length,
        migrations.length,
      )
    }
    const counts = await database.query(`SELECT (SELECT count(*)::int FROM decoy.scan_results) AS rows,
      (SELECT count(*)::int FROM decoy.dead_letters) AS letters, (SELECT count(*)::int FROM decoy.cache_epochs) AS epochs,
      (SELECT count(*)::int FROM public.dead_letters) AS own`)
    assert.deepEqual(counts, [{ rows: 0, letters: 0, epochs: 0, own: 4 }])
  })

  test('other settings that clients leave behind have no effect: role, read-only, spelling of names, NULL in arrays', async () => {
    await using database = await freshDatabase(server)
    const pool = database.pool(through(database, bouncer))
    const writer = new TableWriter(pool, scans.sink)
    await database.query('CREATE ROLE weak')
    const settings = [
      'SET ROLE weak',
      'SET default_transaction_read_only = on',
      'SET quote_all_identifiers = on',
      'SET array_nulls = off',
      `SET default_transaction_isolation = 'repeatable read'`,
    ]
    for (const [version, setting] of settings.entries()) {
      await pollute(pool, setting)
      assert.equal((await writer.write([scanRecord(1, version + 1, 'x')])).written, 1, setting)
      await bumpEpoch(through(database, bouncer), 'scans')
      await pollute(pool, 'RESET ROLE; RESET ALL')
    }
    await pollute(
      pool,
      'CREATE TEMP TABLE IF NOT EXISTS cache_epochs (LIKE public.cache_epochs INCLUDING ALL)',
    )
    const epoch = await bumpEpoch(through(database, bouncer), 'scans')
    await pollute(pool, 'DROP TABLE pg_temp.cache_epochs')
    assert.deepEqual(await database.query('SELECT epoch FROM public.cache_epochs'), [{ epoch }])
  })

  test('statement mode has no transactions, and is rejected permanently', async () => {
    await using database = await freshDatabase(server)
    await using single = await startPgbouncer(server, { pool_mode: 'statement' })
    const refused = await rollingBackOf(database.pool(through(database, single)), async () => {}).catch(
      (error: unknown) => error,
    )
    assert.match(String(refused), /statement pooling mode/)
    assert.ok(isRefusedForGood(refused))
  })

  test('other clients see none of our settings', async () => {
    await using database = await freshDatabase(server)
    await bouncer.admin('RECONNECT')
    const options = through(database, bouncer)
    const pool = database.pool(options)
    await migrate(options, migrationsDir, 'up')
    await new TableWriter(pool, scans.sink).write([scanRecord(1, 1, '')])
    await withReader(options, (read) => read((connection) => connection.query('SELECT 1')))
    const names = `'statement_timeout', 'lock_timeout', 'synchronous_commit', 'default_transaction_read_only', 'search_path'`
    const text = `SELECT name, setting FROM pg_settings WHERE name IN (${names}) AND setting <> reset_val`
    for (let look = 0; look < 10; look += 1) {
      const seen = await Promise.all([1, 2].map(() => pool.query(text)))
      assert.deepEqual(
        seen.flatMap(({ rows }) => rows),
        [],
      )
    }
    const locks = await database.query(`SELECT FROM pg_locks WHERE locktype = 'advisory'`)
    assert.deepEqual(locks, [])
  })

  test('statements run on any server connection, across RECONNECT, and none is missing there', async () => {
    await using database = await freshDatabase(server)
    const writer = new TableWriter(database.pool({ ...through(database, bouncer), poolSize: 4 }), scans.sink)
    for (let round = 1; round <= 5; round += 1) {
      await Promise.all([1, 2, 3, 4].map((at) => written(writer, scanRecord(at, round, ''))))
      await bouncer.admin('RECONNECT')
    }
    const rows = await database.query('SELECT extract(epoch FROM last_seen)::int AS seen FROM scan_results')
    assert.deepEqual(
      rows,
      Array.from({ length: 4 }, () => ({ seen: 5 })),
    )
  })

  test('a statement that takes too long is cancelled, and the connection serves the next one', async () => {
    await using database = await freshDatabase(server)
    const options = { ...through(database, bouncer), statementTimeoutMs: 300, clientTimeoutMarginMs: 4000 }
    const writer = new TableWriter(database.pool({ ...options, poolSize: 1 }), scans.sink)
    await writer.write([scanRecord(1, 1, '')])
    const holder = await database.connect()
    await holder.query('BEGIN; SELECT FROM scan_results FOR UPDATE')
    await assert.rejects(writer.write([scanRecord(1, 2, '')]), { class: 'too-big', code: '57014' })
    await holder.query('COMMIT')
    assert.equal((await writer.write([scanRecord(1, 2, '')])).written, 1)
  })

  test('migrations that several processes apply at once are applied once', async () => {
    await using database = await freshDatabase(server, { migrated: false })
    const options = through(database, bouncer)
    const applied = await Promise.all([1, 2, 3].map(() => migrate(options, migrationsDir, 'up')))
    assert.deepEqual(
      applied.map((names) => names.length).sort((a, b) => a - b),
      [0, 0, migrations.length],
    )
    assert.equal((await migrate(options, migrationsDir, 'down')).length, 1)
  })

  test('an unnoticed change of the server behind the pooler: nothing known of the first one is used', async () => {
    await using database = await freshDatabase(server)
    const pool = database.pool(through(database, bouncer))
    using watch = new EpochWatch({
      pool,
      table: scans.sink,
      pipeline: 'scans',
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      clock: systemClock,
    })
    await watch.read()
    const before = watch.current
    assert.ok(before)
    assert.equal(await watch.isStill(before), true)
    await database.query('TRUNCATE scan_results')
    assert.equal(watch.current, before, 'it has not heard of it')
    assert.equal(await watch.isStill(before), false)
    const now = watch.current
    await server.restart()
    await until(() =>
      pool.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    )
    assert.equal(await watch.isStill(now ?? ''), false, 'a server that was restarted')
  })

  test('the doctor reports a pooler, and what differs', async () => {
    await using database = await freshDatabase(server)
    const findingOf = async (postgres: TestDatabase['options']) => {
      const common = { poolSize: 2, workers: 1, table: scans.sink, pipeline: 'scans', migrationsDir }
      const findings = await checkPostgres({
        postgres,
        withCache: true,
        identityHorizonMs: 8 * 86_400_000,
        ...common,
      })
      const failed = findings.filter(({ status }) => status === 'failed').map(({ name }) => name)
      assert.deepEqual(failed, ['postgres fsync'], 'the tests’ server is without it')
      return findings.find(({ name }) => name === 'postgres pooler')?.detail
    }
    assert.equal(await findingOf(database.options), 'none in between')
    assert.match(
      (await findingOf(through(database, bouncer))) ?? '',
      /in transaction mode: each write is a transaction/,
    )
  })
})
