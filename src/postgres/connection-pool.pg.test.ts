import assert from 'node:assert/strict'
import { test } from 'vitest'
import { problemText } from '#connect/explain.ts'
import type { Fields, Logger } from '#core/logger.ts'
import { noLogger } from '#core/logger.ts'
import { scans } from '#pipeline/scans.ts'
import { freshDatabase, scanRecord, startTestServer, until } from '../../test/support/postgres.ts'
import { TcpProxy } from '../../test/support/tcp-proxy.ts'
import type { PoolOptions } from './pool.ts'
import { createPool } from './pool.ts'
import { TableWriter } from './table-writer.ts'

const server = await startTestServer({ max_connections: '20' })

interface Line {
  readonly message: string
  readonly fields: Fields
}

/** What is logged as a warning. */
function warnings(): { lines: Line[]; logger: Logger } {
  const lines: Line[] = []
  return { lines, logger: { ...noLogger, warn: (fields, message) => void lines.push({ fields, message }) } }
}

function openPool(options: PoolOptions, logger: Logger) {
  const pool = createPool({ ...options, explain: problemText }, logger)
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.end() })
}

/** As many statements as a pool of that size can carry, at once; resolves when all its connections are idle. */
async function useAll(pool: ReturnType<typeof createPool>, size: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()))
  for (const client of clients) client.release()
}

test('a role that may have fewer connections than the pool: all is written through these, logged once; then it grows', async () => {
  await using database = await freshDatabase(server)
  await database.query(`CREATE ROLE few LOGIN PASSWORD '${server.password}' CONNECTION LIMIT 2`)
  await database.query(`GRANT SELECT, INSERT, UPDATE ON scan_results TO few`)
  const { lines, logger } = warnings()
  await using pool = openPool({ ...database.options, user: 'few', poolSize: 4 }, logger)
  // The server counts those that are about to be refused: with one open, two at once may refuse each other.
  await useAll(pool, 2)
  const writer = new TableWriter(pool, scans.sink)
  const write = (from: number) =>
    Promise.all(Array.from({ length: 40 }, (_, i) => writer.write([scanRecord(from + i, 1, '')])))
  assert.deepEqual(new Set((await write(0)).map(({ written }) => written)), new Set([1]))
  assert.equal(pool.totalCount, 2)
  assert.deepEqual(
    lines.map(({ message }) => message),
    [
      'PostgreSQL refused another connection: continuing with those that are open; raise its limit to 4, or lower INGESTER_POSTGRES_POOL_SIZE',
    ],
  )
  await database.query(`ALTER ROLE few CONNECTION LIMIT -1`)
  let from = 40
  await until(async () => {
    await write(from)
    from += 40
    return pool.totalCount === 4
  })
  assert.equal(lines.length, 1)
})

test('concurrent callers with one idle connection: none learns that another connection was rejected', async () => {
  await using database = await freshDatabase(server)
  await database.query(`CREATE ROLE lone LOGIN PASSWORD '${server.password}' CONNECTION LIMIT 1`)
  const { lines, logger } = warnings()
  await using pool = openPool({ ...database.options, user: 'lone', poolSize: 4 }, logger)
  await useAll(pool, 1)
  const asking = Array.from({ length: 4 }, async () => (await pool.connect()).release())
  await Promise.all(asking)
  assert.equal(pool.totalCount, 1)
  assert.equal(lines.length, 1)
})

test('an idle connection dropped by a firewall costs the next write seconds, not a statement timeout', async () => {
  await using database = await freshDatabase(server)
  await using proxy = await TcpProxy.to(server.port)
  const { lines, logger } = warnings()
  let silences = 0
  const options = {
    port: proxy.port,
    poolSize: 4,
    statementTimeoutMs: 30_000,
    checkTimeoutMs: 300,
    checkAfterIdleMs: 0,
  }
  await using pool = openPool({ ...database.options, ...options, onSilence: () => (silences += 1) }, logger)
  const writer = new TableWriter(pool, scans.sink)
  await useAll(pool, 4)
  proxy.strand()
  const start = performance.now()
  const writing = Array.from({ length: 4 }, (_, i) => writer.write([scanRecord(i, 1, '')]))
  assert.deepEqual(
    (await Promise.all(writing)).map(({ written }) => written),
    [1, 1, 1, 1],
  )
  const elapsedMs = performance.now() - start
  assert.ok(elapsedMs < 3000, `${elapsedMs} ms`)
  assert.equal(silences, 1)
  assert.equal(lines.length, 1)
  assert.match(lines[0]?.message ?? '', /an idle PostgreSQL connection did not answer; reconnecting/)
})

test('connections idle for as long are not tested one after the other', async () => {
  await using database = await freshDatabase(server)
  await using proxy = await TcpProxy.to(server.port)
  const options = { port: proxy.port, poolSize: 6, checkTimeoutMs: 300, checkAfterIdleMs: 0 }
  await using pool = openPool({ ...database.options, ...options }, noLogger)
  await useAll(pool, 6)
  proxy.strand()
  const start = performance.now()
  await useAll(pool, 1)
  assert.ok(performance.now() - start < 900, `${performance.now() - start} ms`)
  assert.equal(pool.totalCount, 1)
})

test('a connection in use is not tested', async () => {
  await using database = await freshDatabase(server)
  await using pool = openPool({ ...database.options, poolSize: 1 }, noLogger)
  const writer = new TableWriter(pool, scans.sink)
  for (let i = 0; i < 20; i++) await writer.write([scanRecord(i, 1, '')])
  const [row] = await database.query<{ query: string }>(
    `SELECT query FROM pg_stat_activity WHERE application_name = 'ingester' AND pid <> pg_backend_pid()`,
  )
  assert.match(row?.query ?? '', /^INSERT|^WITH/)
})

test('a server that rejects every connection is tried with growing delays, however many callers wait', async () => {
  await using database = await freshDatabase(server)
  await using proxy = await TcpProxy.to(server.port)
  await using pool = openPool({ ...database.options, port: proxy.port, poolSize: 4 }, noLogger)
  await useAll(pool, 4)
  proxy.turnAway()
  const before = proxy.connections
  const end = performance.now() + 1500
  const asker = async () => {
    while (performance.now() < end) {
      await pool.connect().then(
        (client) => client.release(),
        () => {},
      )
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  await Promise.all(Array.from({ length: 8 }, asker))
  const attempts = proxy.connections - before
  // Four that were under way together, and then after at least 50, 100, 200, 400 and 800 ms.
  assert.ok(attempts >= 3 && attempts <= 12, `${attempts} attempts`)
})

test('callers that wait for a connection are rejected when the pool is closed', async () => {
  await using database = await freshDatabase(server)
  const pool = createPool({ ...database.options, poolSize: 1 }, noLogger)
  const client = await pool.connect()
  const waiting = assert.rejects(pool.connect(), /the connections to PostgreSQL are closed/)
  const ended = pool.end()
  await waiting
  client.release()
  await ended
  await assert.rejects(pool.connect(), /are closed/)
})
