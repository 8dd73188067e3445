// A table with one column of each kind of type, a module that fills it, random messages for it, and what SQL alone makes of them.
import { Random } from '#demo/random.ts'

interface TypedColumn {
  readonly name: string
  readonly type: string
  readonly draw: (random: Random) => unknown
  /** What no column of the type takes; checked before the statement, or by the database alone. */
  readonly bad?: readonly unknown[]
  /** How SQL reads it from a message, where a cast of its text is not it. */
  readonly sql?: string
}

const digits = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.below(10)).join('') || '0'
const two = (value: number) => String(value).padStart(2, '0')
const date = (random: Random) =>
  `${1 + random.below(9998)}`.padStart(4, '0') + `-${two(1 + random.below(12))}-${two(1 + random.below(28))}`
const clock = (random: Random) =>
  `${two(random.below(24))}:${two(random.below(60))}:${two(random.below(60))}.${digits(random, 6)}`
const word = (random: Random) =>
  random.pick(['', 'a', 'B b', 'é', '"\\', '{,}', 'NULL', '\u{1F600}', "'; --", 'x'.repeat(40)])
const number = (random: Random) =>
  `${random.pick(['', '-'])}${digits(random, 1 + random.below(25))}.${digits(random, 1 + random.below(20))}`
const elements = (path: string) =>
  `CASE jsonb_typeof(m->'${path}') WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(m->'${path}')) END`

/** Beside key and version; each may be NULL. */
const columns: readonly TypedColumn[] = [
  { name: 'total', type: 'numeric', draw: number, bad: ['NaN', '1e200000', 'x'] },
  { name: 'price', type: 'numeric(12,2)', draw: (r) => `${r.below(10 ** 9)}.${digits(r, 2)}`, bad: ['1e10'] },
  { name: 'small', type: 'smallint', draw: (r) => r.below(65_536) - 32_768, bad: [32_768] },
  { name: 'big', type: 'bigint', draw: (r) => `-${digits(r, 18)}`, bad: ['9223372036854775808'] },
  { name: 'rough', type: 'real', draw: (r) => r.next() * 1e6, bad: ['1e39'] },
  { name: 'double', type: 'double precision', draw: (r) => r.next() * 1e-300, bad: ['1e309'] },
  { name: 'yes', type: 'boolean', draw: (r) => r.below(2) === 0, bad: ['perhaps'] },
  { name: 'words', type: 'text', draw: word, bad: ['a\0b'] },
  { name: 'short', type: 'varchar(12)', draw: (r) => word(r).slice(0, 12), bad: ['thirteen long'] },
  { name: 'fixed', type: 'char(4)', draw: (r) => digits(r, 4), bad: ['12345'] },
  { name: 'day', type: 'date', draw: date, bad: ['2026-02-30'] },
  { name: 'hour', type: 'time', draw: clock, bad: ['25:00:00'] },
  {
    name: 'moment',
    type: 'timestamp',
    draw: (r) => `${date(r)}T${clock(r)}`,
    bad: ['300000-01-01T00:00:00'],
  },
  { name: 'instant', type: 'timestamptz', draw: (r) => `${date(r)}T${clock(r)}Z`, bad: ['yesterday'] },
  { name: 'length', type: 'interval', draw: (r) => `${r.below(50)} days ${clock(r)}`, bad: ['long'] },
  {
    name: 'bytes',
    type: 'bytea',
    draw: (r) => `\\x${digits(r, 2 + 2 * r.below(20)).replaceAll('9', 'f')}`,
    bad: ['\\x0'],
  },
  { name: 'address', type: 'inet', draw: (r) => `10.${r.below(256)}.0.${r.below(256)}`, bad: ['10.0.0.256'] },
  { name: 'network', type: 'cidr', draw: (r) => `10.${r.below(256)}.0.0/16`, bad: ['10.0.0.1/8'] },
  { name: 'mac', type: 'macaddr', draw: (r) => `08:00:2b:01:02:${two(r.below(100))}`, bad: ['08'] },
  {
    name: 'token',
    type: 'uuid',
    draw: (r) => `${digits(r, 8)}-${digits(r, 4)}-4${digits(r, 3)}-8${digits(r, 3)}-${digits(r, 12)}`,
    bad: ['not-a-uuid'],
  },
  {
    name: 'raw',
    type: 'json',
    draw: (r) => `{"b": ${number(r).replace(/^-?0*(?=\d)/, '')}, "a":1}`,
    bad: ['{'],
  },
  {
    name: 'doc',
    type: 'jsonb',
    draw: (r) => `{"b": [${r.below(9)}, "${digits(r, 3)}"], "a": null}`,
    bad: ['"\\ud800"'],
  },
  { name: 'labels', type: 'text[]', draw: (r) => [word(r), word(r)], sql: elements('labels'), bad: [[1]] },
  {
    name: 'amounts',
    type: 'numeric[]',
    draw: (r) => [number(r)],
    sql: `${elements('amounts')}::numeric[]`,
    bad: [['x']],
  },
  { name: 'grid', type: 'integer[]', draw: (r) => `{{${r.below(9)},2},{3,NULL}}`, bad: ['{{1},{2,3}}'] },
  { name: 'mood', type: 'sales.mood', draw: (r) => r.pick(['sad', 'glad']), bad: ['grumpy'] },
  { name: 'positive', type: 'sales.positive', draw: (r) => `${1 + r.below(99)}.50`, bad: ['-1'] },
  { name: 'pair', type: 'sales.pair', draw: (r) => `(${r.below(9)},"a, ""b""")`, bad: ['(x,y)'] },
  { name: 'during', type: 'int4range', draw: (r) => `[${r.below(9)},${9 + r.below(9)})`, bad: ['[9,1]'] },
  { name: 'bits', type: 'bit varying', draw: (r) => (r.below(64) + 1).toString(2), bad: ['012'] },
  { name: 'spot', type: 'point', draw: (r) => `(${r.below(9)},${r.next()})`, bad: ['here'] },
  { name: 'search', type: 'tsvector', draw: (r) => `'w${r.below(9)}':1`, bad: [`'`] },
  { name: 'Mixed "Case"', type: 'text', draw: word },
  { name: 'order', type: 'text', draw: word },
]

const tableName = 'sales.Every Type'
const target = 'sales."Every Type"'
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

export const createTable = `CREATE SCHEMA sales;
  CREATE TYPE sales.mood AS ENUM ('sad', 'glad');
  CREATE DOMAIN sales.positive AS numeric CHECK (VALUE > 0);
  CREATE TYPE sales.pair AS (a integer, b text);
  CREATE TABLE ${target} (
    "group" text, number integer, at timestamptz NOT NULL, revision bigint NOT NULL,
    ${columns.map(({ name, type }) => `${quoted(name)} ${type}`).join(', ')},
    id bigint GENERATED ALWAYS AS IDENTITY, twice integer GENERATED ALWAYS AS (number * 2) STORED,
    PRIMARY KEY ("group", number));
  CREATE TABLE sent (body jsonb, is_bad boolean)`

/** The module's text. */
export function everyTypeModule(): string {
  const all = [
    { name: 'group', type: 'text' },
    { name: 'number', type: 'integer' },
    { name: 'at', type: 'timestamptz' },
    { name: 'revision', type: 'bigint' },
    ...columns.map(({ name, type }) => ({ name, type })),
  ]
  return `import { definePipeline, jsonReasons, readJson } from 'pubsub-postgres-ingester'
const columns = ${JSON.stringify(all)}
export default definePipeline({
  name: 'every-type', topic: 'every-type', subscription: 'every-type-sub',
  decode: readJson, rejections: jsonReasons,
  table: {
    name: ${JSON.stringify(tableName)},
    columns: columns.map((column) => ({ ...column, of: (row) => row[column.name] ?? null })),
    key: ['group', 'number'], version: ['at', 'revision'],
    delete: { when: ({ gone }) => gone === true },
  },
})
`
}

export interface EveryTypeMessage {
  readonly body: Readonly<Record<string, unknown>>
  readonly isBad: boolean
}

/** Of some `count / 5` keys: one in ten a deletion, one in a hundred bad, one in five twice, in random order. */
export function everyTypeMessages(seed: number, count: number): EveryTypeMessage[] {
  const random = new Random(seed)
  const messages = Array.from({ length: count }, () => drawMessage(random, count / 5))
  const all = [...messages, ...messages.filter(() => random.below(5) === 0)]
  for (let i = all.length - 1; i > 0; i--) {
    const other = random.below(i + 1)
    ;[all[i], all[other]] = [all[other] as EveryTypeMessage, all[i] as EveryTypeMessage]
  }
  return all
}

function drawMessage(random: Random, keys: number): EveryTypeMessage {
  const key = random.below(keys)
  const identity = {
    group: `g ${key % 7}`,
    number: key,
    // Often of one version, so that the database has to tell which stays.
    at: `2026-01-01T00:00:00.00000${random.below(3)}Z`,
    revision: random.below(3) - 1,
  }
  if (random.below(10) === 0) return { body: { ...identity, gone: true }, isBad: false }
  const drawn = columns.map((column) => [column.name, random.below(8) === 0 ? null : column.draw(random)])
  const body = { ...identity, ...Object.fromEntries(drawn) }
  if (random.below(100) > 0) return { body, isBad: false }
  const { name, bad } = random.pick(columns.filter((column) => column.bad !== undefined))
  return { body: { ...body, [name]: random.pick(bad ?? []) }, isBad: true }
}

const selection = columns.map(({ name, type, sql }) => {
  const path = name.replaceAll("'", "''")
  return `${sql ?? `(m->>'${path}')::${type}`} AS ${quoted(name)}`
})
const names = ['group', 'number', 'at', 'revision', ...columns.map(({ name }) => name)].map(quoted).join(', ')
const rest = columns.map(({ name }) => quoted(name)).join(', ')

/**
 * How many rows of the table differ from what the good messages in `sent` say, and how many there must be. PostgreSQL alone
 * decides: no engine, no guard, no order of arrival.
 */
export const differencesText = `
WITH newest AS (
  SELECT DISTINCT ON ("group", number) * FROM (
    SELECT m->>'group' AS "group", (m->>'number')::integer AS number, (m->>'at')::timestamptz AS at,
           (m->>'revision')::bigint AS revision, coalesce((m->>'gone')::boolean, false) AS gone,
           ${selection.join(',\n           ')}
    FROM (SELECT body AS m FROM sent WHERE NOT is_bad) AS good) AS given
  ORDER BY "group", number, at DESC, revision DESC, gone DESC, ROW(${rest}) USING OPERATOR(pg_catalog.*>)),
expected AS (SELECT ROW(${names})::text AS row FROM newest WHERE NOT gone),
actual AS (SELECT ROW(${names})::text AS row FROM ${target})
SELECT (SELECT count(*)::integer FROM expected) AS expected,
       (SELECT count(*)::integer FROM (TABLE expected EXCEPT ALL TABLE actual) AS a) AS lacking,
       (SELECT count(*)::integer FROM (TABLE actual EXCEPT ALL TABLE expected) AS b) AS wrong`
