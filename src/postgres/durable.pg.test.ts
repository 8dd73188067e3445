import assert from 'node:assert/strict'
import { test } from 'vitest'
import type pg from 'pg'
import { scans } from '#pipeline/scans.ts'
import { deliveryOf } from '../../test/support/arrivals.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import {
  freshDatabase,
  migrationsDir,
  scanRecord,
  startTestServer,
  until,
} from '../../test/support/postgres.ts'
import { DeadLetterTable } from './dead-letter-table.ts'
import { lockDeadLetters, markDeadLetters } from './dead-letter-status.ts'
import { bumpEpoch } from './epoch.ts'
import { migrate } from './migrations.ts'
import { TableWriter } from './table-writer.ts'
import { inTransaction } from './transaction.ts'

const server = await startTestServer({ wal_level: 'replica', max_wal_senders: '2' })
const subscription = 'projects/p/subscriptions/s'

const deadLettersOn = (pool: pg.Pool) =>
  new DeadLetterTable(pool, { pipeline: 'scans', subscription, maxMessageBytes: 1000 })
const deadLetter = (text: string) => ({ delivery: deliveryOf(text), reason: 'bad-ip', detail: 'd' })

/** Notes with what `synchronous_commit` each change of these tables commits: a deferred trigger runs at COMMIT. */
async function recordCommits({ query }: TestDatabase, ...tables: readonly string[]): Promise<void> {
  await query(`
    CREATE TABLE commits (what text, level text);
    CREATE FUNCTION record_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO public.commits VALUES (TG_TABLE_NAME || ' ' || TG_OP, current_setting('synchronous_commit'));
      RETURN NULL;
    END $$`)
  for (const table of tables) {
    await query(`CREATE CONSTRAINT TRIGGER record_commit AFTER INSERT OR UPDATE OR DELETE ON ${table}
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_commit()`)
  }
}

/** What was committed since the last time, and how. */
async function commits({ query }: TestDatabase): Promise<string[]> {
  const rows = await query<{ commit: string }>(
    `WITH gone AS (DELETE FROM commits RETURNING *) SELECT DISTINCT what || ' ' || level AS commit FROM gone ORDER BY 1`,
  )
  return rows.map(({ commit }) => commit)
}

/** What an ack, or a "done", stands on. */
async function writeEverything(database: TestDatabase, pool: pg.Pool, version: number): Promise<void> {
  await new TableWriter(pool, scans.sink).write([scanRecord(1, version, 'x')])
  await deadLettersOn(pool).store([deadLetter('1')])
  const client = await pool.connect()
  const [id] = (await client.query('SELECT id::float8 AS id FROM dead_letters')).rows
  await inTransaction(client, async () => {
    await lockDeadLetters(client, [id.id], 'new')
    await markDeadLetters(client, [id.id], 'redriven')
  })
  client.release()
  await bumpEpoch(database.options, 'scans')
}

for (const [given, used] of [
  ['off', 'on'],
  ['local', 'on'],
  ['remote_write', 'on'],
  ['on', 'on'],
  ['remote_apply', 'remote_apply'],
] as const) {
  const all = (first: string) => [
    'cache_epochs INSERT',
    'dead_letters INSERT',
    'dead_letters UPDATE',
    `scan_results ${first}`,
  ]
  const levelled = (what: readonly string[]) => what.map((one) => `${one} ${used}`)

  test(`synchronous_commit = ${given}, wherever and whenever it is set: commits use ${used}`, async () => {
    await using database = await freshDatabase(server)
    await recordCommits(database, 'scan_results', 'dead_letters', 'cache_epochs')
    const reset = () => database.query('TRUNCATE dead_letters, cache_epochs')
    const pool = database.pool({ poolSize: 1 })

    await database.query(`ALTER SYSTEM SET synchronous_commit = ${given}`)
    await database.query('SELECT pg_reload_conf()')
    await until(
      async () => (await pool.query('SHOW synchronous_commit')).rows[0].synchronous_commit === given,
    )
    await writeEverything(database, pool, 1)
    assert.deepEqual(await commits(database), levelled(all('INSERT')), 'while it runs')
    await database.query('ALTER SYSTEM RESET synchronous_commit')
    await database.query('SELECT pg_reload_conf()')

    await reset()
    await pool.query(`SET synchronous_commit = ${given}`)
    await writeEverything(database, pool, 2)
    const there = levelled(all('UPDATE')).filter((commit) => !commit.startsWith('cache_epochs'))
    const inSession = (await commits(database)).filter((commit) => !commit.startsWith('cache_epochs'))
    assert.deepEqual(inSession, there, 'left behind in the session')

    await reset()
    await database.query(`ALTER DATABASE ${database.options.database} SET synchronous_commit = ${given}`)
    await writeEverything(database, database.pool(), 3)
    assert.deepEqual(await commits(database), levelled(all('UPDATE')), 'of the database')
    await migrate(database.options, migrationsDir, 'down')
    await database.query('TRUNCATE commits')
    await recordMigrations(database)
    await migrate(database.options, migrationsDir, 'up')
    assert.deepEqual(await commits(database), levelled(['pgmigrations INSERT']), 'migrations')
    await database.query(`ALTER DATABASE ${database.options.database} RESET ALL`)
  })
}

async function recordMigrations({ query }: TestDatabase): Promise<void> {
  await query(`CREATE CONSTRAINT TRIGGER record_commit AFTER INSERT OR DELETE ON pgmigrations
               DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_commit()`)
}

/** With a standby that every commit waits for, and that is not there. The settings are those of the database. */
async function withoutStandby(
  settings: Readonly<Record<string, string>>,
  body: (database: TestDatabase) => Promise<void>,
): Promise<void> {
  await using database = await freshDatabase(server)
  const change = (what: string) => database.query(`ALTER DATABASE ${database.options.database} ${what}`)
  for (const [name, value] of Object.entries(settings)) await change(`SET ${name} = ${value}`)
  const set = async (names: string) => {
    // This alone is no transaction that waits.
    await database.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`)
    await database.query('SELECT pg_reload_conf()')
  }
  await set('missing')
  try {
    await untilCommitsWait(database)
    await body(database)
  } finally {
    await set('')
    await change('RESET ALL')
  }
}

/** Not the setting of a session counts, but whether the checkpointer has read it; that shows in a commit only. */
async function untilCommitsWait(database: TestDatabase): Promise<void> {
  const pool = database.pool({ poolSize: 1 })
  await until(async () => {
    const commit = pool.query(
      `SET LOCAL synchronous_commit = on; SELECT pg_logical_emit_message(true, '', '')`,
    )
    const pids = await untilWaiting(database, commit)
    await cancel(database, pids)
    await commit
    return pids.length > 0
  })
}

/** Those that wait for the standby as soon as any does; none where `work` is over without. */
async function untilWaiting(database: TestDatabase, work: Promise<unknown>): Promise<number[]> {
  let isOver = false
  work.catch(() => {}).finally(() => (isOver = true))
  let pids: number[] = []
  await until(async () => isOver || (pids = await waiting(database)).length > 0)
  return pids
}

const waiting = async ({ query }: TestDatabase): Promise<number[]> => {
  const rows = await query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = current_database()`,
  )
  return rows.map(({ pid }) => pid)
}

const cancel = ({ query }: TestDatabase, pids: readonly number[]) =>
  query('SELECT pg_cancel_backend(pid) FROM unnest($1::integer[]) AS pid', [pids])

/** Waits until `work` waits for the standby, and cancels that. */
async function cancelWait(database: TestDatabase, work: Promise<unknown>): Promise<void> {
  const pids = await untilWaiting(database, work)
  assert.notDeepEqual(pids, [], 'it did not wait for the standby')
  await cancel(database, pids)
}

const unreplicated = { class: 'infrastructure', message: /not known to be on a standby/ }

for (const level of ['local', 'remote_write', 'on']) {
  test(`synchronous_commit = ${level}, a missing standby: a cancelled wait is a failure, also the next time`, () =>
    withoutStandby({ synchronous_commit: level, client_min_messages: 'error' }, async (database) => {
      const pool = database.pool()
      const writer = new TableWriter(pool, scans.sink)
      // From the second time on the row is there already: it is not placed, and is on no standby either.
      for (const version of [2, 2, 1]) {
        const writing = writer.write([scanRecord(1, version, 'x')])
        await cancelWait(database, writing)
        await assert.rejects(writing, unreplicated)
      }
      for (let time = 0; time < 2; time += 1) {
        const storing = deadLettersOn(pool).store([deadLetter('1')])
        await cancelWait(database, storing)
        await assert.rejects(storing, unreplicated)
      }
      const bumping = bumpEpoch(database.options, 'scans')
      await cancelWait(database, bumping)
      await assert.rejects(bumping, unreplicated)
    }))
}

test('a missing standby: a write times out, also within a transaction, and leaves no waiting backend', () =>
  withoutStandby({}, async (database) => {
    const pool = database.pool({ statementTimeoutMs: 400, clientTimeoutMarginMs: 2000 })
    const writer = new TableWriter(pool, scans.sink)
    const gaveUp = async (version: number) => {
      await assert.rejects(writer.write([scanRecord(version, version, 'x')]), unreplicated)
      assert.deepEqual(await waiting(database), [])
    }
    await gaveUp(1)
    await database.query(`SET synchronous_commit = local;
      CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
      CREATE TRIGGER leave BEFORE INSERT ON scan_results FOR EACH ROW EXECUTE FUNCTION leave()`)
    for (const version of [2, 3]) await gaveUp(version)
  }))
