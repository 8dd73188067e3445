// What goes in as a parameter comes out as it was.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { scans } from '#pipeline/scans.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, scanRecord, startTestServer } from '../../test/support/postgres.ts'
import { alwaysAsync } from '../../test/support/seed.ts'
import { nastyText } from '../../test/support/text.ts'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.ts'
import { parameter, selected } from './column-sql.ts'
import { readTable } from './read-table.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer({ timezone: 'Asia/Kathmandu' })

async function elements(
  database: TestDatabase,
  type: string,
  literal: string,
  read = 'value',
): Promise<unknown[]> {
  const text = `SELECT ${read} AS value FROM unnest($1::${type}[]) WITH ORDINALITY AS u(value, n) ORDER BY n`
  return (await database.query(text, [literal])).map((row) => row['value'])
}

test('any well-formed text comes back identical', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const texts = fc.array(fc.option(nastyText), { maxLength: 40 })
  const property = fc.asyncProperty(texts, async (values) =>
    assert.deepEqual(await elements(database, 'text', arrayLiteral(values)), values),
  )
  await alwaysAsync(property)
})

test('any integer of 64 bits comes back identical', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const integers = fc.array(fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)), { maxLength: 40 })
  const property = fc.asyncProperty(integers, async (values) =>
    assert.deepEqual(
      await elements(database, 'bigint', arrayLiteral(values), 'value::text'),
      values.map((value) => (value === null ? null : String(value))),
    ),
  )
  await alwaysAsync(property, 50)
})

// The year 1, before which no time is taken.
const earliestMicros = -62_135_596_800_000_000n
// Of the year 287167. Of later ones EXTRACT rounds.
const latestMicros = 9_000_000_000_000_000_000n

test("any time in microseconds is stored to the microsecond, whatever the session's time zone", async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await database.query('CREATE TABLE times (n integer, at timestamptz)')
  const at = { name: 'at', type: 'timestamptz', from: 'unix-micros', of: () => null } as const
  const times = fc.array(fc.bigInt(earliestMicros, latestMicros), { maxLength: 40 })
  const property = fc.asyncProperty(times, async (values) => {
    const all = [earliestMicros, -1n, 0n, latestMicros, ...values]
    await database.query('TRUNCATE times')
    await database.query(
      `INSERT INTO times SELECT n, ${selected(at)} FROM unnest(${parameter(at, 0)}) WITH ORDINALITY AS r(at, n)`,
      [arrayLiteral(all)],
    )
    const text = 'SELECT (extract(epoch FROM at) * 1000000)::bigint::text AS value FROM times ORDER BY n'
    assert.deepEqual(
      (await database.query(text)).map((row) => row['value']),
      all.map(String),
    )
  })
  await alwaysAsync(property, 50)
})

test('any bytes come back identical', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  const bytes = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 40 })
  const property = fc.asyncProperty(bytes, async (arrays) => {
    const values = arrays.map((array) => Buffer.from(array))
    assert.deepEqual(await elements(database, 'bytea', byteaArrayLiteral(values)), values)
  })
  await alwaysAsync(property, 50)
})

test('seconds and addresses are stored exactly and read back canonical', async () => {
  await using database = await freshDatabase(server)
  const now = Math.floor(Date.now() / 1000)
  const rows = [
    ['1.2.3.4', 0, 'first of all seconds', '', 0],
    ['2001:db8::1', 65_535, 'now', 'é😀\n', now],
    ['::', 80, 'the last second of ten digits', 'x', 9_999_999_999],
  ] as const
  const writer = new TableWriter(database.pool(), scans.sink)
  await writer.write(
    rows.map(([ip, port, service, response, seconds]) => scanRecord([ip, port, service], seconds, response)),
  )

  const sorted = (all: readonly (readonly unknown[])[]) => all.map((row) => JSON.stringify(row)).sort()
  assert.deepEqual(sorted(await readTable(database.options, scans.sink)), sorted(rows))
  // As the server has them, without this project's reading.
  const stored = await database.query<{ exact: boolean }>(
    `SELECT last_seen = to_timestamp(9999999999) AND ip = '::/128' AS exact FROM scan_results
     WHERE service = 'the last second of ten digits'`,
  )
  assert.deepEqual(stored, [{ exact: true }])
})

test('two spellings of an address are one row', async () => {
  await using database = await freshDatabase(server)
  const writer = new TableWriter(database.pool(), scans.sink)
  await writer.write([scanRecord(['2001:db8::1', 1, 's'], 1, 'old')])
  await writer.write([scanRecord(['2001:0DB8:0:0:0:0:0:1', 1, 's'], 2, 'new')])
  assert.deepEqual(await readTable(database.options, scans.sink), [['2001:db8::1', 1, 's', 'new', 2]])
})

test('a missing table rejects', async () => {
  await using database = await freshDatabase(server, { migrated: false })
  await assert.rejects(readTable(database.options, scans.sink), { code: '42P01' })
})
