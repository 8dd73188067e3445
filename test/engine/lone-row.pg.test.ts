// A lone refused row on a real table: dead-lettered for what its own values break, and for nothing else.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { Broker } from '../simulated/ports/broker.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { freshDatabase, startTestServer, until } from '../support/postgres.ts'
import { fasterClock, TableReplica } from '../support/table-replica.ts'
import { wordPipeline } from '../support/word-pipeline.ts'

const server = await startTestServer()
/** A second of the engine is 20 ms. */
const clock = fasterClock(50)

interface LoneRow {
  readonly replica: TableReplica
  readonly database: TestDatabase
  readonly broker: Broker
  readonly warned: string[]
  deadLetters(): Promise<string[]>
}

interface LoneRowOptions {
  readonly standing?: readonly string[]
  /** Before the row comes. */
  readonly prepare?: (database: TestDatabase) => Promise<void>
}

/** A row that has stood for long, and a table that was changed since; then comes one row. */
async function withLoneRow(
  change: string,
  lone: string,
  body: (world: LoneRow) => Promise<void>,
  { standing = ['standing 1 x'], prepare = async () => {} }: LoneRowOptions = {},
): Promise<void> {
  await using database = await freshDatabase(server)
  await database.query('CREATE TABLE words (key text PRIMARY KEY, version bigint NOT NULL, content text)')
  for (const text of standing) await database.query('INSERT INTO words VALUES ($1, $2, $3)', text.split(' '))
  await database.query(change)
  await prepare(database)
  const broker = new Broker(async () => [])
  const warned: string[] = []
  const note = (_: unknown, message: string) => warned.push(message)
  const logger = { debug: () => {}, info: () => {}, warn: note, error: note }
  await using replica = new TableReplica(wordPipeline, broker, database, { clock, logger, workers: 1 })
  broker.publish([lone], [])
  const deadLetters = async () => {
    const rows = await database.query<{ text: string }>(
      `SELECT convert_from(data, 'UTF8') AS text FROM dead_letters`,
    )
    return rows.map(({ text }) => text)
  }
  await body({ replica, database, broker, warned, deadLetters })
}

/** A function for triggers that fails so; the existing row passes it. */
const trigger = (statement: string, when = 'BEFORE INSERT') => `
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.key = 'lone' THEN ${statement}; END IF; RETURN NEW; END $$;
  CREATE TRIGGER refuse ${when} ON words FOR EACH ROW EXECUTE FUNCTION refuse()`

for (const [what, change, code] of [
  ['a check', `ALTER TABLE words ADD CONSTRAINT c CHECK (key <> 'lone')`, '23514'],
  [
    'a check that rows need not pass that are there',
    `ALTER TABLE words ADD CONSTRAINT c CHECK (content <> 'y') NOT VALID`,
    '23514',
  ],
  [
    'a value that is too long',
    'ALTER TABLE words ADD short varchar(1) GENERATED ALWAYS AS (content) STORED',
    '22001',
  ],
  [
    'a generated column that divides by zero',
    `ALTER TABLE words ADD n integer GENERATED ALWAYS AS (1 / (length(key) - 4)) STORED`,
    '22012',
  ],
] as const) {
  test(`${what}: dead-lettered within a minute, and logged at once`, () =>
    withLoneRow(change, what.includes('too long') ? 'lone 2 yy' : 'lone 2 y', async (world) => {
      await until(async () => (await world.deadLetters()).length === 1)
      assert.deepEqual(await world.deadLetters(), [what.includes('too long') ? 'lone 2 yy' : 'lone 2 y'])
      assert.match(world.warned[0] ?? '', new RegExp(`1 row was rejected.*\\[${code}\\]`))
      assert.deepEqual(await world.database.query('SELECT key FROM words'), [{ key: 'standing' }])
    }))
}

for (const [what, change, code] of [
  [
    'a foreign key whose parents are gone',
    `CREATE TABLE parents (content text PRIMARY KEY); INSERT INTO parents VALUES ('x');
     ALTER TABLE words ADD CONSTRAINT fk FOREIGN KEY (content) REFERENCES parents;
     ALTER TABLE parents DISABLE TRIGGER ALL; DELETE FROM parents`,
    '23503',
  ],
  ['a unique constraint', 'CREATE UNIQUE INDEX ON words (content)', '23505'],
  [
    'an exclusion constraint',
    'ALTER TABLE words ADD CONSTRAINT e EXCLUDE USING hash (content WITH =)',
    '23P01',
  ],
  ['a trigger', trigger(`RAISE EXCEPTION 'no'`), 'P0001'],
  [
    'a trigger with the code of a check',
    trigger(`RAISE 'no' USING ERRCODE = '23514', TABLE = 'words', CONSTRAINT = 'c'`),
    '23514',
  ],
  ['a trigger that divides by zero', trigger('NEW.version := 1 / 0'), '22012'],
  [
    'a trigger whose own table wants more',
    `CREATE TABLE audit (key text, note text NOT NULL); ${trigger('INSERT INTO audit VALUES (NEW.key)', 'AFTER INSERT')}`,
    '23502',
  ],
  [
    'a constraint trigger at the commit',
    trigger(`RAISE 'no' USING ERRCODE = '22000'`, 'AFTER INSERT').replace(
      'CREATE TRIGGER refuse AFTER INSERT ON words',
      'CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON words DEFERRABLE INITIALLY DEFERRED',
    ),
    '22000',
  ],
  [
    'a check that asks a function',
    `CREATE FUNCTION fits(text) RETURNS boolean LANGUAGE plpgsql AS $$
       BEGIN IF $1 = 'lone' THEN RAISE 'no' USING ERRCODE = '22000'; END IF; RETURN true; END $$;
     ALTER TABLE words ADD CHECK (fits(key))`,
    '22000',
  ],
] as const) {
  test(`${what}: waits, says why, and is dead-lettered when a new row is written beside it`, () =>
    withLoneRow(change, 'lone 2 x', async (world) => {
      const tried = () => world.replica.tally.failures.length
      // Several times as long as it takes where an existing row will do.
      await until(async () => tried() > 25)
      assert.deepEqual(await world.deadLetters(), [])
      const [reason, ...more] = world.replica.engine.waitingBecause
      assert.match(
        reason ?? '',
        new RegExp(`^words: 1 row was rejected, waiting until another new row.*\\[${code}\\]`),
      )
      assert.deepEqual(more, [])
      assert.match(world.warned[0] ?? '', new RegExp(`1 row was rejected.*\\[${code}\\]`))
      if (change.includes('parents')) {
        await world.database.query(`INSERT INTO parents VALUES ('x')`)
        await until(async () => world.replica.engine.outstanding === 0)
        return
      }
      world.broker.publish(['neighbour 1 z'], [])
      await until(async () => world.replica.engine.outstanding === 0)
      assert.deepEqual(await world.deadLetters(), ['lone 2 x'])
    }))
}

test('a missing partition: pauses with the statement that makes one, and dead-letters nothing', () =>
  withLoneRow(
    `ALTER TABLE words RENAME TO old; CREATE TABLE words (LIKE old, PRIMARY KEY (key)) PARTITION BY LIST (key);
     CREATE TABLE part PARTITION OF words FOR VALUES IN ('standing'); INSERT INTO words TABLE old`,
    'lone 2 x',
    async (world) => {
      const { engine, tally } = world.replica
      await until(async () => tally.failures.length > 3)
      assert.match(engine.pausedBecause.join(), /no partition of relation "words" found for row \[23514\]/)
      await world.database.query('CREATE TABLE words_default PARTITION OF words DEFAULT')
      await until(async () => engine.outstanding === 0)
      assert.deepEqual(await world.deadLetters(), [])
      assert.deepEqual(engine.pausedBecause, [])
    },
  ))

test('an empty table: waits and says so; a row inserted by hand suffices', () =>
  withLoneRow(
    `ALTER TABLE words ADD CHECK (key <> 'lone')`,
    'lone 2 x',
    async (world) => {
      const reason = () => world.replica.engine.waitingBecause.join()
      await until(async () => /it is empty/.test(reason()))
      assert.deepEqual(await world.deadLetters(), [])
      await world.database.query(`INSERT INTO words VALUES ('first', 1, 'x')`)
      await until(async () => (await world.deadLetters()).length === 1)
    },
    { standing: [] },
  ))

test('existing rows that an application locks are skipped, and not waited for', async () => {
  const change = `ALTER TABLE words ADD CHECK (key <> 'lone')`
  const standing = ['held 1 x', 'standing 1 x']
  let release = async () => {}
  const hold = async (database: TestDatabase) => {
    const application = await database.connect()
    await application.query('BEGIN; SELECT FROM words FOR UPDATE')
    release = async () =>
      void (await application.query(`COMMIT; BEGIN; SELECT FROM words WHERE key = 'held' FOR UPDATE`))
  }
  await withLoneRow(
    change,
    'lone 2 x',
    async (world) => {
      await until(async () => world.replica.tally.failures.length > 25)
      assert.deepEqual(await world.deadLetters(), [], 'none could be tried')
      await release()
      await until(async () => (await world.deadLetters()).length === 1)
    },
    { standing, prepare: hold },
  )
})
