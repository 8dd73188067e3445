// The same of the real table and the real pipeline: messages in any order, repeated, cut into any batches, written by
// two writers at a time.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareVersions } from '#pipeline/newest.ts'
import { isRejection } from '#core/rejection.ts'
import type { Scan } from '#pipeline/scans.ts'
import { scans } from '#pipeline/scans.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { freshDatabase, startTestServer } from '../support/postgres.ts'
import { decode, json } from '../support/scan-message.ts'
import { alwaysAsync } from '../support/seed.ts'

const server = await startTestServer()

/** Spellings of few keys, equal times, contents that locales and UTF-16 order in other ways, and bad ones among them. */
const message = fc
  .record({
    ip: fc.constantFrom('1.1.1.7', '::1', '0:0:0:0:0:0:0:1', '::FFFF:1.1.1.7', '010.1.1.1'),
    port: fc.constantFrom(0, 443, 65_535, 65_536),
    service: fc.constantFrom('HTTP', 'http'),
    timestamp: fc.constantFrom(0, 1_700_000_000, 1_700_000_001),
    data: fc
      .constantFrom('', 'a', 'B', 'é', 'e\u0301', '\u{FF5E}', '\u{1F600}')
      .map((response_str) => ({ response_str })),
  })
  .map((fields) => json(fields))

/** What a lane does with a batch: one record a key, the newest. */
function coalesced(records: readonly KeyedRecord<Scan>[]): KeyedRecord<Scan>[] {
  const newest = new Map<string, KeyedRecord<Scan>>()
  for (const record of records) {
    const known = newest.get(record.key)
    if (!known || compareVersions(record, known) > 0) newest.set(record.key, record)
  }
  return [...newest.values()]
}

const recordsOf = (messages: readonly string[]) =>
  messages.flatMap((text) => {
    const decoded = decode(text)
    return isRejection(decoded) ? [] : [decoded]
  })

test('any order, repetition and batching of messages ends in the same rows, with two writers at a time', async () => {
  await using database = await freshDatabase(server)
  const writers = [0, 1].map(() => new TableWriter(database.pool(), scans.sink))
  const rowsAfter = async (messages: readonly string[], size: number) => {
    await database.query('TRUNCATE scan_results')
    const records = recordsOf(messages)
    const batches = Array.from({ length: Math.ceil(records.length / size) }, (_, i) =>
      coalesced(records.slice(i * size, (i + 1) * size)),
    )
    for (let at = 0; at < batches.length; at += 2) {
      const pair = batches.slice(at, at + 2)
      await Promise.all(pair.map((batch, i) => (writers[i] as TableWriter).write(batch)))
    }
    return database.query('SELECT * FROM scan_results ORDER BY ip, port, service COLLATE "C"')
  }
  const cases = fc.array(message, { minLength: 1, maxLength: 30 }).chain((messages) => {
    const twice = [...messages, ...messages]
    return fc.tuple(
      fc.constant(messages),
      fc.shuffledSubarray(twice, { minLength: twice.length, maxLength: twice.length }),
    )
  })
  await alwaysAsync(
    fc.asyncProperty(cases, fc.integer({ min: 1, max: 10 }), async ([messages, shuffled], size) => {
      const expected = await rowsAfter(messages, messages.length)
      assert.deepEqual(await rowsAfter(shuffled, size), expected)
    }),
    60,
  )
})
