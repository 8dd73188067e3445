// The real engine on a real PostgreSQL in which an application holds rows, or a row is refused: whatever is free and good
// is written meanwhile, and nothing is dead-lettered for a lock, or without proof that the row itself is to blame.
import assert from 'node:assert/strict'
import { afterAll, test } from 'vitest'
import fc from 'fast-check'
import { Broker } from '../simulated/ports/broker.ts'
import { freshDatabase, startTestServer, until } from '../support/postgres.ts'
import { alwaysAsync } from '../support/seed.ts'
import { fasterClock, TableReplica } from '../support/table-replica.ts'
import { wordPipeline } from '../support/word-pipeline.ts'

const server = await startTestServer()
const database = await freshDatabase(server)
afterAll(() => database[Symbol.asyncDispose]())
/** A second of the engine is 20 ms. */
const clock = fasterClock(50)
/** This many failures take several times as long as a proof by an existing row. */
const manyFailures = 25

const tables = `
  DROP TABLE IF EXISTS words, parents; TRUNCATE dead_letters;
  CREATE TABLE parents (content text PRIMARY KEY); INSERT INTO parents VALUES ('x');
  CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL CHECK (version <> 13),
                      content text NOT NULL REFERENCES parents)`

async function keysOf(version: number): Promise<string[]> {
  const text = 'SELECT key FROM words WHERE version = $1 ORDER BY key'
  return (await database.query<{ key: string }>(text, [version])).map(({ key }) => key)
}

async function deadLetters(): Promise<string[]> {
  const text = `SELECT convert_from(data, 'UTF8') AS text FROM dead_letters`
  return (await database.query<{ text: string }>(text)).map((row) => row.text)
}

async function onReplica(
  body: (publish: (...texts: string[]) => void, replica: TableReplica) => Promise<void>,
): Promise<void> {
  const broker = new Broker(async () => [])
  await using replica = new TableReplica(wordPipeline, broker, database, { clock, workers: 1 })
  await body((...texts) => broker.publish(texts, []), replica)
}

const settled = ({ engine }: TableReplica) => until(async () => engine.outstanding === 0)

const locks = fc.record({
  held: fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 6 }),
  /** The rows are not there yet: the application inserts them. */
  inserting: fc.boolean(),
  withBadRow: fc.boolean(),
})

test('locked rows: the others are written meanwhile, all of them afterwards', async () => {
  const property = fc.asyncProperty(locks, async ({ held, inserting, withBadRow }) => {
    await database.query(tables)
    const keys = Array.from({ length: 10 }, (_, i) => `k${i}`)
    const heldKeys = keys.filter((_, i) => held.includes(i))
    const insert = `INSERT INTO words SELECT key, 1, 'x' FROM unnest($1::text[]) AS key`
    if (!inserting) await database.query(insert, [keys])
    const application = await database.connect()
    await application.query('BEGIN')
    const hold = inserting ? insert : 'SELECT FROM words WHERE key = ANY($1) FOR UPDATE'
    await application.query(hold, [heldKeys])
    await using _ = { [Symbol.asyncDispose]: () => application.end() }
    await onReplica(async (publish, replica) => {
      publish(...keys.map((key) => `${key} 2 x`), ...(withBadRow ? ['k10 13 x'] : []))
      await until(async () => (await keysOf(2)).length === keys.length - heldKeys.length, 5000)
      await until(async () => replica.engine.lockedRecords === heldKeys.length)
      await application.query('COMMIT')
      await settled(replica)
    })
    assert.deepEqual(await keysOf(2), keys)
    assert.deepEqual(await deadLetters(), withBadRow ? ['k10 13 x'] : [])
  })
  await alwaysAsync(property, 6, true)
})

const loneRows = fc.record({
  standing: fc.boolean(),
  /** What it refers to is gone; else a check of the table refuses it. */
  isOrphan: fc.boolean(),
})

test('a lone rejected row: dead-lettered if the table proves it at fault, otherwise it waits', async () => {
  const property = fc.asyncProperty(loneRows, async ({ standing, isOrphan }) => {
    await database.query(tables)
    if (standing) await database.query(`INSERT INTO words VALUES ('standing', 1, 'x')`)
    const lone = isOrphan ? 'lone 2 y' : 'lone 13 x'
    await onReplica(async (publish, replica) => {
      publish(lone)
      if (standing && !isOrphan) return settled(replica)
      await until(async () => replica.tally.failures.length > manyFailures)
      assert.deepEqual(await deadLetters(), [])
      if (isOrphan) await database.query(`INSERT INTO parents VALUES ('y')`)
      else await database.query(`INSERT INTO words VALUES ('first', 1, 'x')`)
      await settled(replica)
    })
    assert.deepEqual(await deadLetters(), isOrphan ? [] : [lone])
  })
  await alwaysAsync(property, 6, true)
})
