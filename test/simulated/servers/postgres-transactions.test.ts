// Transactions of the simulated PostgreSQL are as the real one's, seen through its connections and the real writer.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { GuardedTableWriter } from '#postgres/guarded-table-writer.ts'
import type { RowVersion } from '../../oracle/facts.ts'
import type { Item } from '../../support/item-pipeline.ts'
import { itemPipeline, itemRecord } from '../../support/item-pipeline.ts'
import { openPostgres } from './opened-postgres.ts'
import type { SimulatedPostgresClient } from './postgres-client.ts'

function open() {
  const seen: string[] = []
  const describe = ({ key, version, gone }: RowVersion) => `${key} ${version}${gone ? ' gone' : ''}`
  const opened = openPostgres(itemPipeline.sink, {
    placed: (version) => seen.push(describe(version)),
    removed: (row) => seen.push(`${describe(row)} removed`),
  })
  const { server, poolOf, inTime } = opened
  const pool = poolOf('test')
  const options = { pipeline: 'items', horizonMs: Infinity }
  return {
    ...opened,
    pool,
    seen,
    writer: () => new GuardedTableWriter(pool as never, itemPipeline.sink, options),
    connect: async (name?: string) => {
      const from = name === undefined ? pool : poolOf(name)
      const client = await inTime(from.connect())
      return { client, query: (...asked: Parameters<typeof client.query>) => inTime(client.query(...asked)) }
    },
    rows: () => [...server.rows.values()].map(describe),
  }
}

const item = (id: string, revision: number, more: Partial<Item>): KeyedRecord =>
  itemRecord({ id, at: '1970-01-01T00:00:00Z', revision, ...more })
const put = (id: string, revision: number, price = '1') => item(id, revision, { price })
const gone = (id: string, revision: number) => item(id, revision, { gone: true })

/** The statement that locks guards, as key-guards.ts sends it. */
const lock = (keys: readonly string[], deletions: readonly string[], wait = '300ms') => ({
  name: 'guard_x',
  text: '',
  values: ['items', arrayOf(keys.map((key) => JSON.stringify([key]))), arrayOf(deletions), '', wait],
})
const arrayOf = (texts: readonly string[]) =>
  `{${texts.map((text) => (text === 'NULL' ? text : `"${text.replaceAll('"', '\\"')}"`)).join(',')}}`
const newer = (key: string, revision: number) => ({
  name: 'newer_x',
  text: '',
  values: ['items', arrayOf([JSON.stringify([key])]), arrayOf([`{0,${revision}}`])],
})

test('what is deleted stays deleted, and its guard is remembered', async () => {
  const { server, inTime, writer, rows } = open()
  const write = (...records: KeyedRecord[]) => inTime(writer().write(records as never))
  assert.deepEqual(await write(put('a', 1), gone('b', 2)), { written: 2, ignored: [] })
  assert.deepEqual(await write(gone('a', 1), put('b', 2)), { written: 1, ignored: [] })
  assert.deepEqual(await write(put('a', 1), put('b', 1), gone('c', 1)), { written: 1, ignored: [] })
  assert.deepEqual(rows(), [])
  assert.equal(server.deletions.size, 3)
  await write(put('b', 3))
  assert.deepEqual(rows(), ['["b"] 3'])
})

test('others see what a transaction has changed at its commit, and nothing of what is rolled back', async () => {
  const { server, connect, seen } = open()
  const one = await connect()
  await one.query('BEGIN')
  await one.query(lock(['k'], ['{0,2}']))
  assert.deepEqual([server.deletions.size, seen], [0, []])
  await one.query('ROLLBACK')
  await one.query('BEGIN')
  await one.query(lock(['k'], ['{0,1}']))
  await one.query('SELECT 1; COMMIT')
  assert.deepEqual(seen, ['["k"] 1 gone'])
})

test('a guard is waited for, and what was committed meanwhile is seen', async () => {
  const { connect, inTime } = open()
  const [one, other] = [await connect(), await connect()]
  await one.query('BEGIN')
  await one.query(lock(['k'], ['{0,10}']))
  await other.query('BEGIN')
  const waits = other.client.query(lock(['k'], ['NULL']))
  await one.query('COMMIT')
  await inTime(waits)
  assert.deepEqual((await other.query(newer('k', 10))).rows, [])
  assert.deepEqual((await other.query(newer('k', 11))).rows, [{ at: 0 }])
})

test('a guard is waited for in vain, and the error ends its transaction with its locks', async () => {
  const { connect, clock } = open()
  const [one, other, third] = [await connect(), await connect(), await connect()]
  await one.query('BEGIN')
  await one.query(lock(['k'], ['NULL']))
  await other.query('BEGIN')
  const beganMs = clock.now()
  await assert.rejects(other.query(lock(['a', 'k'], ['{0,1}', 'NULL'], '50ms')), { code: '55P03' })
  assert.ok(clock.now() - beganMs >= 50)
  await assert.rejects(other.query(newer('k', 1)), { code: '25P02' })
  await third.query('BEGIN')
  await third.query(lock(['a'], ['NULL'], '1ms'))
  assert.deepEqual((await third.query(newer('a', 1))).rows, [{ at: 0 }], 'its deletion is undone')
})

test('a connection that is lost takes its transaction with it, and what still arrives of that has no effect', async () => {
  const lost: Record<string, (opened: ReturnType<typeof open>, client: SimulatedPostgresClient) => void> = {
    'cut off by the server': ({ postgres }) => postgres.cutAll(),
    'closed by the client': (_, client) => client.release(true),
    'with its process': ({ pool }) => pool.vanish(),
  }
  for (const [how, lose] of Object.entries(lost)) {
    const opened = open()
    const one = await opened.connect()
    await one.query('BEGIN')
    await one.query(lock(['k'], ['{0,10}']))
    lose(opened, one.client)
    await opened.clock.advance(100)
    const other = await opened.connect('another process')
    await other.query('BEGIN')
    await other.query(lock(['k'], ['NULL'], '1ms'))
    assert.deepEqual((await other.query(newer('k', 1))).rows, [{ at: 0 }], how)
    assert.deepEqual(opened.seen, [], how)
  }
})

test('guards that others hold are locked, and rows; only those that are there', async () => {
  const { connect, inTime, writer } = open()
  await inTime(writer().write([put('a', 1), put('b', 1)] as never))
  const one = await connect()
  await one.query('BEGIN')
  await one.query(lock(['a', 'new'], ['NULL', 'NULL']))
  const records = [put('a', 2), put('b', 2), put('new', 1)]
  const locked = await inTime(writer().locked(records as never))
  assert.deepEqual(
    locked.map(({ key }) => key),
    ['a'],
  )
})

test('TRUNCATE empties the table and leaves the guards; a standby lacks the last commits of both', async () => {
  const { server, inTime, writer, rows } = open()
  const write = (...records: KeyedRecord[]) => inTime(writer().write(records as never))
  await write(put('a', 1), gone('b', 1))
  await write(gone('a', 2), put('b', 2))
  server.failOver(() => 1)
  assert.deepEqual(rows(), ['["a"] 1'])
  assert.deepEqual([...server.deletions.keys()], ['["b"]'])
  server.truncate()
  assert.deepEqual([rows(), server.deletions.size], [[], 1])
})

test('of two rows of one version the same one stays in any order', async () => {
  const stayed = await Promise.all(
    [
      ['1', '2'],
      ['2', '1'],
    ].map(async (prices) => {
      const { server, inTime, writer } = open()
      for (const price of prices) await inTime(writer().write([put('a', 1, price)] as never))
      return server.rows.get('["a"]')?.values
    }),
  )
  assert.deepEqual(stayed[0], stayed[1])
})
