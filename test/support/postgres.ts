import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, cp, readlink, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Scan } from '#pipeline/scans.ts'
import { noLogger } from '#core/logger.ts'
import type { LockWaits } from '#postgres/lock-wait.ts'
import type { PoolOptions } from '#postgres/pool.ts'
import { connectionOptions, createPool, withConnection } from '#postgres/pool.ts'
import { migrate } from '#postgres/migrations.ts'
import { serverAccount } from '#stack/account.ts'
import { onFreePort } from '#stack/ports.ts'
import type { PostgresServer } from '#stack/postgres.ts'
import { startPostgres } from '#stack/postgres.ts'
import type { Service } from '#stack/service.ts'
import { startService, temporaryFolder } from '#stack/service.ts'
import { projectDir } from './program.ts'
import { atEnd } from './at-end.ts'

export const migrationsDir = `${projectDir}/db/migrations`

/** A superuser's server for the tests of one file; without fsync, since none of its data are to survive it. */
export async function startTestServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresServer> {
  const server = await startPostgres({ port: 0, superuser: true, settings: { fsync: 'off', ...settings } })
  atEnd(() => server.stop())
  return server
}

/** A second server on a copy of the first one's data files, as a snapshot of a volume makes it. */
export async function startCopy(server: PostgresServer): Promise<Service & { readonly port: number }> {
  const account = await serverAccount()
  const folder = await temporaryFolder('postgres-copy', '/tmp')
  const dataDir = join(folder, 'data')
  await cp(server.dataDir, dataDir, { recursive: true })
  await rm(join(dataDir, 'postmaster.pid'), { force: true })
  if (account) await promisify(execFile)('chown', ['-R', `${account.uid}:${account.gid}`, folder])
  await chmod(dataDir, 0o700)
  const postgres = await readlink(`/proc/${server.pid}/exe`)
  return await onFreePort(0, async (port) => {
    const settings = { port: String(port), listen_addresses: server.host, unix_socket_directories: '' }
    const args = [
      '-D',
      dataDir,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]
    const run = { name: 'PostgreSQL', file: postgres, args, folder, account, keepFolder: true } as const
    const ready = /database system is ready to accept connections/
    const service = await startService(
      { ...run, stopSignal: 'INT', graceSeconds: 10, ready, readyWithinMs: 60_000 },
      () => {},
    )
    return Object.assign(service, { port })
  })
}

function optionsFor({ host, port, user, password }: PostgresServer, database: string): PoolOptions {
  return {
    host,
    port,
    user,
    password,
    database,
    sslMode: 'disable',
    poolSize: 2,
    statementTimeoutMs: 20_000,
  }
}

/** A database for one test. Disposing closes its connections. */
export interface TestDatabase extends AsyncDisposable {
  /** As the superuser, with two connections. */
  readonly options: PoolOptions
  /** What the ingester would use, with these changes. */
  pool(changes?: Partial<PoolOptions>): pg.Pool
  /** On a connection of the test's own, one statement after the other. */
  readonly query: <Row = Record<string, unknown>>(text: string, values?: unknown[]) => Promise<Row[]>
  /** A further connection, for transactions. */
  connect(): Promise<pg.Client>
}

export interface TestDatabaseOptions {
  /** With the project's tables; true unless said otherwise. */
  readonly migrated?: boolean
  /** Sorts text as this language does; bytes unless said otherwise. */
  readonly locale?: string
  /** UTF8 unless said otherwise. */
  readonly encoding?: string
}

/**
 * An empty database, or one with the project's tables. Without a locale or an encoding it is the server's one, emptied: a database
 * is 300 files, and tests of one file run one after the other.
 */
export async function freshDatabase(
  server: PostgresServer,
  { migrated = true, locale, encoding }: TestDatabaseOptions = {},
): Promise<TestDatabase> {
  const given = optionsFor(server, server.database)
  const clauses = [
    ...(locale === undefined ? [] : [`LOCALE_PROVIDER icu LOCALE 'C' ICU_LOCALE '${locale}'`]),
    ...(encoding === undefined ? [] : [`ENCODING '${encoding}' LOCALE_PROVIDER libc LOCALE 'C'`]),
  ]
  const isOwn = clauses.length > 0
  const options = { ...given, database: isOwn ? `test_${randomUUID()}` : given.database }
  const text = isOwn
    ? `CREATE DATABASE "${options.database}" TEMPLATE template0 ${clauses.join(' ')}`
    : 'DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC'
  await withConnection(given, (client) => client.query(text))
  if (migrated) await migrate(options, migrationsDir, 'up')

  const own = createPool({ ...options, poolSize: 1 }, noLogger)
  const open: { end(): Promise<void> }[] = [own]
  return {
    options,
    pool: (changes) => {
      const pool = createPool({ ...options, ...changes }, noLogger)
      open.push(pool)
      return pool
    },
    query: async <Row>(text: string, values?: unknown[]) => (await own.query(text, values)).rows as Row[],
    connect: async () => {
      const client = new pg.Client(connectionOptions(options))
      client.on('error', () => {})
      await client.connect()
      open.push(client)
      return client
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(open.map((one) => one.end()))
    },
  }
}

/** What tells a program of the project of the database that these options are for. */
export function postgresEnvironment({ host, port, user, password, database }: PoolOptions) {
  return {
    INGESTER_POSTGRES_HOST: host,
    INGESTER_POSTGRES_PORT: String(port),
    INGESTER_POSTGRES_USER: user,
    INGESTER_POSTGRES_PASSWORD: String(password),
    INGESTER_POSTGRES_DB: database,
    INGESTER_POSTGRES_SSL_MODE: 'disable',
  }
}

/** For tests that hold a row until a writer waits for it. */
export const patient: LockWaits = { usual: '20s', brief: '2ms' }

/** Asks until it holds. The limit is for a test that would otherwise hang. */
export async function until(holds: () => Promise<boolean>, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${holds.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Resolves when this many of the database's connections wait for a lock. */
export function untilBlocked({ query }: TestDatabase, count: number): Promise<void> {
  const text = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return until(async () => (await query(text)).length === count)
}

/** A record of the table `scan_results`, of key (10.0.0.x, 80, 'http') unless said otherwise. */
export function scanRecord(
  at: number | readonly [ip: string, port: number, service: string],
  version: number | bigint,
  response: string,
): KeyedRecord<Scan> {
  const [ip, port, service] = typeof at === 'number' ? [`10.0.${at >> 8}.${at & 255}`, 80, 'http'] : at
  return {
    key: `${ip} ${port} ${service}`,
    version: BigInt(version),
    content: response,
    row: { ip, port, service, response, timestamp: version as number },
    bytes: response.length,
  }
}
