// What the table of items must be, as PostgreSQL itself says of all messages at once: no guard, no engine, no order of arrival.
import fc from 'fast-check'
import { withConnection } from '#postgres/pool.ts'
import type { PostgresServer } from '#stack/postgres.ts'
import type { Item } from './item-pipeline.ts'
import type { TestDatabase } from './postgres.ts'

/** Of few keys and versions, hard on quoting, and often equal in one way and not in another. */
export const anyItem: fc.Arbitrary<Item> = fc.record(
  {
    id: fc.constantFrom('a', 'B b', '"'),
    at: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00.000001Z'),
    revision: fc.constantFrom(-1, 0, 1),
    price: fc.constantFrom('1', '1.0', '1.00', '-7', '123456789012345678901234567890.5'),
    tags: fc.constantFrom([], ['x'], ['x', null, '{,}'], ['"\\', 'NULL']),
    more: fc.constantFrom({ a: 1, b: [true] }, { b: [true], a: 1 }, [], 'x', 0),
    gone: fc.constantFrom(true, false, false, false),
  },
  { requiredKeys: ['id', 'at', 'revision'] },
)

const oracleText = `
WITH given AS (
  SELECT m->>'id' AS id, (m->>'at')::timestamptz AS at, (m->>'revision')::integer AS revision,
         (m->>'price')::numeric AS price,
         CASE WHEN m ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(m->'tags')) END AS tags,
         m->'more' AS more, coalesce((m->>'gone')::boolean, false) AS gone
  FROM jsonb_array_elements($1::jsonb) AS m),
newest AS (
  SELECT DISTINCT ON (id) * FROM given
  ORDER BY id, at DESC, revision DESC, gone DESC, ROW(price, tags, more) USING OPERATOR(pg_catalog.*>))
SELECT id, at::text, revision, price::text, tags, more::text FROM newest WHERE NOT gone ORDER BY id COLLATE "C"`

/** A row as it is compared: what JavaScript would round or cut is text. */
export type StoredItem = Readonly<Record<string, unknown>>

export async function expectedItems(server: PostgresServer, items: readonly Item[]): Promise<StoredItem[]> {
  const options = { ...server, sslMode: 'disable', statementTimeoutMs: 20_000 } as const
  return withConnection(options, async (client) => {
    const { rows } = await client.query<StoredItem>(oracleText, [JSON.stringify(items)])
    return rows
  })
}

export function storedItems({ query }: TestDatabase): Promise<StoredItem[]> {
  return query(
    'SELECT id, at::text, revision, price::text, tags, more::text FROM items ORDER BY id COLLATE "C"',
  )
}
