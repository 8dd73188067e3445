// From the bytes of messages to the rows of a table: mappings whose records are appended or added up.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { repeatedBy } from '#core/identity.ts'
import { isIgnored } from '#core/ignored.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import { isSeveral } from '#ingest/several.ts'
import { IdentifiedWriter } from '#postgres/applied/identified-writer.ts'
import { withConnection } from '#postgres/pool.ts'
import { readCatalog } from '#postgres/read-catalog.ts'
import { deliveryOf } from '../../../test/support/arrivals.ts'
import type { TestDatabase } from '../../../test/support/postgres.ts'
import { freshDatabase, startTestServer } from '../../../test/support/postgres.ts'
import { unboundPipeline } from './mapped-pipeline.ts'
import { parseMapping } from './read-mapping.ts'

const server = await startTestServer()
const nowMs = Date.now()
const limits = { maxMessageBytes: Infinity, maxClockSkewMs: Infinity }

interface Published {
  readonly id: string
  readonly json: string
  readonly attributes?: Readonly<Record<string, string>>
}

async function opened(table: string, text: string) {
  const database = await freshDatabase(server)
  await database.query(table)
  const unbound = unboundPipeline(parseMapping(text, 'f.yaml'))
  const catalog = await withConnection(database.options, (connection) =>
    readCatalog(connection, unbound.table.name),
  )
  const pipeline = unbound.bind(catalog)
  const pool = database.pool({})
  const writer = () =>
    new IdentifiedWriter(pool, pipeline.sink, {
      pipeline: pipeline.name,
      horizonMs: 8 * 86_400_000,
    })
  return { database, pipeline, writer, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() }
}

/** The records of a message that are stored. */
function recordsOf(pipeline: Pipeline, { id, json, attributes = {} }: Published): KeyedRecord[] {
  const delivery = { ...deliveryOf(json), messageId: id, publishTimeMs: nowMs, attributes }
  const decoded = pipeline.decode(delivery, limits)
  const rows: readonly unknown[] = isSeveral(decoded) ? decoded : [decoded]
  return rows.flatMap((row, index) =>
    isRejection(row) || isIgnored(row) ? [] : [pipeline.merge.recordOf(row, delivery, index)],
  )
}

const sumTable = `CREATE TYPE plan AS ENUM ('basic', 'large');
CREATE TABLE sums (customer uuid, hour timestamptz, day date, plan plan, zone smallint, name text COLLATE "C",
  records bigint NOT NULL DEFAULT 0, units integer NOT NULL, bytes bigint, cost numeric NOT NULL, paid numeric(30,6) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (customer, hour, day, plan, zone, name))`

const sumMapping = `name: sums
subscription: sums-sub
topic: sums-topic
table: sums
mode: sum
key: [customer, hour, day, plan, zone, name]
split: uses
where: { not: { path: kind, equals: test } }
columns:
  customer: $message.customer
  records: { value: 1 }
  bytes: [bytes, { path: size, default: 0 }]
`

interface Use {
  readonly hour: number
  readonly day: number
  readonly plan: string
  readonly zone: number
  readonly name: string
  readonly units: number
  readonly bytes: bigint | undefined
  readonly cost: bigint
  readonly paid: bigint
  readonly isTest: boolean
  /** How the same key is written. */
  readonly spelling: 0 | 1
}

const use: fc.Arbitrary<Use> = fc.record({
  hour: fc.constantFrom(0, 1),
  day: fc.constantFrom(1, 2),
  plan: fc.constantFrom('basic', 'large'),
  zone: fc.constantFrom(-1, 32_767),
  name: fc.constantFrom('a', 'A', 'a b', 'o\'b"\\', '\u{1F600}'),
  units: fc.integer({ min: -1_000_000, max: 1_000_000 }),
  bytes: fc.option(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }), { nil: undefined, freq: 3 }),
  cost: fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
  paid: fc.bigInt({ min: -(10n ** 26n), max: 10n ** 26n }),
  isTest: fc.boolean(),
  spelling: fc.constantFrom(0, 1),
})

/** A decimal of so many places, exactly. */
function decimal(value: bigint, places: number): string {
  const digits = String(value < 0n ? -value : value).padStart(places + 1, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`
}

function useJson({ spelling, ...use }: Use): string {
  const hour =
    spelling === 0 ? `2026-01-31T0${use.hour}:00:00Z` : `2026-01-31T0${use.hour + 1}:00:00.000+01:00`
  const texts = {
    hour,
    day: `2026-01-0${use.day}`,
    plan: use.plan,
    name: use.name,
    kind: use.isTest ? 'test' : 'use',
  }
  const numbers = [
    `"zone": ${spelling === 0 ? use.zone : `"${use.zone}"`}`,
    `"units": ${use.units}`,
    ...(use.bytes === undefined ? [] : [`"bytes": ${spelling === 0 ? use.bytes : `"${use.bytes}"`}`]),
    `"cost": ${decimal(use.cost, 9)}`,
    `"paid": "${decimal(use.paid, 6)}"`,
  ]
  return `${JSON.stringify(texts).slice(0, -1)}, ${numbers.join(', ')}}`
}

const customers = ['01234567-89ab-4cde-8f01-23456789abcd', 'f0000000-0000-4000-8000-000000000001']

interface Sum {
  records: bigint
  units: bigint
  bytes: bigint
  cost: bigint
  paid: bigint
}

interface Message {
  readonly customer: number
  readonly uses: readonly Use[]
  /** How often it is delivered, and then published again under its identity. */
  readonly times: number
  readonly again: number
}

test('sums are exact for keys of any type, however they are spelled, and each record counts once', async () => {
  await using all = await opened(sumTable, sumMapping)
  const message: fc.Arbitrary<Message> = fc.record({
    customer: fc.constantFrom(0, 1),
    uses: fc.array(use, { maxLength: 4 }),
    times: fc.integer({ min: 1, max: 3 }),
    again: fc.integer({ min: 0, max: 2 }),
  })
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer(),
      async (messages, size, seed) => {
        run += 1
        await all.database.query('TRUNCATE sums')
        const published = messages.flatMap(({ customer, uses, times, again }, at): Published[] => {
          const id = `${run}-${at}`
          const key = customers[customer] as string
          const json = `{"customer": "${at % 2 === 0 ? key : key.toUpperCase()}", "uses": [${uses.map(useJson).join(', ')}]}`
          return [
            ...Array.from({ length: times }, () => ({ id, json })),
            ...Array.from({ length: again }, (_, n) => ({
              id: `${id}-again-${n}`,
              json,
              attributes: repeatedBy(id, nowMs),
            })),
          ]
        })
        const records = shuffled(published, seed).flatMap((one) => recordsOf(all.pipeline, one))
        let written = 0
        for (let at = 0; at < records.length; at += size) {
          const stored = await all.writer().write(records.slice(at, at + size))
          assert.equal(stored.refused, undefined)
          written += stored.written
        }
        const counted = messages.flatMap(({ uses, customer }) =>
          uses.filter(({ isTest }) => !isTest).map((one) => ({ ...one, customer })),
        )
        assert.equal(written, counted.length)
        assert.deepEqual(await storedSums(all.database), expectedSums(counted))
      },
    ),
    { numRuns: 25 },
  )
})

function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed
  const next = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) | 0)
  return items
    .map((item) => ({ item, place: next() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item)
}

function expectedSums(uses: readonly (Use & { readonly customer: number })[]): string[] {
  const sums = new Map<string, Sum>()
  for (const one of uses) {
    const key = JSON.stringify([customers[one.customer], one.hour, one.day, one.plan, one.zone, one.name])
    const sum = sums.get(key) ?? { records: 0n, units: 0n, bytes: 0n, cost: 0n, paid: 0n }
    sum.records += 1n
    sum.units += BigInt(one.units)
    sum.bytes += one.bytes ?? 0n
    sum.cost += one.cost
    sum.paid += one.paid
    sums.set(key, sum)
  }
  return [...sums]
    .map(([key, { records, units, bytes, cost, paid }]) =>
      [key, records, units, bytes, decimal(cost, 9), decimal(paid, 6)].join(' '),
    )
    .sort()
}

async function storedSums(database: TestDatabase): Promise<string[]> {
  const rows = await database.query<Record<string, string>>(
    `SELECT customer, extract(hour FROM hour AT TIME ZONE 'UTC')::integer AS hour, extract(day FROM day)::integer AS day, plan, zone, name,
       records::text, units::text, bytes::text, cost::numeric(60,9)::text AS cost, paid::text FROM sums`,
  )
  return rows
    .map(({ customer, hour, day, plan, zone, name, records, units, bytes, cost, paid }) =>
      [JSON.stringify([customer, hour, day, plan, zone, name]), records, units, bytes, cost, paid].join(' '),
    )
    .sort()
}

test('what is appended is stored as it is, once: documents, lists, times, NULL and what the database fills', async () => {
  const table = `CREATE TABLE log (no bigint GENERATED ALWAYS AS IDENTITY, id text NOT NULL, body jsonb, tags text[], amount numeric,
    done_at timestamptz(3), note text, source text NOT NULL DEFAULT 'here', published_at timestamptz NOT NULL)`
  const mapping = `name: log
subscription: log-sub
topic: log-topic
table: log
mode: append
split: entries
columns:
  id: $messageId
  published_at: $publishTime
  body: $element
  note: { path: note, optional: true }
  tags: { path: tags, default: [] }
  done_at: { path: at, unit: ms }
`
  await using all = await opened(table, mapping)
  const json = `{"entries": [
    {"amount": 9007199254740993.10, "at": 1767225600250, "tags": ["a,b", null], "note": null},
    {"amount": "0.1", "at": "1767225600250"},
    {"amount": "much", "at": 1767225600250},
    {"amount": null, "at": null, "note": "x"}]}`
  const first = recordsOf(all.pipeline, { id: '7', json })
  assert.equal(first.length, 3)
  assert.deepEqual(await all.writer().write(first), { written: 3, duplicates: [] })
  assert.deepEqual(await all.writer().write(first), { written: 0, duplicates: [0, 1, 2] })
  const again = recordsOf(all.pipeline, { id: '8', json, attributes: repeatedBy('7', nowMs) })
  assert.deepEqual(await all.writer().write(again), { written: 0, duplicates: [0, 1, 2] })
  const request = { 'ingester-request': 'a'.repeat(64) }
  assert.equal(
    (await all.writer().write(recordsOf(all.pipeline, { id: '9', json, attributes: request }))).written,
    3,
  )
  const repeated = await all.writer().write(recordsOf(all.pipeline, { id: '10', json, attributes: request }))
  assert.deepEqual(repeated, { written: 0, duplicates: [0, 1, 2] })
  const rows = await all.database.query<Record<string, string | null>>(
    `SELECT id, body->>'amount' AS body, tags::text, amount::text, (extract(epoch FROM done_at) * 1000)::bigint::text AS done, note, source,
       published_at = timestamptz 'epoch' + ${nowMs} * interval '1 ms' AS known FROM log ORDER BY no`,
  )
  const expected = (id: string) => [
    [id, '9007199254740993.10', '{"a,b",NULL}', '9007199254740993.10', '1767225600250', null, 'here', true],
    [id, '0.1', '{}', '0.1', '1767225600250', null, 'here', true],
    [id, null, '{}', null, null, 'x', 'here', true],
  ]
  assert.deepEqual(
    rows.map((row) => Object.values(row)),
    [...expected('7'), ...expected('9')],
  )
})

test('beyond its type a sum does not wrap, and what was there stays', async () => {
  const table = 'CREATE TABLE counts (key text PRIMARY KEY, value smallint NOT NULL)'
  const mapping = 'name: counts\nsubscription: counts-sub\ntable: counts\nmode: sum\nkey: key\n'
  await using all = await opened(table, mapping)
  const add = (id: string, value: number) =>
    all.writer().write(recordsOf(all.pipeline, { id, json: `{"key": "a", "value": ${value}}` }))
  await add('1', 32_767)
  const { written, refused } = await add('2', 1)
  assert.deepEqual([written, refused?.map(({ failure }) => failure.code)], [0, ['22003']])
  await add('3', -1)
  const rows = await all.database.query('SELECT value FROM counts')
  assert.deepEqual(rows, [{ value: 32_766 }])
})
