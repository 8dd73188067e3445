import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { CatalogTable } from '#core/catalog.ts'
import { columnType } from '#core/column-type.ts'
import { newest } from '#pipeline/newest.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase as freshTables, startTestServer } from '../../test/support/postgres.ts'
import { neededSink } from './needed-tables.ts'
import { withConnection } from './pool.ts'
import { readCatalog, tablesLike } from './read-catalog.ts'
import { unfitnessOf } from './table-fitness.ts'
import { readShape } from './table-shape.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()

/** Also of the schemas that other tests have made. */
async function freshDatabase(): Promise<TestDatabase> {
  const database = await freshTables(server, { migrated: false })
  const others = await database.query<{ name: string }>(
    `SELECT quote_ident(nspname) AS name FROM pg_namespace WHERE nspname !~ '^(pg_|public$|information_schema$)'`,
  )
  for (const { name } of others) await database.query(`DROP SCHEMA ${name} CASCADE`)
  return database
}

const read = ({ options }: TestDatabase, table: string): Promise<CatalogTable | undefined> =>
  withConnection(options, (connection) => readCatalog(connection, table))

async function catalogOf(database: TestDatabase, table: string): Promise<CatalogTable> {
  return (await read(database, table)) ?? assert.fail(`no table ${table}`)
}

/** What the start and the doctor have against a definition that names each column with the catalog's type. */
async function unfit(database: TestDatabase, name: string): Promise<readonly string[]> {
  const { columns, keys } = await catalogOf(database, name)
  const table: PostgresTable = {
    name,
    columns: columns
      .filter(({ generated }) => generated === 'never')
      .map((column) => ({ ...column, of: () => null })),
    key: keys[0]?.columns ?? [],
    version: [],
  }
  const needed = neededSink(table)
  return withConnection(database.options, async (connection) => {
    const shape = await readShape(connection, needed)
    return shape ? unfitnessOf(needed, shape).map(({ what }) => what) : assert.fail(`no table ${name}`)
  })
}

/** Those that `CREATE TABLE` may give modifiers, and those of schemas. */
const special = [
  'numeric(12,2)',
  'numeric(5)',
  'numeric(3,-2)',
  'numeric(3,5)[]',
  'varchar(20)',
  'varchar(20)[]',
  'char',
  'char(7)',
  'char(7)[]',
  'bit',
  '"bit"',
  '"bit"[]',
  'bit(5)',
  'bit(5)[]',
  'bit varying(5)',
  'bit varying(5)[]',
  'time(3)',
  'time(3) with time zone',
  'timestamp(0)',
  'timestamp(3) with time zone',
  'timestamp(3) with time zone[]',
  ...['', ' year', ' month', ' day', ' hour', ' minute', ' second', ' year to month', ' day to hour'].map(
    (fields) => `interval${fields}`,
  ),
  'interval day to minute',
  'interval day to second',
  'interval hour to minute',
  'interval hour to second',
  'interval minute to second',
  'interval(3)',
  'interval second(3)',
  'interval day to second(3)',
  'interval day to second(3)[]',
  'integer[3][3]',
  'sales.mood',
  'sales."Mood"',
  'sales."Mood"[]',
  '"My ""Own"" Schema"."a.b (3)[]"',
  '"My ""Own"" Schema"."a.b (3)[]"[]',
  'visible',
  '"Visible"[]',
  '"user"',
  'constructor',
  'sales.text',
  'sales.amount',
  'sales.amount[]',
  'sales.pair',
  'sales.pair[]',
  'sales.span',
  'sales.spans',
]

const types = `CREATE SCHEMA sales; CREATE SCHEMA "My ""Own"" Schema";
  CREATE TYPE sales.mood AS ENUM ('a'); CREATE TYPE sales."Mood" AS ENUM ('A');
  CREATE TYPE "My ""Own"" Schema"."a.b (3)[]" AS ENUM ('a');
  CREATE TYPE visible AS ENUM ('a'); CREATE TYPE "Visible" AS ENUM ('a'); CREATE TYPE "user" AS ENUM ('a');
  CREATE DOMAIN constructor AS text; CREATE DOMAIN sales.text AS varchar(3); CREATE DOMAIN sales.amount AS numeric(12,2);
  CREATE TYPE sales.pair AS (a integer, b sales.mood);
  CREATE TYPE sales.span AS RANGE (subtype = sales.amount, multirange_type_name = sales.spans);`

test('a type that it reads is that of its column, for every type there is', async () => {
  await using database = await freshDatabase()
  await database.query(types)
  const own = await database.query<{ type: string; isInternal: boolean }>(
    `SELECT format_type(t.oid, NULL) AS type, t.typarray = 0 AND t.typcategory <> 'A' AS "isInternal" FROM pg_type AS t
     WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype <> 'p' AND t.typrelid = 0 AND t.typname <> '_cstring'
       AND NOT EXISTS (SELECT FROM pg_type AS e JOIN pg_class AS c ON c.oid = e.typrelid WHERE e.typarray = t.oid)`,
  )
  assert.ok(own.length > 100)
  const all = [...own.map(({ type }) => type), ...special]
  const columns = all.map((type, at) => `c${at} ${type}`).join(', ')
  await database.query(`CREATE TABLE every_type (id integer PRIMARY KEY, revision integer, ${columns})`)
  const catalog = await catalogOf(database, 'every_type')
  assert.equal(catalog.columns.length, all.length + 2)
  const unread = catalog.columns.filter(({ type }) => columnType(type) === undefined)
  assert.deepEqual(unread, [])
  assert.deepEqual(await unfit(database, 'every_type'), [])
  // And a statement takes it as it is. There is no array of types that have no input.
  const internal = new Set(own.filter(({ isInternal }) => isInternal).map(({ type }) => type))
  const row = { id: 1, revision: 1 } as Readonly<Record<string, number>>
  const table: PostgresTable<typeof row> = {
    name: 'every_type',
    columns: catalog.columns
      .filter(({ type }) => !internal.has(type))
      .map(({ name, type }) => ({ name, type, of: (given) => given[name] ?? null })),
    key: ['id'],
    version: ['revision'],
  }
  const writer = new TableWriter(database.pool(), table)
  const record = newest(table).recordOf(row)
  assert.equal((await writer.write([record])).written, 1)
  assert.equal((await writer.write([record])).written, 0)
})

test('a domain is known by the type that it restricts in the end, with its modifiers', async () => {
  await using database = await freshDatabase()
  await database.query(`CREATE DOMAIN price AS numeric(12,2); CREATE DOMAIN net_price AS price CHECK (VALUE > 0);
    CREATE DOMAIN words AS text[]; CREATE TABLE domains (id integer, a price, b net_price, c words, d price[])`)
  const { columns } = await catalogOf(database, 'domains')
  assert.deepEqual(
    columns.map(({ type, domainOf }) => [type, domainOf]),
    [
      ['integer', undefined],
      ['price', 'numeric(12,2)'],
      ['net_price', 'numeric(12,2)'],
      ['words', 'text[]'],
      ['price[]', undefined],
    ],
  )
})

test('what the database fills by itself, and what it takes NULL for', async () => {
  await using database = await freshDatabase()
  await database.query(`
    CREATE DOMAIN filled AS text DEFAULT 'x'; CREATE DOMAIN demanded AS text NOT NULL;
    CREATE TABLE t (
      plain text, mandatory text NOT NULL, gone text, defaulted text NOT NULL DEFAULT 'x', serial serial,
      "always" bigint GENERATED ALWAYS AS IDENTITY, "byDefault" bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
      twice text GENERATED ALWAYS AS (plain || plain) STORED, thrice text GENERATED ALWAYS AS (plain || 'x') VIRTUAL,
      filled filled, demanded demanded);
    ALTER TABLE t DROP COLUMN gone`)
  const { columns, kind } = await catalogOf(database, 't')
  assert.equal(kind, 'r')
  const told = columns.map(({ name, isNullable, hasDefault, generated }) => [
    name,
    [isNullable && 'null', hasDefault && 'default', generated].filter(Boolean).join(' '),
  ])
  assert.deepEqual(told, [
    ['plain', 'null never'],
    ['mandatory', 'never'],
    ['defaulted', 'default never'],
    ['serial', 'default never'],
    ['always', 'default identity'],
    // Messages may give it, and so it is as one with a default.
    ['byDefault', 'default never'],
    ['twice', 'null default expression'],
    ['thrice', 'null default expression'],
    ['filled', 'null default never'],
    ['demanded', 'never'],
  ])
  assert.deepEqual(await unfit(database, 't'), [])
})

test('keys: the primary one first, then those of fewer columns, and none that ON CONFLICT cannot name', async () => {
  await using database = await freshDatabase()
  await database.query(`
    CREATE TABLE t (a integer, b integer, c integer, d text, e int4range, f int4range, "C,""x" integer, PRIMARY KEY (c, a));
    CREATE UNIQUE INDEX z ON t (b); CREATE UNIQUE INDEX y ON t (d) INCLUDE (a); CREATE UNIQUE INDEX "B" ON t ("C,""x");
    CREATE UNIQUE INDEX three ON t (a, b, c); CREATE UNIQUE INDEX two ON t (b, a);
    CREATE INDEX not_unique ON t (a); CREATE UNIQUE INDEX partial ON t (a) WHERE b > 1;
    CREATE UNIQUE INDEX expression ON t (lower(d)); CREATE UNIQUE INDEX mixed ON t (a, (b + 1));
    ALTER TABLE t ADD CONSTRAINT late UNIQUE (a, d) DEFERRABLE;
    ALTER TABLE t ADD CONSTRAINT exclusive UNIQUE (e, f WITHOUT OVERLAPS);
    CREATE UNIQUE INDEX invalid ON t (a, d); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'invalid'::regclass`)
  const { keys } = await catalogOf(database, 't')
  assert.deepEqual(keys, [
    { columns: ['c', 'a'], isPrimary: true },
    { columns: ['C,"x'], isPrimary: false },
    { columns: ['d'], isPrimary: false },
    { columns: ['b'], isPrimary: false },
    { columns: ['b', 'a'], isPrimary: false },
    { columns: ['a', 'b', 'c'], isPrimary: false },
  ])
})

describe('tables', () => {
  test('a partitioned one, a view, one without columns', async () => {
    await using database = await freshDatabase()
    await database.query(`
      CREATE TABLE parts (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
      CREATE VIEW seen AS SELECT id FROM parts; CREATE TABLE empty ()`)
    const { kind, columns, keys } = await catalogOf(database, 'parts')
    assert.deepEqual([kind, columns.length, keys], ['p', 2, [{ columns: ['id', 'at'], isPrimary: true }]])
    assert.deepEqual(await unfit(database, 'parts'), [])
    assert.equal((await catalogOf(database, 'parts_1')).keys.length, 1)
    assert.deepEqual(
      [(await catalogOf(database, 'seen')).kind, (await catalogOf(database, 'seen')).keys],
      ['v', []],
    )
    assert.deepEqual(await read(database, 'empty'), { kind: 'r', columns: [], keys: [] })
  })

  test('by their names, with and without schema, in quotes, and as the search path finds them', async () => {
    await using database = await freshDatabase()
    await database.query(`
      CREATE SCHEMA "sales.eu"; CREATE TABLE "sales.eu"."Or""ders" (a integer);
      CREATE TABLE orders (public integer); CREATE SCHEMA other; CREATE TABLE other.orders (other integer);
      CREATE SEQUENCE counter`)
    const first = async (name: string) => (await read(database, name))?.columns[0]?.name
    assert.equal(await first('"sales.eu"."Or""ders"'), 'a')
    assert.equal(await first('orders'), 'public')
    assert.equal(await first('other.orders'), 'other')
    for (const name of ['Orders', 'sales.eu.orders', 'nowhere.orders', 'counter', "or'ders", 'orders_pkey'])
      assert.equal(await read(database, name), undefined, name)
  })

  test('one in a schema that is closed to the role is not there', async () => {
    await using database = await freshDatabase()
    await database.query(`
      CREATE SCHEMA closed; CREATE TABLE closed.t (a integer); CREATE TABLE seen (a integer);
      DROP ROLE IF EXISTS visitor; CREATE ROLE visitor`)
    const reader = await database.connect()
    await reader.query('SET ROLE visitor')
    assert.equal(await readCatalog(reader, 'closed.t'), undefined)
    // Its rights on the table are another question.
    assert.equal((await readCatalog(reader, 'seen'))?.columns.length, 1)
    assert.deepEqual(await tablesLike(reader, 't'), [])
  })

  test('what was probably meant by a name', async () => {
    await using database = await freshDatabase()
    await database.query(`CREATE SCHEMA "sales.eu"; CREATE TABLE "sales.eu"."Orders" (a integer);
      CREATE SCHEMA sales; CREATE TABLE sales.orders (a integer); CREATE VIEW sales."ORDERS" AS SELECT 1`)
    const reader = await database.connect()
    assert.deepEqual(await tablesLike(reader, 'public.ORDERS'), ['sales.orders', '"sales.eu".Orders'])
    assert.deepEqual(await tablesLike(reader, 'pg_class'), [])
  })
})
