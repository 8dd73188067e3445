import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type pg from 'pg'
import { noLogger } from '#core/logger.ts'
import { scans } from '#pipeline/scans.ts'
import { startPostgres } from '#stack/postgres.ts'
import type { TestDatabase } from '../../test/support/postgres.ts'
import { freshDatabase, startTestServer, until, untilBlocked } from '../../test/support/postgres.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { EpochWatch, epochValidMs } from './epoch-watch.ts'
import { bumpEpoch, readEpoch } from './epoch.ts'

const server = await startTestServer()

const soonMs = 100
const readEveryMs = 5000

interface Watched extends Disposable {
  readonly pool: pg.Pool
  readonly clock: VirtualClock
  readonly watch: EpochWatch
  /** What people were told. */
  readonly lines: string[]
  /** Resolves when a reading has led to an epoch; time goes on until then. */
  known(): Promise<void>
}

/** Real connections, virtual time. */
function watched(database: TestDatabase, poolSize = 2): Watched {
  const pool = database.pool({ poolSize })
  const clock = new VirtualClock()
  const lines: string[] = []
  const note = (_: unknown, message: string) => void lines.push(message)
  const logger = { ...noLogger, info: note, warn: note }
  const backoff = { next: () => soonMs, reset: () => {} }
  const watch = new EpochWatch({ pool, table: scans.sink, pipeline: 'scans', logger, clock, backoff })
  return {
    pool,
    clock,
    watch,
    lines,
    known: () =>
      until(async () => {
        await clock.advance(soonMs)
        return watch.current !== undefined
      }),
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  }
}

/** A watch whose pool has this many connections, all of them at rest, and that has just read. */
async function settled(database: TestDatabase, connections = 1): Promise<Watched> {
  const watching = watched(database)
  await open(watching.pool, connections)
  await watching.watch.read()
  assert.notEqual(watching.watch.current, undefined)
  return watching
}

async function open(pool: pg.Pool, connections: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()))
  for (const client of clients) client.release()
}

/** Sooner than the pool closes connections that are at rest, which would make it unknown. */
function untilAnother(watch: EpochWatch, before: string | undefined): Promise<void> {
  return until(async () => watch.current !== undefined && watch.current !== before, 5000)
}

/** Ends the connections that wait for their next query. */
function terminateIdle({ query }: TestDatabase) {
  return query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND state = 'idle' AND application_name = 'ingester'
       AND pid <> pg_backend_pid()`,
  )
}

/** No epoch can be read until this is called. */
async function lockEpochs(database: TestDatabase): Promise<() => Promise<unknown>> {
  const holder = await database.connect()
  await holder.query('BEGIN; LOCK TABLE cache_epochs IN ACCESS EXCLUSIVE MODE')
  return () => holder.query('ROLLBACK')
}

test('unknown before the first reading, then what is read', async () => {
  await using database = await freshDatabase(server)
  using watching = watched(database)
  const { watch, pool } = watching
  assert.equal(watch.current, undefined)
  await watch.read()
  assert.equal(watch.current, await readEpoch(pool, scans.sink, 'scans'))
  assert.equal(watch.problem, undefined)
  assert.deepEqual(watching.lines, [])
})

test('read every 5 s; a new epoch is reported once', async () => {
  await using database = await freshDatabase(server)
  using watching = await settled(database)
  const { watch, clock, lines } = watching
  const before = watch.current
  await bumpEpoch(database.options, 'scans')
  await clock.advance(readEveryMs - 1)
  assert.equal(watch.current, before)
  await clock.advance(1)
  await untilAnother(watch, before)
  await until(async () => clock.timers === 1)
  await clock.advance(readEveryMs)
  await until(async () => clock.timers === 1)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /new epoch/)
})

test('a lost connection: unknown at once, until it is read again', async () => {
  await using database = await freshDatabase(server)
  using watching = await settled(database)
  const { watch, clock } = watching
  const before = watch.current
  await terminateIdle(database)
  await until(async () => watch.current === undefined)
  await clock.advance(soonMs - 1)
  assert.equal(watch.current, undefined)
  await clock.advance(1)
  await until(async () => watch.current === before)
})

test('a reading in progress when a connection was lost does not count', async () => {
  await using database = await freshDatabase(server)
  using watching = await settled(database, 2)
  const { watch } = watching
  const unlock = await lockEpochs(database)
  const reading = watch.read()
  await untilBlocked(database, 1)
  await terminateIdle(database)
  await until(async () => watch.current === undefined)
  await unlock()
  await reading
  assert.equal(watch.current, undefined, 'the answer may be that of a server that is gone')
  await watching.known()
})

test('after 10 s it is not used, counted from when it was requested', async () => {
  await using database = await freshDatabase(server)
  using watching = await settled(database)
  const { watch, clock } = watching
  const unlock = await lockEpochs(database)
  const reading = watch.read()
  await untilBlocked(database, 1)
  await clock.advance(4000)
  await unlock()
  await reading
  // From now on no reading ends.
  const unlockAgain = await lockEpochs(database)
  await clock.advance(epochValidMs - 4000 - 1)
  assert.notEqual(watch.current, undefined)
  assert.equal(watch.problem, undefined)
  await clock.advance(1)
  assert.equal(watch.current, undefined)
  assert.match(watch.problem ?? '', /scan_results was not answered for 10 s/)
  await untilBlocked(database, 1)
  await unlockAgain()
})

test('a problem is reported once, and so is its end, when the epoch can be read again', async () => {
  await using database = await freshDatabase(server)
  using watching = await settled(database)
  const { watch, lines } = watching
  await database.query('ALTER TABLE cache_epochs RENAME TO elsewhere')
  for (let times = 1; times <= 3; times += 1) {
    await watch.read()
    assert.equal(watch.current, undefined)
    assert.match(watch.problem ?? '', /cannot be read.*cache_epochs/)
  }
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /cache bypassed \(no data lost\)/)
  await database.query('ALTER TABLE elsewhere RENAME TO cache_epochs')
  await watching.known()
  assert.equal(watch.problem, undefined)
  assert.equal(lines.length, 2)
  assert.match(lines[1] ?? '', /the epoch of scan_results is known again/)

  await database.query('ALTER TABLE scan_results RENAME TO elsewhere')
  await watch.read()
  assert.match(watch.problem ?? '', /scan_results does not exist/)
  assert.equal(lines.length, 3, 'another problem is told again')
})

test('a new connection causes a reading: it may be to another server', async () => {
  await using database = await freshDatabase(server)
  using watching = await settled(database)
  const { watch, clock, pool } = watching
  const before = watch.current
  await bumpEpoch(database.options, 'scans')
  await open(pool, 1)
  await clock.advance(soonMs)
  assert.equal(watch.current, before, 'a known connection leads to none')
  await open(pool, 2)
  await clock.advance(soonMs)
  await untilAnother(watch, before)
})

test('a connection made during a reading causes another reading', async () => {
  await using database = await freshDatabase(server)
  using watching = await settled(database)
  const { watch, clock, pool } = watching
  const unlock = await lockEpochs(database)
  const reading = watch.read()
  await untilBlocked(database, 1)
  await open(pool, 1)
  await unlock()
  await reading
  const before = watch.current
  await bumpEpoch(database.options, 'scans')
  await clock.advance(soonMs)
  await untilAnother(watch, before)
})

describe('a server that does not allow reading it is asked with growing delays, and keeps its connection', () => {
  const refusals = {
    'a right that is missing': 'REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn() FROM PUBLIC',
    'a function that the server does not support (Aurora)': `SET allow_system_table_mods = on;
       ALTER FUNCTION pg_current_wal_lsn() RENAME TO pg_current_wal_lsn_of_the_server;
       CREATE FUNCTION pg_catalog.pg_current_wal_lsn() RETURNS pg_lsn LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'not supported' USING ERRCODE = '0A000'; END $$`,
  }
  for (const [name, statement] of Object.entries(refusals)) {
    test(name, async () => {
      const own = await startPostgres({ port: 0, superuser: true, settings: { fsync: 'off' } })
      try {
        await using database = await freshDatabase(own)
        await database.query(`CREATE ROLE plain LOGIN PASSWORD '${own.password}' IN ROLE pg_read_all_data`)
        await database.query(statement)
        const pool = database.pool({ user: 'plain' })
        let connections = 0
        pool.on('connect', () => (connections += 1))
        let readings = 0
        pool.on('acquire', () => (readings += 1))
        const clock = new VirtualClock()
        using watch = new EpochWatch({ pool, table: scans.sink, pipeline: 'scans', logger: noLogger, clock })
        await watch.read()
        assert.match(watch.problem ?? '', /cannot be read/)
        const seconds = 60
        for (let i = 0; i < seconds * 20; i++) {
          await clock.advance(50)
          await until(async () => clock.timers === 1)
        }
        assert.ok(readings >= seconds / 5 && readings <= seconds / 2.5 + 8, `${readings} readings`)
        assert.equal(connections, 1)
      } finally {
        await own.stop()
      }
    })
  }
})

test('a server that closes every connection is tried with growing delays', async () => {
  await using database = await freshDatabase(server)
  await using proxy = await TcpProxy.to(server.port)
  const pool = database.pool({ port: proxy.port })
  const clock = new VirtualClock()
  using watch = new EpochWatch({ pool, table: scans.sink, pipeline: 'scans', logger: noLogger, clock })
  await watch.read()
  assert.notEqual(watch.current, undefined)
  const seconds = 60
  for (let i = 0; i < seconds * 20; i++) {
    if (watch.current !== undefined) {
      proxy.cut()
      await until(async () => watch.current === undefined)
    }
    await clock.advance(50)
    await until(async () => clock.timers === 1)
  }
  assert.ok(proxy.connections <= seconds / 2.5 + 8, `${proxy.connections} connections`)
})

test('disposed, it leaves neither timer nor listener, also during a reading', async () => {
  await using database = await freshDatabase(server)
  const bare = database.pool()
  const listeners = (pool: pg.Pool) => ['connect', 'remove'].map((event) => pool.listenerCount(event))
  const idle = await settled(database)
  idle.watch[Symbol.dispose]()
  assert.equal(idle.clock.timers, 0)
  assert.deepEqual(listeners(idle.pool), listeners(bare))

  const busy = await settled(database)
  const unlock = await lockEpochs(database)
  const reading = busy.watch.read()
  await untilBlocked(database, 1)
  busy.watch[Symbol.dispose]()
  await unlock()
  await reading
  assert.equal(busy.clock.timers, 0)
  assert.deepEqual(listeners(busy.pool), listeners(bare))
  await busy.watch.read()
  assert.equal(busy.clock.timers, 0)
})
