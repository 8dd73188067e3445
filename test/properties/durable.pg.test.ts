// Whatever relaxes synchronous_commit, whichever server connection a pooler picks and whenever the server is killed:
// what was acknowledged is in the table afterwards.
import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { WriteFailure } from '#core/write-failure.ts'
import type { PostgresOptions } from '#postgres/pool.ts'
import { TableWriter } from '#postgres/table-writer.ts'
import { scans } from '#pipeline/scans.ts'
import { Random } from '#demo/random.ts'
import { serverProcesses } from '#stack/processes.ts'
import { startPgbouncer, withoutPgbouncer } from '../support/pgbouncer.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { freshDatabase, scanRecord, startTestServer, until } from '../support/postgres.ts'
import { showSeed } from '../support/seed.ts'
import { signalEach } from '../support/signal-each.ts'
import { skippedFor } from '../support/skip.ts'

// With fsync, and a WAL writer that leaves alone for a long time what no commit flushes.
const server = await startTestServer({ fsync: 'on', wal_writer_delay: '10s' })

const writers = 4
const crashes = 2

/** Relaxes durability in a way that a connection made before or after may not notice. */
const relaxations = {
  'by the role': 'ALTER ROLE scanner SET synchronous_commit = off',
  'by the database': 'ALTER DATABASE scanner_dev SET synchronous_commit = off',
  'by the configuration, while it runs': 'ALTER SYSTEM SET synchronous_commit = off',
} as const

async function restore({ query }: TestDatabase): Promise<void> {
  // The first statement may meet a connection that the crash has broken.
  await until(() =>
    query('SELECT 1').then(
      () => true,
      () => false,
    ),
  )
  await query('ALTER ROLE scanner RESET ALL')
  await query('ALTER DATABASE scanner_dev RESET ALL')
  await query('ALTER SYSTEM RESET ALL')
  await query('SELECT pg_reload_conf()')
}

async function killServer(): Promise<void> {
  signalEach(await serverProcesses(server.pid), 'SIGKILL')
  await server.restart()
}

/** As Promise.all, but nothing is under way any more when it rejects. */
async function whole(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work)
  await Promise.all(work)
}

/** Writers in bursts, and a server that is killed after each of them: the rows that were acknowledged and are gone. */
async function lostRows(
  seed: number,
  way: Partial<PostgresOptions>,
  relax: string,
  disturb: () => Promise<unknown>,
): Promise<number[]> {
  await using database = await freshDatabase(server)
  const random = new Random(seed)
  const pool = database.pool({ ...way, poolSize: writers, statementTimeoutMs: 5000 })
  const writer = new TableWriter(pool, scans.sink)
  const acked: number[] = []
  const write = async (at: number) => {
    await writer.write([scanRecord(at, 1, '')])
    acked.push(at)
  }
  let next = 0
  const burst = (count: number) => whole(Array.from({ length: count }, () => write(next++)))
  for (let crash = 0; crash < crashes; crash += 1) {
    // Connections that were made before it was relaxed.
    await restore(database)
    await until(() =>
      burst(writers).then(
        () => true,
        () => false,
      ),
    )
    await database.query(relax)
    await database.query('SELECT pg_reload_conf()')
    for (let bursts = 0; bursts < 4; bursts += 1) {
      await disturb()
      // What fails is not acknowledged.
      await burst(writers * (1 + random.below(3))).catch((failure: WriteFailure) =>
        assert.equal(failure.class, 'infrastructure'),
      )
    }
    await killServer()
  }
  await restore(database)
  const rows = await database.query<{ ip: string }>('SELECT host(ip) AS ip FROM scan_results')
  const there = new Set(rows.map(({ ip }) => ip))
  return acked.filter((at) => !there.has(scanRecord(at, 1, '').row.ip))
}

for (const [how, text] of Object.entries(relaxations)) {
  test(`relaxed ${how}: no acknowledged row is lost to a crash`, async (t) => {
    assert.deepEqual(await lostRows(showSeed(t), {}, text, async () => {}), [])
  })
}

describe('through PgBouncer', skippedFor(withoutPgbouncer), async () => {
  for (const mode of ['transaction', 'session']) {
    // Two server connections for four writers: who is served next is served by another one.
    const size = mode === 'session' ? writers : 2
    const bouncer = await startPgbouncer(server, { pool_mode: mode, default_pool_size: String(size) })
    for (const [how, text] of Object.entries(relaxations).slice(0, mode === 'session' ? 1 : 3)) {
      test(`${mode} mode, relaxed ${how}: no acknowledged row is lost to a crash`, async (t) => {
        const lost = await lostRows(showSeed(t), { port: bouncer.port }, text, () =>
          bouncer.admin('RECONNECT'),
        )
        assert.deepEqual(lost, [])
      })
    }
  }
})
