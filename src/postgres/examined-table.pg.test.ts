import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { WriteFailure } from '#core/write-failure.ts'
import { explain } from '#connect/explain.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import { newest } from '#pipeline/newest.ts'
import { scans } from '#pipeline/scans.ts'
import { deliveryOf } from '../../test/support/arrivals.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, scanRecord, startTestServer, untilBlocked } from '../../test/support/postgres.ts'
import { DeadLetterTable } from './dead-letter-table.ts'
import { readTable } from './read-table.ts'
import { checkTables } from './start-check.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer()

const writerTo = (database: TestDatabase) => new TableWriter(database.pool(), scans.sink)

const deadLettersIn = (database: TestDatabase) =>
  new DeadLetterTable(database.pool(), { pipeline: 'scans', subscription: 's', maxMessageBytes: 1000 })

const deadLetter = (text: string) => ({ delivery: deliveryOf(text), reason: 'bad-ip', detail: 'why' })

async function failureOf(writing: Promise<unknown>): Promise<WriteFailure> {
  const failure = await writing.then(
    (placed) => assert.fail(`it was taken for written: ${String(placed)} placed`),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof WriteFailure, String(failure))
  return failure
}

/** The statements of a message that tell the owner what to do. */
function statementsIn(message: string): string {
  return /as (?:its|the) owner: (.*;)/.exec(message)?.[1] ?? assert.fail(`no statement in: ${message}`)
}

const responses = async ({ query }: TestDatabase): Promise<string[]> =>
  (await query<{ response: string }>('SELECT response FROM scan_results ORDER BY ip, port, service')).map(
    (row) => row.response,
  )

describe('a table altered between two writes: nothing is written until it is restored', () => {
  const alterations: readonly [what: string, alter: string, message: RegExp][] = [
    ['unlogged', 'ALTER TABLE scan_results SET UNLOGGED', /unlogged: a crash empties it/],
    ['a date', 'ALTER TABLE scan_results ALTER last_seen TYPE date', /last_seen is date, not timestamptz/],
    [
      'a time without zone',
      'ALTER TABLE scan_results ALTER last_seen TYPE timestamp',
      /last_seen is timestamp without time zone, not timestamptz/,
    ],
    [
      'whole seconds',
      'ALTER TABLE scan_results ALTER last_seen TYPE timestamptz(0)',
      /last_seen is timestamp\(0\)/,
    ],
    ['small numbers', 'ALTER TABLE scan_results ALTER port TYPE smallint', /port is smallint, not integer/],
    ['fractions', 'ALTER TABLE scan_results ALTER port TYPE numeric', /port is numeric, not integer/],
    [
      'short texts',
      'ALTER TABLE scan_results ALTER response TYPE varchar(5)',
      /response is character varying\(5\), not text/,
    ],
    [
      'padded texts',
      'ALTER TABLE scan_results ALTER service TYPE char(9)',
      /service is character\(9\), not text/,
    ],
    ['networks', 'ALTER TABLE scan_results ALTER ip TYPE cidr', /ip is cidr, not inet/],
    ['addresses as text', 'ALTER TABLE scan_results ALTER ip TYPE text', /ip is text, not inet/],
    [
      'a generated column',
      `ALTER TABLE scan_results DROP COLUMN response;
       ALTER TABLE scan_results ADD COLUMN response text GENERATED ALWAYS AS (service) STORED`,
      /response is generated/,
    ],
    [
      'numbers of its own',
      'ALTER TABLE scan_results ALTER port ADD GENERATED ALWAYS AS IDENTITY',
      /port is generated/,
    ],
    [
      'no key',
      'ALTER TABLE scan_results DROP CONSTRAINT scan_results_pkey',
      /\(ip, port, service\) is not unique/,
    ],
    [
      'a key that is checked late',
      `ALTER TABLE scan_results DROP CONSTRAINT scan_results_pkey,
                                ADD PRIMARY KEY (ip, port, service) DEFERRABLE INITIALLY DEFERRED`,
      /\(ip, port, service\) is unique only at the commit/,
    ],
    [
      'a rule that does something else',
      'CREATE RULE elsewhere AS ON UPDATE TO scan_results DO ALSO NOTIFY written',
      /the rule elsewhere rewrites what is written/,
    ],
  ]
  for (const [what, alter, message] of alterations) {
    test(what, async () => {
      await using database = await freshDatabase(server)
      const writer = writerTo(database)
      assert.equal((await writer.write([scanRecord(1, 10, 'a')])).written, 1)
      await database.query(alter)
      for (const attempt of [1, 2]) {
        const failure = await failureOf(writer.write([scanRecord(1, 20, 'b'), scanRecord(2, 20, 'b')]))
        assert.equal(failure.class, 'schema-drift', `attempt ${attempt}`)
        assert.match(explain(failure), /^table scan_results: /)
        assert.match(explain(failure), message)
      }
      assert.equal((await database.query('SELECT FROM scan_results')).length, 1)
      const [fix] = [statementsIn(explain(await failureOf(writer.write([]))))]
      await database.query(fix)
      assert.ok((await writer.write([scanRecord(1, 20, 'b'), scanRecord(2, 20, 'b')])).written >= 1, fix)
      assert.deepEqual((await responses(database)).slice(-1), ['b'])
    })
  }

  test('texts that a collation treats as equal', async () => {
    await using database = await freshDatabase(server)
    const writer = writerTo(database)
    const withService = (service: string) => scanRecord(['1.1.1.1', 1, service], 1, service)
    assert.equal((await writer.write([withService('a')])).written, 1)
    await database.query(`
      CREATE COLLATION ignores_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      ALTER TABLE scan_results ALTER service TYPE text COLLATE ignores_case`)
    const failure = await failureOf(writer.write([withService('A')]))
    assert.equal(failure.class, 'schema-drift')
    assert.match(explain(failure), /nondeterministic collation.*COLLATE "C"/)
    await database.query('ALTER TABLE scan_results ALTER service TYPE text COLLATE "C"')
    assert.equal((await writer.write([withService('A')])).written, 1)
  })

  test('a partition that a crash empties', async () => {
    await using database = await freshDatabase(server)
    await database.query(`
      ALTER TABLE scan_results RENAME TO other;
      CREATE TABLE scan_results (LIKE other INCLUDING ALL) PARTITION BY HASH (ip);
      CREATE TABLE part_0 PARTITION OF scan_results FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE part_1 PARTITION OF scan_results FOR VALUES WITH (MODULUS 2, REMAINDER 1)`)
    const writer = writerTo(database)
    const all = (version: number) => [1, 2, 3, 4, 5, 6].map((at) => scanRecord(at, version, 'x'))
    assert.equal((await writer.write(all(1))).written, 6)
    await database.query('ALTER TABLE part_1 SET UNLOGGED')
    const failure = await failureOf(writer.write(all(2)))
    assert.equal(failure.class, 'schema-drift')
    await database.query(statementsIn(explain(failure)))
    assert.equal((await writer.write(all(2))).written, 6)
  })

  test('dead letters: unlogged, and of another type', async () => {
    await using database = await freshDatabase(server)
    const deadLetters = deadLettersIn(database)
    await deadLetters.store([deadLetter('1')])
    for (const alter of ['SET UNLOGGED', 'ALTER detail TYPE varchar(9)', 'ALTER publish_time TYPE date']) {
      await database.query(`ALTER TABLE dead_letters ${alter}`)
      const failure = await failureOf(deadLetters.store([deadLetter('2')]))
      assert.equal(failure.class, 'schema-drift')
      assert.equal((await database.query('SELECT FROM dead_letters')).length, 1)
      await database.query(statementsIn(explain(failure)))
    }
    await deadLetters.store([deadLetter('2')])
    assert.equal((await database.query('SELECT FROM dead_letters')).length, 2)
  })
})

test('integers in a bigint: written, compared, locked, read and rewritten as before, also while it is widened', async () => {
  await using database = await freshDatabase(server)
  const table: PostgresTable<readonly (number | string)[]> = {
    name: 'wide',
    columns: [
      { name: 'id', type: 'integer', of: ([id = 0]) => id },
      { name: 'revision', type: 'integer', of: ([, revision = 0]) => revision },
      { name: 'state', type: 'text', of: ([, , state = '']) => state },
    ],
    key: ['id'],
    version: ['revision', 'state'],
  }
  await database.query(
    'CREATE TABLE wide (id integer PRIMARY KEY, revision integer NOT NULL, state text NOT NULL)',
  )
  const pool = database.pool()
  const writer = new TableWriter(pool, table)
  const record = (...row: readonly [number, number, string]) => newest(table).recordOf(row)
  const most = 2 ** 31 - 1
  assert.equal((await writer.write([record(1, 5, 'a'), record(-most - 1, 1, 'a')])).written, 2)
  await database.query('ALTER TABLE wide ALTER id TYPE bigint, ALTER revision TYPE bigint')
  const batch = [record(1, 5, 'b'), record(-most - 1, 0, 'z'), record(most, most, 'c')]
  assert.equal((await writer.write(batch)).written, 2)
  assert.equal((await writer.write(batch)).written, 0)
  await checkTables(pool, [table], false)
  const rows = await readTable(database.options, table)
  assert.deepEqual(
    rows.toSorted((a, b) => Number(a[0]) - Number(b[0])),
    [
      [-most - 1, 1, 'a'],
      [1, 5, 'b'],
      [most, most, 'c'],
    ],
  )
  const owner = await database.connect()
  await owner.query('BEGIN; SELECT FROM wide WHERE id = 1 FOR UPDATE')
  assert.deepEqual(await writer.locked(batch), [batch[0]])
  await owner.query('ROLLBACK')
  assert.equal(await writer.rewriteExistingRow(), true)
  // Rows of others, beyond all integers: newer than any, and none to write again.
  await database.query(
    `UPDATE wide SET revision = 3000000000; UPDATE wide SET id = 4000000000 WHERE id = ${most}`,
  )
  assert.equal((await writer.write([record(1, most, 'z')])).written, 0)
  assert.equal(await writer.rewriteExistingRow(), false)
})

for (const isolation of ['read committed', 'repeatable read']) {
  test(`a table altered while a write waits for it, with transactions being ${isolation}`, async () => {
    await using database = await freshDatabase(server)
    await database.query(
      `ALTER DATABASE ${database.options.database} SET default_transaction_isolation TO '${isolation}'`,
    )
    try {
      const writer = writerTo(database)
      assert.equal((await writer.write([scanRecord(1, 10, 'a')])).written, 1)
      const owner = await database.connect()
      await owner.query('BEGIN; ALTER TABLE scan_results SET UNLOGGED')
      const writing = failureOf(writer.write([scanRecord(1, 20, 'b')]))
      await untilBlocked(database, 1)
      await owner.query('COMMIT')
      assert.match(explain(await writing), /unlogged/)
      assert.deepEqual(await responses(database), ['a'])
    } finally {
      await database.query(`ALTER DATABASE ${database.options.database} RESET default_transaction_isolation`)
    }
  })
}

/** A trigger function that runs this, and triggers that call it. */
const withTrigger = ({ query }: TestDatabase, body: string, ...triggers: readonly string[]) =>
  query(`
    CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$;
    ${triggers.map((trigger) => `CREATE ${trigger} EXECUTE FUNCTION act()`).join(';')}`)

const beforeEach = 'TRIGGER keep_out BEFORE INSERT OR UPDATE ON scan_results FOR EACH ROW'

describe('a row that a trigger or rule discards is rejected, and nothing of its statement is written', () => {
  const discarding: readonly [what: string, prepare: (database: TestDatabase) => Promise<unknown>][] = [
    [
      'before INSERT',
      (database) =>
        withTrigger(
          database,
          `IF NEW.response = 'bad' THEN RETURN NULL; END IF; RETURN NEW;`,
          'TRIGGER keep_out BEFORE INSERT ON scan_results FOR EACH ROW',
        ),
    ],
    [
      'before UPDATE',
      (database) =>
        withTrigger(
          database,
          `IF NEW.response = 'bad' THEN RETURN NULL; END IF; RETURN NEW;`,
          'TRIGGER keep_out BEFORE UPDATE ON scan_results FOR EACH ROW',
        ),
    ],
    [
      'deleted again after each row',
      (database) =>
        withTrigger(
          database,
          `DELETE FROM scan_results WHERE response = 'bad'; RETURN NULL;`,
          'TRIGGER keep_out AFTER INSERT OR UPDATE ON scan_results FOR EACH ROW',
        ),
    ],
    [
      'deleted again after the statement',
      (database) =>
        withTrigger(
          database,
          `DELETE FROM scan_results WHERE response = 'bad'; RETURN NULL;`,
          'TRIGGER keep_out AFTER INSERT OR UPDATE ON scan_results',
        ),
    ],
    [
      'deleted again at the commit',
      (database) =>
        withTrigger(
          database,
          `DELETE FROM scan_results WHERE response = 'bad'; RETURN NULL;`,
          `CONSTRAINT TRIGGER keep_out AFTER INSERT OR UPDATE ON scan_results
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW`,
        ),
    ],
    [
      'put under another key',
      (database) =>
        withTrigger(
          database,
          `IF NEW.response = 'bad' THEN NEW.service := 'other'; END IF; RETURN NEW;`,
          'TRIGGER keep_out BEFORE INSERT ON scan_results FOR EACH ROW',
        ),
    ],
    [
      'given another time',
      (database) =>
        withTrigger(
          database,
          `IF NEW.response = 'bad' THEN NEW.last_seen := '2000-01-01'; END IF; RETURN NEW;`,
          beforeEach,
        ),
    ],
    [
      'a conditional rule',
      ({ query }) =>
        query(
          `CREATE RULE keep_out AS ON INSERT TO scan_results WHERE NEW.response = 'bad' DO INSTEAD NOTHING`,
        ),
    ],
  ]
  const now = 1_700_000_000
  for (const [what, prepare] of discarding) {
    test(what, async () => {
      await using database = await freshDatabase(server)
      const writer = writerTo(database)
      // Before there is a trigger, so that it has to be noticed.
      assert.equal((await writer.write([scanRecord(1, now, 'a'), scanRecord(2, now, 'b')])).written, 2)
      await prepare(database)
      const bad = scanRecord(1, now + 1, 'bad')
      const good = [scanRecord(2, now + 1, 'good'), scanRecord(3, now + 1, 'new')]
      for (const batch of [[bad], [bad, ...good]]) {
        const failure = await failureOf(writer.write(batch))
        assert.equal(failure.class, 'bad-row')
        assert.match(
          explain(failure),
          /^table scan_results: discarded or changed by .*keep_out.*; .* as the owner: /,
        )
      }
      assert.deepEqual(await responses(database), ['a', 'b'])
      assert.equal((await writer.write(good)).written, 2, 'those that it leaves alone')
      assert.equal((await writer.write(good)).written, 0, 'are stale when they are redelivered')
      assert.deepEqual(await responses(database), ['a', 'good', 'new'])
      await writer.write([scanRecord(1, now - 1, 'bad')])
      const [standing] = await responses(database)
      assert.equal(standing, 'a', 'as is what would be discarded, and is older')
      await database.query(statementsIn(explain(await failureOf(writer.write([bad])))))
      assert.equal((await writer.write([bad])).written, 1)
    })
  }

  test('of two records of one time the greater, where the lesser is stored', async () => {
    await using database = await freshDatabase(server)
    await withTrigger(database, `IF NEW.response = 'z' THEN RETURN NULL; END IF; RETURN NEW;`, beforeEach)
    const writer = writerTo(database)
    assert.equal((await writer.write([scanRecord(1, 10, 'b')])).written, 1)
    assert.equal((await writer.write([scanRecord(1, 10, 'a')])).written, 0)
    assert.equal((await failureOf(writer.write([scanRecord(1, 10, 'z')]))).class, 'bad-row')
    assert.deepEqual(await responses(database), ['b'])
  })

  test('every row of an unconditional rule', async () => {
    await using database = await freshDatabase(server)
    await database.query('CREATE RULE "keep Out" AS ON INSERT TO scan_results DO INSTEAD NOTHING')
    const writer = writerTo(database)
    const failure = await failureOf(writer.write([scanRecord(1, 10, 'b')]))
    assert.equal(failure.class, 'bad-row')
    await database.query(statementsIn(explain(failure)))
    assert.equal((await writer.write([scanRecord(1, 10, 'b')])).written, 1)
  })
})

describe('triggers that discard nothing cause no problem', () => {
  for (const normalised of ['upper', 'lower', 'reverse']) {
    test(`texts that are stored in another form: ${normalised}`, async () => {
      await using database = await freshDatabase(server)
      await withTrigger(database, `NEW.response := ${normalised}(NEW.response); RETURN NEW;`, beforeEach)
      const writer = writerTo(database)
      for (const round of [1, 2]) {
        await writer.write([scanRecord(1, 10, 'aB'), scanRecord(2, 10, 'Ab')])
        assert.equal((await responses(database)).length, 2, `round ${round}`)
      }
      assert.equal((await writer.write([scanRecord(1, 11, 'aB')])).written, 1)
      assert.equal((await writer.write([scanRecord(1, 10, 'zz')])).written, 0)
    })
  }

  test('a disabled trigger, one on DELETE only, and rows that they would discard', async () => {
    await using database = await freshDatabase(server)
    await withTrigger(
      database,
      'RETURN NULL;',
      beforeEach,
      'TRIGGER d BEFORE DELETE ON scan_results FOR EACH ROW',
    )
    await database.query('ALTER TABLE scan_results DISABLE TRIGGER keep_out')
    assert.equal((await writerTo(database).write([scanRecord(1, 10, 'a')])).written, 1)
  })

  test('deferred constraints are checked as usual, after the triggers', async () => {
    await using database = await freshDatabase(server)
    await database.query(`
      CREATE TABLE services (name text PRIMARY KEY);
      ALTER TABLE scan_results ADD FOREIGN KEY (service) REFERENCES services DEFERRABLE INITIALLY DEFERRED`)
    await withTrigger(
      database,
      `INSERT INTO services VALUES (NEW.service) ON CONFLICT DO NOTHING; RETURN NULL;`,
      'TRIGGER zz AFTER INSERT ON scan_results FOR EACH ROW',
    )
    assert.equal(
      (await writerTo(database).write([scanRecord(1, 10, 'a'), scanRecord(2, 10, 'a')])).written,
      2,
    )
  })
})

describe('dead letters that a trigger discards are not stored', () => {
  const actions: readonly [what: string, body: string, when: string][] = [
    ['before INSERT', `RETURN NULL;`, 'BEFORE INSERT'],
    ['after INSERT', `DELETE FROM dead_letters WHERE id = NEW.id; RETURN NULL;`, 'AFTER INSERT'],
  ]
  for (const [what, body, when] of actions) {
    test(what, async () => {
      await using database = await freshDatabase(server)
      const deadLetters = deadLettersIn(database)
      await deadLetters.store([deadLetter('1')])
      await withTrigger(
        database,
        `IF NEW.message_id = 'bad' THEN ${body} END IF; RETURN NEW;`,
        `TRIGGER keep_out ${when} ON dead_letters FOR EACH ROW`,
      )
      const failure = await failureOf(deadLetters.store([deadLetter('2'), deadLetter('bad')]))
      assert.match(explain(failure), /^table dead_letters: discarded or changed by .*trigger keep_out/)
      assert.equal((await database.query('SELECT FROM dead_letters')).length, 1)
      await deadLetters.store([deadLetter('2')])
      await deadLetters.store([deadLetter('2')])
      await database.query(statementsIn(explain(failure)))
      await deadLetters.store([deadLetter('bad')])
      assert.equal((await database.query('SELECT FROM dead_letters')).length, 3)
    })
  }

  test('a discarded update does not store the new reason', async () => {
    await using database = await freshDatabase(server)
    const deadLetters = deadLettersIn(database)
    await deadLetters.store([deadLetter('1')])
    await withTrigger(database, 'RETURN NULL;', 'TRIGGER keep_out BEFORE UPDATE ON dead_letters FOR EACH ROW')
    assert.match(explain(await failureOf(deadLetters.store([deadLetter('1')]))), /keep_out/)
  })
})

test('a dropped column and another type at once: the statement that adds the one goes with what is said of the other', async () => {
  await using database = await freshDatabase(server)
  const sink = { ...scans.sink, origin: { module: 'scans.yaml', isMapping: true } }
  const [busy, idle] = [new TableWriter(database.pool(), sink), new TableWriter(database.pool(), sink)]
  await busy.write([scanRecord(1, 10, 'a')])
  await database.query('ALTER TABLE scan_results DROP COLUMN response, ALTER port TYPE numeric')
  for (const writer of [busy, idle, busy, idle]) {
    const said = explain(await failureOf(writer.write([scanRecord(2, 20, 'b')])))
    assert.match(said, /as its owner: ALTER TABLE "scan_results" ADD COLUMN "response" text;/)
  }
})
