import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareVersions } from '#pipeline/newest.ts'
import type { Scan } from '#pipeline/scans.ts'
import { scans } from '#pipeline/scans.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, scanRecord, startTestServer, untilBlocked } from '../../test/support/postgres.ts'
import { showSeed } from '../../test/support/seed.ts'
import { arrayLiteral } from './array-literal.ts'
import { readTable } from './read-table.ts'
import { runStatement } from './statement.ts'
import { TableWriter } from './table-writer.ts'
import { upsertSql } from './upsert.ts'

const server = await startTestServer({ deadlock_timeout: '100ms' })

/** Mulberry32: uniform in [0, 1). */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

async function deadlocks({ query }: TestDatabase): Promise<unknown> {
  const [row] = await query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')
  return row?.['deadlocks']
}

test('writers with common keys in any order: no deadlock, and the newest of each key', async (t) => {
  await using database = await freshDatabase(server)
  const before = await deadlocks(database)
  const random = randomFrom(showSeed(t))
  const newest = new Map<string, KeyedRecord<Scan>>()
  const batch = (): KeyedRecord<Scan>[] => {
    const keys = Array.from({ length: 800 }, (_, at) => ({ at, order: random() }))
    keys.sort((a, b) => a.order - b.order)
    return keys.slice(0, 500).map(({ at }) => {
      // Few versions, so that contents decide as well.
      const record = scanRecord(at, Math.floor(random() * 30), `${Math.floor(random() * 100)}`)
      const known = newest.get(record.key)
      if (known === undefined || compareVersions(record, known) > 0) newest.set(record.key, record)
      return record
    })
  }
  const work = Array.from({ length: 4 }, () => Array.from({ length: 60 }, batch))

  const writer = new TableWriter(database.pool({ poolSize: 4 }), scans.sink)
  const writeAll = async (batches: KeyedRecord<Scan>[][]) => {
    for (const records of batches) await writer.write(records)
  }
  await Promise.all(work.map(writeAll))

  const rows = (await readTable(database.options, scans.sink)).map((row) => JSON.stringify(row))
  const expected = [...newest.values()].map((record) => JSON.stringify(Object.values(record.row)))
  assert.deepEqual(rows.sort(), expected.sort())
  assert.equal(await deadlocks(database), before)
})

/**
 * Two writers whose batches name the keys 1 and 3 in opposite orders, and both of which need key 2, which is locked
 * until both wait.
 */
async function cross(text: string): Promise<PromiseSettledResult<unknown>[]> {
  await using database = await freshDatabase(server)
  const pool = database.pool()
  const write = (keys: readonly number[], version: number) => {
    const records = keys.map((at) => scanRecord(at, version, `${version}`))
    const values = scans.sink.columns.map((column) => arrayLiteral(records.map(({ row }) => column.of(row))))
    return runStatement(pool, { name: 'write', text, values }, 'test')
  }
  await write([1, 2, 3], 1)
  const holder = await database.connect()
  await holder.query(`BEGIN; SELECT FROM scan_results WHERE ip = '10.0.0.2' FOR UPDATE`)
  const first = write([1, 2, 3], 2)
  await untilBlocked(database, 1)
  const second = write([3, 2, 1], 3)
  await untilBlocked(database, 2)
  await holder.query('COMMIT')
  return await Promise.allSettled([first, second])
}

test('opposite orders of keys do not deadlock, thanks to ORDER BY', async () => {
  const sorted = upsertSql(scans.sink)
  const unsorted = sorted.replace(/^ORDER BY .*\n/m, '')
  assert.notEqual(unsorted, sorted)
  const statuses = (await cross(sorted)).map(({ status }) => status)
  assert.deepEqual(statuses, ['fulfilled', 'fulfilled'])

  const failed = (await cross(unsorted)).filter((outcome) => outcome.status === 'rejected')
  assert.deepEqual(
    failed.map(({ reason }) => [reason.class, reason.code]),
    [['conflict', '40P01']],
  )
})
