import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareVersions } from '#pipeline/newest.ts'
import type { Scan } from '#pipeline/scans.ts'
import { scans } from '#pipeline/scans.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { freshDatabase, scanRecord, startTestServer } from '../support/postgres.ts'
import { commit, openCache, startTestRedis, verdictsOf } from '../support/redis-cache.ts'
import { alwaysAsync } from '../support/seed.ts'
import { nastyText } from '../support/text.ts'

const server = await startTestServer()
const redis = await startTestRedis()

/** The last one is the end of the year 294276, where PostgreSQL's time ends. */
const edges = [0, 1, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 9_999_999_999, 10_000_000_000, 9_224_318_015_999]
const version = fc.oneof(fc.constantFrom(...edges), fc.nat({ max: 9_224_318_015_999 }))

type Content = readonly [version: number, response: string]

const pair: fc.Arbitrary<readonly [Content, Content]> = fc.oneof(
  fc.tuple(fc.tuple(version, nastyText), fc.tuple(version, nastyText)),
  // Often the same version, and often the same beginning, or all of it.
  fc.tuple(version, nastyText, nastyText, nastyText).map(([at, start, a, b]): [Content, Content] => [
    [at, start + a],
    [at, start + b],
  ]),
  fc.tuple(version, nastyText).map((content): [Content, Content] => [content, content]),
)

interface Row {
  readonly at: string
  readonly last_seen: string
  readonly response: string
}

test('the cache, the table and the engine order any two records alike', async () => {
  // Where most of the order of texts is not that of their bytes.
  await using database = await freshDatabase(server, { locale: 'en-US' })
  await using cache = await openCache(redis)
  const writer = new TableWriter(database.pool(), scans.sink)
  const rows = () =>
    database.query<Row>(
      `SELECT host(ip) AS at, extract(epoch FROM last_seen)::bigint::text AS last_seen, response FROM scan_results`,
    )
  let seen = { older: 0, newer: 0, less: 0, greater: 0, same: 0 }
  const property = fc.asyncProperty(fc.array(pair, { minLength: 50, maxLength: 200 }), async (pairs) => {
    await database.query('TRUNCATE scan_results')
    cache.epoch = `${Math.random()}`
    const firsts = pairs.map(([content], at) => scanRecord(at, ...content))
    const seconds = pairs.map(([, content], at) => scanRecord(at, ...content))

    assert.equal((await writer.write(firsts)).written, pairs.length)
    await commit(cache, ...firsts)
    const verdicts = await verdictsOf(cache, ...seconds)
    const { written: placed } = await writer.write(seconds)
    const standing = new Map((await rows()).map((row) => [row.at, row]))

    let newer = 0
    for (const [at, first] of firsts.entries()) {
      const second = seconds[at] as KeyedRecord<Scan>
      const inEngine = Math.sign(compareVersions(second, first))
      const inVersion = second.version < first.version ? -1 : second.version > first.version ? 1 : 0
      const inTable =
        isRow(standing.get(ipOf(second)), second) && inEngine !== 0 ? 1 : inEngine === 0 ? 0 : -1
      const verdict = verdicts[at]
      const pairOf = JSON.stringify([first, second].map(({ row }) => row))

      assert.equal(inTable, inEngine, `table and engine: ${pairOf}`)
      if (verdict === 'stale') assert.ok(inTable <= 0, `stale, and the table would place it: ${pairOf}`)
      if (inEngine > 0) assert.equal(verdict, 'fresh', `newer: ${pairOf}`)
      if (inVersion < 0 || inEngine === 0) assert.equal(verdict, 'stale', `older, or the same: ${pairOf}`)
      // The fingerprint has no order: the bytes are for the table to compare.
      if (inVersion === 0 && inEngine !== 0) assert.equal(verdict, 'fresh', `other content: ${pairOf}`)
      if (inEngine > 0) newer += 1
      const kind =
        inEngine === 0
          ? 'same'
          : inVersion === 0
            ? inEngine < 0
              ? 'less'
              : 'greater'
            : inVersion < 0
              ? 'older'
              : 'newer'
      seen = { ...seen, [kind]: seen[kind] + 1 }
    }
    assert.equal(placed, newer)
  })
  await alwaysAsync(property, 60)
  assert.deepEqual(cache.tally.bypasses, {})
  for (const [kind, count] of Object.entries(seen)) assert.ok(count > 50, `only ${count} pairs were ${kind}`)
})

const ipOf = ({ row }: KeyedRecord<Scan>) => row.ip

function isRow(row: Row | undefined, { version, content }: KeyedRecord<Scan>): boolean {
  return row?.last_seen === `${version}` && row.response === content
}
