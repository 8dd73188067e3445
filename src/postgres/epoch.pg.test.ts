import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { noLogger } from '#core/logger.ts'
import { scans } from '#pipeline/scans.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, scanRecord, startCopy, startTestServer } from '../../test/support/postgres.ts'
import { bumpEpoch, readEpoch } from './epoch.ts'
import type { PostgresOptions } from './pool.ts'
import { createPool, withConnection } from './pool.ts'
import { countRows } from './read-table.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()

/** As a connection of its own sees it. */
async function epochAt(options: PostgresOptions, table = scans.sink.name, pipeline = 'scans') {
  const pool = createPool({ ...options, poolSize: 1 }, noLogger)
  try {
    return await readEpoch(pool, { ...scans.sink, name: table }, pipeline)
  } finally {
    await pool.end()
  }
}

async function filled(database: TestDatabase): Promise<string> {
  await new TableWriter(database.pool(), scans.sink).write([scanRecord(1, 1, 'x'), scanRecord(2, 1, 'x')])
  const epoch = await epochAt(database.options)
  assert.equal(typeof epoch, 'string')
  return epoch as string
}

const changing: Record<string, string> = {
  TRUNCATE: 'TRUNCATE scan_results',
  'TRUNCATE of an empty table': 'DELETE FROM scan_results; TRUNCATE scan_results',
  'DROP and CREATE': `CREATE TABLE other (LIKE scan_results INCLUDING ALL); DROP TABLE scan_results;
                      ALTER TABLE other RENAME TO scan_results`,
  'another table of that name': `ALTER TABLE scan_results RENAME TO other;
                                 CREATE TABLE scan_results (LIKE other INCLUDING ALL)`,
  'VACUUM FULL': 'VACUUM FULL scan_results',
  'a rewrite': 'ALTER TABLE scan_results ALTER COLUMN port TYPE bigint',
  'all bumps forgotten': 'TRUNCATE cache_epochs',
  'the table of bumps dropped and made again': `CREATE TABLE other (LIKE cache_epochs INCLUDING ALL);
                                                DROP TABLE cache_epochs; ALTER TABLE other RENAME TO cache_epochs`,
}

for (const [name, text] of Object.entries(changing)) {
  test(`${name}: another epoch`, async () => {
    await using database = await freshDatabase(server)
    const before = await filled(database)
    for (const statement of text.split(';')) await database.query(statement)
    const after = await epochAt(database.options)
    assert.equal(typeof after, 'string')
    assert.notEqual(after, before)
    assert.equal(await epochAt(database.options), after)
  })
}

test('TRUNCATE that is rolled back: the same', async () => {
  await using database = await freshDatabase(server)
  const before = await filled(database)
  await database.query('BEGIN; TRUNCATE scan_results; ROLLBACK')
  assert.equal(await epochAt(database.options), before)
})

test('changing rows and maintaining the table leave it the same', async () => {
  await using database = await freshDatabase(server)
  const before = await filled(database)
  const { length: keys } = await database.query('SELECT FROM scan_results')
  for (const text of [
    `INSERT INTO scan_results VALUES ('10.9.9.9', 1, 's', 'x', now())`,
    `UPDATE scan_results SET response = 'y'`,
    `DELETE FROM scan_results WHERE port = 1`,
    'DELETE FROM scan_results',
    'VACUUM scan_results',
    'ANALYZE scan_results',
    'REINDEX TABLE scan_results',
    'CHECKPOINT',
    'SELECT pg_switch_wal()',
    'ALTER TABLE scan_results ADD COLUMN note text',
    'TRUNCATE dead_letters',
  ]) {
    await database.query(text)
    assert.equal(await epochAt(database.options), before, text)
  }
  assert.equal(keys, 2)
})

test('a restart, a clean one or after kill -9: another epoch', async () => {
  await using database = await freshDatabase(server)
  const seen = new Set([await filled(database)])
  await server.restart()
  seen.add((await epochAt(database.options)) ?? 'none')
  process.kill(server.pid, 'SIGKILL')
  await server.restart()
  seen.add((await epochAt(database.options)) ?? 'none')
  assert.equal(seen.size, 3)
})

test('the same in every session time zone', async () => {
  await using database = await freshDatabase(server)
  const before = await filled(database)
  await database.query(`ALTER DATABASE ${database.options.database} SET timezone = 'Asia/Kathmandu'`)
  assert.equal(await epochAt(database.options), before)
  await database.query(`ALTER DATABASE ${database.options.database} RESET timezone`)
})

test('a copy of the data files, started as a second server: another epoch', async () => {
  await using database = await freshDatabase(server)
  const before = await filled(database)
  await database.query('CHECKPOINT')
  await using copy = await startCopy(server)
  const options = { ...database.options, port: copy.port }
  assert.equal(await countRows(options, 'scan_results'), 2, 'it has the same rows')
  const after = await epochAt(options)
  assert.equal(typeof after, 'string')
  assert.notEqual(after, before)
})

test('a bump: another epoch, each time, of that pipeline alone', async () => {
  await using database = await freshDatabase(server)
  const seen = new Set([await filled(database)])
  const other = await epochAt(database.options, 'scan_results', 'others')
  for (let bumps = 1; bumps <= 3; bumps += 1) {
    const isNew = await bumpEpoch(database.options, 'scans')
    const epoch = await epochAt(database.options)
    assert.ok(epoch?.endsWith(isNew), 'it returns what is new in it')
    seen.add(epoch as string)
    assert.equal(seen.size, bumps + 1)
  }
  assert.equal(await epochAt(database.options, 'scan_results', 'others'), other)
})

test('a database created from another: another epoch, though its tables are the same files', async () => {
  const database = await freshDatabase(server, { locale: 'en-US' })
  const before = await filled(database)
  await database[Symbol.asyncDispose]()
  const maintenance = { ...database.options, database: server.database }
  const copy = `${database.options.database}_copy`
  await withConnection(maintenance, (client) =>
    client.query(`CREATE DATABASE "${copy}" TEMPLATE "${database.options.database}"`),
  )
  const copied = { ...database.options, database: copy }
  const file = (options: PostgresOptions) =>
    withConnection(options, async (client) => {
      const { rows } = await client.query(`SELECT pg_relation_filenode('scan_results') AS node`)
      return rows[0].node
    })
  assert.equal(await file(copied), await file(database.options))
  const after = await epochAt(copied)
  assert.equal(typeof after, 'string')
  assert.notEqual(after, before)
})

describe('of a partitioned table', () => {
  const open = async () => {
    const database = await freshDatabase(server)
    await database.query(`CREATE TABLE parts (LIKE scan_results) PARTITION BY LIST (port);
      CREATE TABLE parts_80 PARTITION OF parts FOR VALUES IN (80);
      CREATE TABLE parts_others PARTITION OF parts DEFAULT PARTITION BY LIST (port);
      CREATE TABLE parts_rest PARTITION OF parts_others DEFAULT`)
    return database
  }

  test('another one where any partition loses its rows, comes or goes', async () => {
    await using database = await open()
    const seen = new Set([await epochAt(database.options, 'parts')])
    assert.deepEqual(
      [...seen].map((epoch) => typeof epoch),
      ['string'],
    )
    assert.ok(seen.has(await epochAt(database.options, 'parts')), 'it is the same as long as nothing happens')
    const changes = [
      'TRUNCATE parts_rest',
      'TRUNCATE parts',
      'CREATE TABLE parts_81 PARTITION OF parts FOR VALUES IN (81)',
      'ALTER TABLE parts DETACH PARTITION parts_80',
      'DROP TABLE parts_81',
    ]
    for (const [i, change] of changes.entries()) {
      await database.query(change)
      seen.add(await epochAt(database.options, 'parts'))
      assert.equal(seen.size, i + 2, change)
    }
    assert.ok(!seen.has(null))
  })

  test('null where a crash empties a partition, or where there is none', async () => {
    await using database = await open()
    await database.query('ALTER TABLE parts_rest SET UNLOGGED')
    assert.equal(await epochAt(database.options, 'parts'), null)
    await database.query('DROP TABLE parts_80, parts_others')
    assert.equal(await epochAt(database.options, 'parts'), null)
  })
})

test('null without a table that has its own file', async () => {
  await using database = await freshDatabase(server)
  await database.query('CREATE VIEW seen AS SELECT * FROM scan_results')
  await database.query('CREATE TABLE parts (LIKE scan_results) PARTITION BY LIST (port)')
  for (const table of ['seen', 'parts', 'missing']) {
    assert.equal(await epochAt(database.options, table), null, table)
  }
})

test('null for an unlogged table, which a crash empties without a trace', async () => {
  await using database = await freshDatabase(server)
  const before = await filled(database)
  await database.query('ALTER TABLE scan_results SET UNLOGGED')
  assert.equal(await epochAt(database.options), null)
  await database.query('ALTER TABLE scan_results SET LOGGED')
  const after = await epochAt(database.options)
  assert.equal(typeof after, 'string')
  assert.notEqual(after, before)
})

test('null while the table of bumps is unlogged: a crash would lose them', async () => {
  await using database = await freshDatabase(server)
  await filled(database)
  await bumpEpoch(database.options, 'scans')
  await database.query('ALTER TABLE cache_epochs SET UNLOGGED')
  assert.equal(await epochAt(database.options), null)
})

test('a table name is used literally', async () => {
  await using database = await freshDatabase(server)
  await database.query('CREATE TABLE "Odd ""name""" (i integer)')
  assert.equal(typeof (await epochAt(database.options, 'Odd "name"')), 'string')
})

test('without the table of bumps it rejects', async () => {
  await using database = await freshDatabase(server)
  await database.query('DROP TABLE cache_epochs')
  await assert.rejects(epochAt(database.options), /cache_epochs/)
})

/** A role that may do this, and nothing else. */
async function roleWith(database: TestDatabase, name: string, grants: string): Promise<PostgresOptions> {
  await database.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`)
  if (grants) await database.query(`GRANT ${grants} ON cache_epochs TO ${name}`)
  return { ...database.options, user: name, password: 'secret' }
}

test('SELECT on cache_epochs suffices to read it, and it is the same for every role', async () => {
  await using database = await freshDatabase(server)
  const epoch = await filled(database)
  const reader = await roleWith(database, 'epoch_reader', 'SELECT')
  assert.equal(await epochAt(reader), epoch)
})

test('a bump without the privileges fails clearly, and changes nothing', async () => {
  await using database = await freshDatabase(server)
  const epoch = await filled(database)
  for (const [i, grants] of ['', 'SELECT', 'SELECT, INSERT'].entries()) {
    const role = await roleWith(database, `epoch_bystander_${i}`, grants)
    await assert.rejects(bumpEpoch(role, 'scans'), /lacks the required privileges on table cache_epochs/)
  }
  assert.equal(await epochAt(database.options), epoch)
})
