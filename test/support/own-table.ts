// A table of a user's own, messages for it, and what SQL alone makes of these.
import { Random } from '#demo/random.ts'

/** In another schema, with columns that the messages have and columns that are the database's own. */
export const ownTable = `CREATE SCHEMA shop;
  CREATE TYPE shop.mood AS ENUM ('sad', 'glad', 'it''s "fine"');
  CREATE TABLE shop.things (
    thing_id uuid, region text, updated_at timestamptz NOT NULL,
    total numeric NOT NULL, price numeric(12,2), quantity bigint, document jsonb, tags text[], mood shop.mood,
    picture bytea, seen_at timestamptz,
    doubled numeric GENERATED ALWAYS AS (total * 2) STORED,
    number bigint GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (thing_id, region));
  CREATE TABLE sent (body text, is_bad boolean)`

export interface OwnMessage {
  /** JSON text: its numbers have more digits than those of JavaScript. */
  readonly body: string
  readonly isBad: boolean
}

/** Of some `count / 5` keys: one in ten a deletion, one in a hundred bad, one in five twice, in random order. */
export function ownMessages(seed: number, count: number): OwnMessage[] {
  const random = new Random(seed)
  const messages = Array.from({ length: count }, (_, at) => drawMessage(random, Math.ceil(count / 5), at))
  const all = [...messages, ...messages.filter(() => random.below(5) === 0)]
  for (let i = all.length - 1; i > 0; i--) {
    const other = random.below(i + 1)
    ;[all[i], all[other]] = [all[other] as OwnMessage, all[i] as OwnMessage]
  }
  return all
}

const digits = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.below(10)).join('')
const hex = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.below(16).toString(16)).join('')
const text = (random: Random) =>
  random.pick(['', 'a', 'é', '\u{1F600}', '"\\', '{,}', 'NULL', "'; --", 'x'.repeat(40)])

type Draw = (random: Random) => string

/** The JSON of each field; null now and then where the column takes it. */
const fields: Readonly<Record<string, Draw>> = {
  total: (r) =>
    `${r.pick(['', '-'])}${1 + r.below(9)}${digits(r, r.below(25))}.${digits(r, 1 + r.below(20))}`,
  price: (r) => r.pick([`${r.below(10 ** 9)}.5`, `"${r.below(10 ** 9)}.${digits(r, 2)}"`]),
  quantity: (r) => `${r.pick(['', '-'])}9${digits(r, 17)}`,
  document: (r) =>
    `{"b": [${r.below(9)}.50, "${digits(r, 3)}"], "a": {"9007199254740993": 9007199254740993}}`,
  tags: (r) => JSON.stringify([text(r), text(r), null]),
  mood: (r) => JSON.stringify(r.pick(['sad', 'glad', `it's "fine"`])),
  picture: (r) => JSON.stringify(Buffer.from(hex(r, 2 * r.below(20)), 'hex').toString('base64')),
  seen_at: (r) =>
    `"20${digits(r, 2)}-0${1 + r.below(9)}-1${r.below(10)}T1${r.below(10)}:00:00.${digits(r, 9)}+0${r.below(10)}:30"`,
}

const bad: readonly (readonly [field: string, json: string])[] = [
  ['total', '"NaN"'],
  ['total', 'null'],
  ['price', '12345678901.00'],
  ['price', '0.125'],
  ['quantity', '9223372036854775808'],
  ['quantity', '0.1'],
  ['document', '"a\\u0000b"'],
  ['tags', '"a"'],
  ['mood', '"grumpy"'],
  ['picture', '"A"'],
  ['seen_at', '"2026-02-30T00:00:00Z"'],
  ['seen_at', '"2026-02-03T00:00:00"'],
  ['seen_at', '1767225600'],
]

/** @param at of the message: no two have one version */
function drawMessage(random: Random, keys: number, at: number): OwnMessage {
  const key = random.below(keys)
  const identity = [
    `"thing_id": "${String(key).padStart(8, '0')}-0000-4000-8000-000000000000"`,
    `"region": ${JSON.stringify(['north', 'a b', 'süd'][key % 3])}`,
    `"updated_at": "2026-01-01T00:00:0${random.below(10)}.${String(at).padStart(6, '0')}Z"`,
  ]
  if (random.below(10) === 0) return { body: `{${[...identity, '"op": "D"'].join(', ')}}`, isBad: false }
  const drawn = Object.entries(fields).map(
    ([name, draw]) => [name, name !== 'total' && random.below(8) === 0 ? 'null' : draw(random)] as const,
  )
  const isBad = random.below(100) === 0
  const [wrong, value] = isBad ? random.pick(bad) : []
  const members = drawn.map(([name, json]) => `"${name}": ${name === wrong ? value : json}`)
  return { body: `{${[...identity, ...members].join(', ')}}`, isBad }
}

const names = 'thing_id, region, updated_at, total, price, quantity, document, tags, mood, picture, seen_at'

/**
 * How many rows of the table differ from what the good messages in `sent` say, and how many there must be: PostgreSQL alone
 * decides. Digits beyond the microsecond are cut.
 */
export const ownDifferences = `
WITH newest AS (
  SELECT DISTINCT ON (thing_id, region) * FROM (
    SELECT (m->>'thing_id')::uuid AS thing_id, m->>'region' AS region, (m->>'updated_at')::timestamptz AS updated_at,
           m->>'op' = 'D' AS gone, (m->>'total')::numeric AS total, (m->>'price')::numeric(12,2) AS price,
           (m->>'quantity')::bigint AS quantity, nullif(m->'document', 'null') AS document,
           CASE jsonb_typeof(m->'tags') WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(m->'tags')) END AS tags,
           (m->>'mood')::shop.mood AS mood, decode(m->>'picture', 'base64') AS picture,
           regexp_replace(m->>'seen_at', '(\\.\\d{6})\\d+', '\\1')::timestamptz AS seen_at
    FROM (SELECT body::jsonb AS m FROM sent WHERE NOT is_bad) AS good) AS given
  ORDER BY thing_id, region, updated_at DESC),
expected AS (SELECT ROW(${names})::text AS row FROM newest WHERE gone IS NOT TRUE),
actual AS (SELECT ROW(${names})::text AS row FROM shop.things)
SELECT (SELECT count(*)::integer FROM expected) AS expected,
       (SELECT count(*)::integer FROM (TABLE expected EXCEPT ALL TABLE actual) AS a) AS lacking,
       (SELECT count(*)::integer FROM (TABLE actual EXCEPT ALL TABLE expected) AS b) AS wrong`
