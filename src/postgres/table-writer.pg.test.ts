import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { PostgresTable } from '#core/pipeline.ts'
import { compareVersions, newest } from '#pipeline/newest.ts'
import { scans } from '#pipeline/scans.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, scanRecord, startTestServer } from '../../test/support/postgres.ts'
import { alwaysAsync } from '../../test/support/seed.ts'
import { nastyText } from '../../test/support/text.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()
/** Where `a` < `B` and most of the order is not that of the bytes. */
const locale = 'en-US'

const writerTo = (database: TestDatabase) => new TableWriter(database.pool(), scans.sink)

async function responses({ query }: TestDatabase): Promise<string[]> {
  const rows = await query<{ response: string }>(
    'SELECT response FROM scan_results ORDER BY ip, port, service',
  )
  return rows.map(({ response }) => response)
}

test('the newer one wins, in any order of arrival', async () => {
  await using database = await freshDatabase(server)
  const writer = writerTo(database)
  assert.equal((await writer.write([scanRecord(1, 10, 'old'), scanRecord(2, 20, 'new')])).written, 2)
  assert.equal((await writer.write([scanRecord(1, 20, 'new'), scanRecord(2, 10, 'old')])).written, 1)
  assert.deepEqual(await responses(database), ['new', 'new'])
})

test('NULL in the version of a row that others have written is older than everything', async () => {
  await using database = await freshDatabase(server)
  await database.query('ALTER TABLE scan_results ALTER response DROP NOT NULL, ALTER last_seen DROP NOT NULL')
  const writer = writerTo(database)
  await writer.write([1, 2, 3, 4].map((at) => scanRecord(at, 10, 'old')))
  const ips = await database.query<{ ip: string }>('SELECT ip FROM scan_results ORDER BY ip')
  const change = (at: number, what: string) =>
    database.query(`UPDATE scan_results SET ${what} WHERE ip = '${ips[at]?.ip}'`)
  await change(0, 'last_seen = NULL')
  await change(1, 'response = NULL')
  await change(2, 'response = NULL, last_seen = to_timestamp(30)')
  assert.equal((await writer.write([1, 2, 3, 4].map((at) => scanRecord(at, 10, 'a')))).written, 2)
  assert.deepEqual(await responses(database), ['a', 'a', null, 'old'])
})

test('the count is of the rows placed; a batch of stale ones places none', async () => {
  await using database = await freshDatabase(server)
  const writer = writerTo(database)
  const batch = (version: number, count: number) =>
    Array.from({ length: count }, (_, at) => scanRecord(at, version, `${version}`))
  assert.equal((await writer.write([])).written, 0)
  assert.equal((await writer.write(batch(5, 700))).written, 700)
  assert.equal((await writer.write(batch(4, 700))).written, 0)
  assert.equal((await writer.write([...batch(6, 300), ...batch(4, 700).slice(300)])).written, 300)
})

test('writing the same record again counts no row and changes no row', async () => {
  await using database = await freshDatabase(server)
  const writer = writerTo(database)
  const row = () => database.query('SELECT xmin, ctid, * FROM scan_results')
  await writer.write([scanRecord(1, 10, 'same')])
  const before = await row()
  assert.equal((await writer.write([scanRecord(1, 10, 'same')])).written, 0)
  assert.deepEqual(await row(), before)
})

test('equal versions: the greater UTF-8 bytes win, regardless of locale and UTF-16 order', async () => {
  await using database = await freshDatabase(server, { locale })
  const [order] = await database.query(`SELECT 'a' < 'B' AS linguistic, 'é' < 'z' AS accents`)
  assert.deepEqual(order, { linguistic: true, accents: true })

  const writer = writerTo(database)
  const pairs = [
    ['', 'a'],
    ['B', 'a'],
    ['z', 'é'],
    ['e\u0301', 'é'],
    ['\u{FFFD}', '\u{10000}'],
    ['\u{E000}', '😀'],
    ['a', 'a\u0001'],
  ] as const
  await writer.write(
    pairs.flatMap(([less, greater], at) => [scanRecord(2 * at, 7, less), scanRecord(2 * at + 1, 7, greater)]),
  )
  const { written } = await writer.write(
    pairs.flatMap(([less, greater], at) => [scanRecord(2 * at, 7, greater), scanRecord(2 * at + 1, 7, less)]),
  )
  assert.equal(written, pairs.length)
  assert.deepEqual(
    await responses(database),
    pairs.flatMap(([, greater]) => [greater, greater]),
  )
})

test('the guard orders any two records as the engine does', async () => {
  await using database = await freshDatabase(server, { locale })
  const writer = writerTo(database)
  const version = fc.constantFrom(0, 1, 2, 1_700_000_000, 9_999_999_999)
  const content = fc.tuple(version, nastyText)
  type Content = readonly [version: number, response: string]
  // Often the same version, and often the same beginning.
  const alike = fc
    .tuple(version, nastyText, nastyText, nastyText)
    .map(([at, start, a, b]): [Content, Content] => [
      [at, start + a],
      [at, start + b],
    ])
  const pair: fc.Arbitrary<readonly [Content, Content]> = fc.oneof(fc.tuple(content, content), alike)
  const property = fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 150 }), async (pairs) => {
    await database.query('TRUNCATE scan_results')
    const records = pairs.map(([a, b], at) => [scanRecord(at, ...a), scanRecord(at, ...b)] as const)
    assert.equal((await writer.write(records.map(([a]) => a))).written, pairs.length)
    const newer = records.filter(([a, b]) => compareVersions(b, a) > 0)
    assert.equal((await writer.write(records.map(([, b]) => b))).written, newer.length)
    assert.deepEqual(
      await responses(database),
      records.map(([a, b]) => (compareVersions(b, a) > 0 ? b : a).content),
    )
  })
  await alwaysAsync(property, 60)
})

test('write resolves after the commit: other sessions can see what it wrote', async () => {
  await using database = await freshDatabase(server)
  const writer = writerTo(database)
  for (let version = 1; version <= 20; version += 1) {
    await writer.write([scanRecord(1, version, `${version}`)])
    assert.deepEqual(await responses(database), [`${version}`])
  }
})

test('a failed commit is a failure, even if the statement itself succeeded', async () => {
  await using database = await freshDatabase(server)
  await database.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'not at commit' USING ERRCODE = '23514'; END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON scan_results DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.response = 'refused') EXECUTE FUNCTION refuse()`)
  const writer = writerTo(database)
  const refused = writer.write([scanRecord(1, 1, 'fine'), scanRecord(2, 1, 'refused')])
  await assert.rejects(refused, { class: 'bad-row', code: '23514' })
  assert.deepEqual(await responses(database), [])
  assert.equal((await writer.write([scanRecord(1, 1, 'fine')])).written, 1)
})

test('updates stay in their page, and out of the index', async () => {
  await using database = await freshDatabase(server)
  const pool = database.pool({ poolSize: 1 })
  const writer = new TableWriter(pool, scans.sink)
  const all = Array.from({ length: 2000 }, (_, at) => scanRecord(at, 1, 'x'.repeat(100)))
  await writer.write(all)
  const some = all.filter((_, at) => at % 10 === 0)
  await writer.write(some.map((_, at) => scanRecord(at * 10, 2, 'y'.repeat(100))))
  await pool.query('SELECT pg_stat_force_next_flush()')
  const updates = await database.query(
    `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_all_tables
     WHERE relid = 'scan_results'::regclass`,
  )
  assert.deepEqual(updates, [{ all: some.length, hot: some.length }])
})

test('a row that has no time is as good as any to be written again', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await database.query(
    'CREATE TABLE times (id integer PRIMARY KEY, revision integer NOT NULL, at timestamptz)',
  )
  const table: PostgresTable<readonly number[]> = {
    name: 'times',
    columns: [
      { name: 'id', type: 'integer', of: ([id = 0]) => id },
      { name: 'revision', type: 'integer', of: ([, revision = 0]) => revision },
      { name: 'at', type: 'timestamptz', from: 'unix-micros', of: ([, , at = null]) => at },
    ],
    key: ['id'],
    version: ['revision'],
  }
  const writer = new TableWriter(database.pool(), table)
  const record = newest(table).recordOf([1, 1])
  assert.equal((await writer.write([record])).written, 1)
  assert.equal(await writer.rewriteExistingRow(), true)
  for (const at of ["'2026-01-01T00:00:00.123456Z'", "'0001-01-01Z'"]) {
    await database.query(`UPDATE times SET at = ${at}`)
    assert.equal(await writer.rewriteExistingRow(), true, at)
  }
  for (const at of ["'infinity'", "'294248-01-01Z'"]) {
    await database.query(`UPDATE times SET at = ${at}`)
    assert.equal(await writer.rewriteExistingRow(), false, at)
  }
})
