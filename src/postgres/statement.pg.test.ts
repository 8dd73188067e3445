import assert from 'node:assert/strict'
import { test } from 'vitest'
import type pg from 'pg'
import type { Fields } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import type { WriteFailure } from '#core/write-failure.ts'
import { scans } from '#pipeline/scans.ts'
import { serverProcesses } from '#stack/processes.ts'
import {
  freshDatabase,
  scanRecord,
  startTestServer,
  until,
  patient,
  untilBlocked,
} from '../../test/support/postgres.ts'
import { signalEach } from '../../test/support/signal-each.ts'
import { createPool } from './pool.ts'
import { runStatement, runTransaction } from './statement.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()

const backendOf = async (pool: pg.Pool) => {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid
}

const failed = (writing: Promise<unknown>) =>
  writing.then(
    () => assert.fail('the write worked'),
    (failure: WriteFailure) => failure,
  )

test('the number of rows affected, and the rows', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const pool = database.pool()
  const made = await runStatement(pool, { text: 'CREATE TABLE n AS SELECT generate_series(1, 7) AS i' }, 'n')
  assert.equal(made.rowCount, 7)
  const deleted = await runStatement(
    pool,
    { text: 'DELETE FROM n WHERE i <= $1 RETURNING i', values: [2] },
    'n',
  )
  assert.deepEqual([deleted.rowCount, deleted.rows], [2, [{ i: 1 }, { i: 2 }]])
})

test('a rejected row does not cost the connection', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool({ poolSize: 1 })
  const writer = new TableWriter(pool, scans.sink)
  const backend = await backendOf(pool)
  const { class: failureClass } = await failed(writer.write([scanRecord(['nowhere', 1, 's'], 1, '')]))
  assert.equal(failureClass, 'bad-row')
  assert.equal((await writer.write([scanRecord(1, 1, '')])).written, 1)
  assert.equal(await backendOf(pool), backend)
})

test('a backend terminated during a write: infrastructure, and the next write has a new one', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool({ poolSize: 1 })
  const writer = new TableWriter(pool, scans.sink, patient)
  await writer.write([scanRecord(1, 1, '')])
  const backend = await backendOf(pool)
  const holder = await database.connect()
  await holder.query('BEGIN; SELECT FROM scan_results FOR UPDATE')
  const writing = failed(writer.write([scanRecord(1, 2, '')]))
  await untilBlocked(database, 1)
  await database.query('SELECT pg_terminate_backend($1)', [backend])
  const { class: failureClass, code } = await writing
  assert.deepEqual([failureClass, code], ['infrastructure', '57P01'])
  await holder.query('ROLLBACK')
  assert.equal((await writer.write([scanRecord(1, 2, '')])).written, 1)
  assert.notEqual(await backendOf(pool), backend)
})

test('a terminated idle connection is logged and replaced', async () => {
  await using database = await freshDatabase(server)
  const told = Promise.withResolvers<Fields>()
  const pool = createPool(
    { ...database.options, poolSize: 1 },
    { ...noLogger, warn: (fields) => told.resolve(fields) },
  )
  const backend = await backendOf(pool)
  await database.query('SELECT pg_terminate_backend($1)', [backend])
  assert.match(String((await told.promise)['error']), /terminating connection/)
  assert.equal((await new TableWriter(pool, scans.sink).write([scanRecord(1, 1, '')])).written, 1)
  await pool.end()
})

test('26000: a missing prepared statement is a conflict, and the next connection prepares it anew', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool({ poolSize: 1 })
  const writer = new TableWriter(pool, scans.sink)
  await writer.write([scanRecord(1, 1, '')])
  await pool.query('DEALLOCATE ALL')
  const { class: failureClass, code } = await failed(writer.write([scanRecord(1, 2, '')]))
  assert.deepEqual([failureClass, code], ['conflict', '26000'])
  assert.equal((await writer.write([scanRecord(1, 2, '')])).written, 1)
})

test('a table that is recreated under a prepared statement is written to', async () => {
  await using database = await freshDatabase(server)
  const writer = new TableWriter(database.pool({ poolSize: 1 }), scans.sink)
  await writer.write([scanRecord(1, 9, '')])
  await database.query('CREATE TABLE other (LIKE scan_results INCLUDING ALL)')
  await database.query('DROP TABLE scan_results')
  await database.query('ALTER TABLE other RENAME TO scan_results')
  assert.equal((await writer.write([scanRecord(1, 1, '')])).written, 1)
})

test('no free connection: waits until one is free, however long', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool({ poolSize: 1, connectTimeoutMs: 100 })
  const client = await pool.connect()
  const writing = new TableWriter(pool, scans.sink).write([scanRecord(1, 1, '')])
  // Longer than it would wait for a new one.
  await client.query('SELECT pg_sleep(0.3)')
  client.release()
  assert.equal((await writing).written, 1)
})

test('a frozen server costs a transaction one timeout, not another one for its rollback', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool({ statementTimeoutMs: 800, clientTimeoutMarginMs: 200, poolSize: 1 })
  await pool.query('SELECT')
  const pids = await serverProcesses(server.pid)
  try {
    signalEach(pids, 'SIGSTOP')
    const startMs = performance.now()
    const work = runTransaction(pool, (client) => client.query('SELECT'), 'here')
    assert.match((await failed(work)).message, /Query read timeout/)
    const elapsedMs = performance.now() - startMs
    assert.ok(elapsedMs < 1900, `${elapsedMs} ms`)
    assert.equal(pool.totalCount, 0)
  } finally {
    signalEach(pids, 'SIGCONT')
  }
})

test('a frozen server: statements and new connections time out, and their connections are closed', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool({ statementTimeoutMs: 800, clientTimeoutMarginMs: 200, connectTimeoutMs: 800 })
  const writer = new TableWriter(pool, scans.sink)
  await writer.write([scanRecord(1, 1, '')])
  assert.equal(pool.totalCount, 1)
  const pids = await serverProcesses(server.pid)
  try {
    signalEach(pids, 'SIGSTOP')
    const statement = await failed(writer.write([scanRecord(1, 2, '')]))
    assert.equal(statement.class, 'infrastructure')
    assert.match(statement.message, /Query read timeout/)
    // The answer may still come, and would be taken for the next one's.
    assert.equal(pool.totalCount, 0)
    const connection = await failed(writer.write([scanRecord(1, 2, '')]))
    assert.equal(connection.class, 'infrastructure')
    assert.match(connection.message, /connection timeout/)
    assert.equal(pool.totalCount, 0)
  } finally {
    signalEach(pids, 'SIGCONT')
  }
  const worked = () =>
    writer.write([scanRecord(1, 3, '')]).then(
      () => true,
      () => false,
    )
  await until(worked)
  assert.deepEqual(await database.query('SELECT last_seen = to_timestamp(3) AS newest FROM scan_results'), [
    { newest: true },
  ])
})

test('kill -9 of the whole server, with a statement and an idle connection: infrastructure until it is back', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool()
  const writer = new TableWriter(pool, scans.sink, patient)
  await Promise.all([1, 2].map((at) => writer.write([scanRecord(at, 1, '')])))
  const holder = await database.connect()
  await holder.query('BEGIN; SELECT FROM scan_results FOR UPDATE')
  const writing = failed(writer.write([scanRecord(1, 2, '')]))
  await untilBlocked(database, 1)
  signalEach(await serverProcesses(server.pid), 'SIGKILL')
  assert.equal((await writing).class, 'infrastructure')
  await until(async () => (await serverProcesses(server.pid)).length === 0)
  const { class: whileAway } = await failed(writer.write([scanRecord(1, 2, '')]))
  assert.equal(whileAway, 'infrastructure')
  await server.restart()
  assert.equal((await writer.write([scanRecord(1, 3, ''), scanRecord(2, 3, '')])).written, 2)
})
