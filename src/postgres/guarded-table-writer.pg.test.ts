// What is deleted stays deleted: in every order of arrival, with writers that wait for each other, and when nobody knows of
// the deletion any more.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { noLogger } from '#core/logger.ts'
import { WriteFailure } from '#core/write-failure.ts'
import type { CheckedRow } from '#pipeline/checked-rows.ts'
import type { Item } from '../../test/support/item-pipeline.ts'
import {
  createItems,
  itemPipeline,
  itemRecord,
  markedItemPipeline,
} from '../../test/support/item-pipeline.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, patient, startTestServer, until, untilBlocked } from '../../test/support/postgres.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { GuardSweep, sweepGuards } from './guard-sweep.ts'
import { GuardedTableWriter } from './guarded-table-writer.ts'

const server = await startTestServer()

const dayMs = 86_400_000
const horizonMs = 8 * dayMs

async function openItems(pipeline = itemPipeline) {
  const database = await freshDatabase(server)
  await database.query(createItems)
  const writer = () =>
    new GuardedTableWriter(database.pool(), pipeline.sink, { pipeline: 'items', horizonMs }, patient)
  const stored = async () =>
    (
      await database.query<{ id: string; revision: number }>('SELECT id, revision FROM items ORDER BY id')
    ).map(({ id, revision }) => `${id} ${revision}`)
  return { database, writer, stored, [Symbol.asyncDispose]: () => database[Symbol.asyncDispose]() }
}

const at = '2026-01-01T00:00:00Z'
const item = (id: string, revision: number, more: Partial<Item> = {}): Item => ({ id, at, revision, ...more })
const put = (id: string, revision: number, more: Partial<Item> = {}) => itemRecord(item(id, revision, more))
const gone = (id: string, revision: number) => itemRecord(item(id, revision, { gone: true }))

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((one, i) => permutations(items.toSpliced(i, 1)).map((rest) => [one, ...rest]))
}

test('insert, update and delete of 1,000 keys in every order of arrival: the same table', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  /** Each with what must be left of it. */
  const stories: readonly [left: string[], (id: string) => KeyedRecord<CheckedRow>[]][] = [
    [[], (id) => [put(id, 1), put(id, 2), gone(id, 3)]],
    [['3'], (id) => [put(id, 1), gone(id, 2), put(id, 3)]],
    [['3'], (id) => [gone(id, 1), put(id, 2), put(id, 3)]],
    [[], (id) => [put(id, 1), gone(id, 1), gone(id, 2)]],
    [[], (id) => [put(id, 2, { price: '1' }), put(id, 2, { price: '2' }), gone(id, 2)]],
  ]
  const orders = permutations([0, 1, 2])
  const keys = Array.from({ length: 1000 }, (_, n) => {
    const [left, story] = stories[n % stories.length] as (typeof stories)[number]
    const id = `k${String(n).padStart(4, '0')}`
    const order = orders[Math.floor(n / stories.length) % orders.length] as number[]
    return { id, left, records: order.map((at) => story(id)[at] as KeyedRecord<CheckedRow>) }
  })
  // Those of one key come in three statements, and once more all in the same order.
  for (const step of [0, 1, 2, 0, 1, 2]) await writer.write(keys.map(({ records }) => records[step] as never))
  assert.deepEqual(
    await opened.stored(),
    keys.flatMap(({ id, left }) => left.map((revision) => `${id} ${revision}`)),
  )
})

test('what is written or deleted again changes nothing, and is not counted', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  const batch = [put('a', 1), gone('b', 1), put('c', 1)]
  assert.deepEqual(await writer.write(batch), { written: 3, ignored: [] })
  assert.deepEqual(await writer.write(batch), { written: 0, ignored: [] })
  assert.deepEqual(
    await writer.write([put('b', 1), gone('a', 0)]),
    { written: 1, ignored: [] },
    'a’s is news',
  )
  assert.deepEqual(await opened.stored(), ['a 1', 'c 1'])
})

describe('an insert that has begun when a newer deletion is committed', () => {
  /** Holds the guard of `a` as long as the insert waits for it, on its way to `k`. */
  async function deletedMeanwhile(
    database: TestDatabase,
    insert: Promise<unknown>,
    remove: () => Promise<unknown>,
    holder: { query(text: string): Promise<unknown> },
  ) {
    await untilBlocked(database, 1)
    await remove()
    await holder.query('COMMIT')
    await insert
  }

  test('does not bring the row back', async () => {
    await using opened = await openItems()
    const { database } = opened
    const [one, other] = [opened.writer(), opened.writer()]
    await one.write([put('a', 1)])
    const holder = await database.connect()
    await holder.query('BEGIN')
    await holder.query('SELECT FROM key_guards FOR UPDATE')
    const insert = one.write([put('a', 2), put('k', 5)], 'usual')
    await deletedMeanwhile(database, insert, () => other.write([gone('k', 10)]), holder)
    assert.deepEqual(await opened.stored(), ['a 2'])
  })

  test('would, with tombstones that are looked at by the statement that inserts', async () => {
    await using opened = await openItems()
    const { database } = opened
    await database.query('CREATE TABLE tombstones (id text PRIMARY KEY, revision integer)')
    await database.query(`INSERT INTO items VALUES ('a', '${at}', 1)`)
    const insertText = `INSERT INTO items (id, at, revision)
      SELECT r.id, '${at}', r.revision FROM (VALUES ('a', 2), ('k', 5)) AS r(id, revision)
      WHERE NOT EXISTS (SELECT FROM tombstones AS x WHERE x.id = r.id AND x.revision >= r.revision) ORDER BY r.id
      ON CONFLICT (id) DO UPDATE SET revision = EXCLUDED.revision WHERE EXCLUDED.revision > items.revision`
    const [holder, inserting, deleting] = await Promise.all([1, 2, 3].map(() => database.connect()))
    await holder?.query('BEGIN')
    await holder?.query('SELECT FROM items FOR UPDATE')
    const remove = async () => {
      await deleting?.query(`DELETE FROM items WHERE id = 'k' AND revision < 10`)
      await deleting?.query(`INSERT INTO tombstones VALUES ('k', 10)`)
    }
    await deletedMeanwhile(
      database,
      inserting?.query(insertText) ?? Promise.resolve(),
      remove,
      holder as never,
    )
    assert.deepEqual(await opened.stored(), ['a 2', 'k 5'], 'the loss that guards are for')
  })
})

test('a deletion waits for an insert that is on its way, and deletes it', async () => {
  await using opened = await openItems()
  const { database } = opened
  const holder = await database.connect()
  await holder.query('BEGIN')
  await holder.query(`INSERT INTO items (id, at, revision) VALUES ('k', '${at}', 0)`)
  const insert = opened.writer().write([put('k', 5)])
  await untilBlocked(database, 1)
  const remove = opened.writer().write([gone('k', 10)])
  await untilBlocked(database, 2)
  await holder.query('ROLLBACK')
  await Promise.all([insert, remove])
  assert.deepEqual(await opened.stored(), [])
})

test('a key whose guard another transaction holds is locked; the others are not', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  const records = [put('a', 1), put('b', 1), put('c', 1)]
  await writer.write(records)
  const holder = await opened.database.connect()
  await holder.query('BEGIN')
  await holder.query(`SELECT FROM key_guards WHERE key = '["b"]' FOR UPDATE`)
  await holder.query(`SELECT FROM items WHERE id = 'c' FOR UPDATE`)
  const newer = [put('a', 2), put('b', 2), put('c', 2)]
  await assert.rejects(writer.write(newer, 'brief'), { class: 'locked' })
  assert.deepEqual((await writer.locked(newer)).map(({ key }) => key).sort(), ['b', 'c'])
  await holder.query('ROLLBACK')
  assert.deepEqual(await writer.locked(newer), [])
})

test('NULL in the version of a row is older than a deletion', async () => {
  await using opened = await openItems()
  const { database } = opened
  await database.query('ALTER TABLE items ALTER revision DROP NOT NULL')
  await database.query(`INSERT INTO items (id, at, revision) VALUES ('k', '${at}', NULL)`)
  await opened.writer().write([gone('k', 1)])
  assert.deepEqual(await opened.stored(), [])
})

test('a deletion that is known is carried out again, on a row that was put back by other means', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  await writer.write([put('k', 1)])
  await writer.write([gone('k', 2)])
  await opened.database.query(`INSERT INTO items (id, at, revision) VALUES ('k', '${at}', 1)`)
  assert.deepEqual(await writer.write([gone('k', 1)]), { written: 0, ignored: [] }, 'not the newest one')
  assert.deepEqual(await writer.write([gone('k', 2)]), { written: 1, ignored: [] })
  assert.deepEqual(await opened.stored(), [])
})

test('a key of any length has its guard', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  const long = 'x'.repeat(2500)
  await writer.write([put(long, 1), put(`${long}y`, 1)])
  await writer.write([gone(long, 2)])
  await writer.write([put(long, 1)])
  assert.deepEqual(await opened.stored(), [`${long}y 1`])
})

test('guards that are missing: it pauses, and names the migration', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  await writer.write([put('k', 1)])
  await opened.database.query('ALTER TABLE key_guards RENAME TO elsewhere')
  await assert.rejects(writer.write([put('k', 2)]), (error) => {
    assert.ok(error instanceof WriteFailure)
    assert.deepEqual([error.class, error.message.startsWith('table key_guards: ')], ['schema-drift', true])
    assert.match(JSON.stringify(error.fixes), /migrate up/)
    return true
  })
})

describe('beyond the horizon', () => {
  const longAgo = Date.now() - horizonMs - dayMs
  const swept = async (database: TestDatabase) => {
    await database.query(`UPDATE key_guards SET deleted_at = deleted_at - interval '9 days'`)
    return sweepGuards({ pool: database.pool(), pipeline: 'items', horizonMs })
  }

  test('a guard of a deletion is removed, and an older message of its key is ignored', async () => {
    await using opened = await openItems()
    const writer = opened.writer()
    await writer.write([put('live', 1), put('k', 1)])
    await writer.write([gone('k', 10)])
    assert.equal(await sweepGuards({ pool: opened.database.pool(), pipeline: 'items', horizonMs }), 0)
    assert.equal(await swept(opened.database), 1)
    const late = (id: string, revision: number) => itemRecord(item(id, revision), longAgo)
    const stored = await writer.write([late('k', 5), late('live', 2), put('new', 1)])
    assert.deepEqual(stored, { written: 2, ignored: [0] })
    assert.deepEqual(await opened.stored(), ['live 2', 'new 1'])
  })

  test('a message makes no row, also where a deletion is known that is older: a newer one may be forgotten', async () => {
    await using opened = await openItems()
    const writer = opened.writer()
    await writer.write([gone('k', 3)])
    await swept(opened.database)
    // Delivered once more, as it may be.
    await writer.write([gone('k', 1)])
    const late = (revision: number) => itemRecord(item('k', revision), longAgo)
    assert.deepEqual(await writer.write([late(0)]), { written: 0, ignored: [] }, 'stale')
    assert.deepEqual(await writer.write([late(2)]), { written: 0, ignored: [0] })
    assert.deepEqual(await opened.stored(), [])
  })

  test('a guard stays for a margin longer than any transaction', async () => {
    await using opened = await openItems()
    await opened.writer().write([gone('k', 1)])
    const age = (text: string) =>
      opened.database.query(`UPDATE key_guards SET deleted_at = now() - interval '${text}'`)
    const sweep = () => sweepGuards({ pool: opened.database.pool(), pipeline: 'items', horizonMs })
    await age('8 days 50 minutes')
    assert.equal(await sweep(), 0)
    await age('8 days 70 minutes')
    assert.equal(await sweep(), 1)
  })

  test('guards are swept by themselves, from time to time', async () => {
    await using opened = await openItems()
    await opened.writer().write([gone('k', 1)])
    await opened.database.query(`UPDATE key_guards SET deleted_at = now() - interval '9 days'`)
    const clock = new VirtualClock()
    using _sweep = new GuardSweep({
      pool: opened.database.pool(),
      pipeline: 'items',
      horizonMs,
      logger: noLogger,
      clock,
    })
    void clock.advance(600_000)
    await until(async () => (await opened.database.query('SELECT FROM key_guards')).length === 0)
  })

  test('a deletion is entered and carried out, however late it comes', async () => {
    await using opened = await openItems()
    const writer = opened.writer()
    await writer.write([put('k', 1)])
    assert.deepEqual(await writer.write([itemRecord(item('k', 2, { gone: true }), longAgo)]), {
      written: 1,
      ignored: [],
    })
    assert.deepEqual(await opened.stored(), [])
  })

  test('the guard that a writer holds is left alone, and so are those of other pipelines', async () => {
    await using opened = await openItems()
    const { database } = opened
    await opened.writer().write([gone('a', 1), gone('b', 1)])
    await database.query(
      `INSERT INTO key_guards VALUES ('others', '["a"]', '{1}', now() - interval '1 year')`,
    )
    const holder = await database.connect()
    await holder.query('BEGIN')
    await holder.query(`SELECT FROM key_guards WHERE key = '["b"]' FOR UPDATE`)
    await database.query(
      `UPDATE key_guards SET deleted_at = deleted_at - interval '9 days' WHERE key = '["a"]'`,
    )
    assert.equal(await sweepGuards({ pool: database.pool(), pipeline: 'items', horizonMs }), 1)
    await holder.query('ROLLBACK')
    const left = await database.query('SELECT pipeline, key FROM key_guards ORDER BY 1, 2')
    assert.deepEqual(left, [
      { pipeline: 'items', key: '["b"]' },
      { pipeline: 'others', key: '["a"]' },
    ])
  })
})

describe('rows that are marked', () => {
  const mark = (id: string, revision: number) =>
    itemRecord(item(id, revision, { gone: true }), Date.now(), markedItemPipeline)
  const row = (id: string, revision: number, price: string) =>
    itemRecord(item(id, revision, { price }), Date.now(), markedItemPipeline)

  test('keep what they have, and are not marked any more by what is newer', async () => {
    await using opened = await openItems(markedItemPipeline)
    const writer = opened.writer()
    const rows = () =>
      opened.database.query('SELECT id, revision, price, gone_at IS NOT NULL AS gone FROM items ORDER BY id')
    await writer.write([row('a', 1, '5'), row('b', 9, '6')])
    assert.equal((await writer.write([mark('a', 2), mark('b', 3)])).written, 2)
    assert.deepEqual(await rows(), [
      { id: 'a', revision: 2, price: '5', gone: true },
      { id: 'b', revision: 9, price: '6', gone: false },
    ])
    await writer.write([row('a', 1, '7')])
    assert.deepEqual((await rows())[0], { id: 'a', revision: 2, price: '5', gone: true })
    await writer.write([row('a', 3, '8')])
    assert.deepEqual((await rows())[0], { id: 'a', revision: 3, price: '8', gone: false })
  })

  test('of two deletions of one version the greater mark stays, in either order', async () => {
    await using opened = await openItems(markedItemPipeline)
    const writer = opened.writer()
    const marks = ['2026-01-01T00:00:01Z', '2026-01-01T00:00:02Z'].map((goneAt) =>
      itemRecord(item('a', 2, { gone: true, goneAt }), Date.now(), markedItemPipeline),
    )
    const after = async (order: typeof marks) => {
      await opened.database.query('TRUNCATE items, key_guards')
      await writer.write([row('a', 1, '1')])
      for (const one of order) await writer.write([one])
      const before = await opened.database.query('SELECT gone_at::text, xmin::text FROM items')
      for (const one of order) assert.equal((await writer.write([one])).written, 0, 'again')
      assert.deepEqual(await opened.database.query('SELECT gone_at::text, xmin::text FROM items'), before)
      return before[0]?.['gone_at']
    }
    assert.equal(await after(marks), await after(marks.toReversed()))
  })

  test('stay marked where a row of the same version comes after the deletion is forgotten', async () => {
    await using opened = await openItems(markedItemPipeline)
    const writer = opened.writer()
    const rows = [row('a', 5, '1'), row('a', 5, '2')]
    for (const one of rows) await writer.write([one])
    await writer.write([mark('a', 5)])
    await opened.database.query('TRUNCATE key_guards')
    for (const one of rows) assert.equal((await writer.write([one])).written, 0)
    assert.deepEqual(await opened.database.query('SELECT gone_at IS NOT NULL AS gone FROM items'), [
      { gone: true },
    ])
  })

  test('before there is a row: none, and none comes later that is older', async () => {
    await using opened = await openItems(markedItemPipeline)
    const writer = opened.writer()
    await writer.write([mark('a', 2)])
    await writer.write([row('a', 1, '1')])
    assert.deepEqual(await opened.stored(), [])
  })
})

test('a trigger that keeps a row from being deleted: refused, and nothing is acked for it', async () => {
  await using opened = await openItems()
  const { database } = opened
  await database.query(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER keep BEFORE DELETE ON items FOR EACH ROW EXECUTE FUNCTION keep()`)
  const writer = opened.writer()
  await writer.write([put('a', 1)])
  await assert.rejects(writer.write([gone('a', 2)]), (error) => {
    assert.ok(error instanceof WriteFailure)
    assert.equal(error.class, 'bad-row')
    assert.match(error.message, /not deleted: a trigger, a rule or a policy/)
    return true
  })
  assert.deepEqual(await database.query('SELECT deleted_version FROM key_guards'), [
    { deleted_version: null },
  ])
})

test('guards that a crash would empty are not written to', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  await writer.write([put('a', 1)])
  await opened.database.query('ALTER TABLE key_guards SET UNLOGGED')
  await assert.rejects(writer.write([gone('a', 2)]), { class: 'schema-drift' })
  assert.deepEqual(await opened.stored(), ['a 1'])
  await opened.database.query('ALTER TABLE key_guards SET LOGGED')
  assert.equal((await writer.write([gone('a', 2)])).written, 1)
})

test('the table altered between two writes is examined again, within the transaction', async () => {
  await using opened = await openItems()
  const writer = opened.writer()
  await writer.write([put('a', 1)])
  await opened.database.query('ALTER TABLE items ADD COLUMN other text')
  await opened.database.query(`CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER same BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION same()`)
  assert.equal((await writer.write([put('a', 2), gone('b', 1), put('c', 1)])).written, 3)
  assert.deepEqual(await opened.stored(), ['a 2', 'c 1'])
})
