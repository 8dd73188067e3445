// PostgreSQL and Redis, the same for every system under test. Before each run the cache is empty and the table is as the
// workload needs it, copied from one that was filled once.
import { execFileSync } from 'node:child_process'
import { Redis } from 'ioredis'
import pg from 'pg'
import { migrationsDir } from '#runtime/project.ts'
import { arrayLiteral } from '#postgres/array-literal.ts'
import { migrate } from '#postgres/migrations.ts'
import type { PoolOptions } from '#postgres/pool.ts'
import { connectionOptions } from '#postgres/pool.ts'
import type { PostgresServer } from '#stack/postgres.ts'
import { startPostgres } from '#stack/postgres.ts'
import type { RedisServer } from '#stack/redis.ts'
import { startRedis } from '#stack/redis.ts'
import { childrenOf } from './process-usage.ts'
import { firstVersion, scanOf } from './workload.ts'

/**
 * What differs from PostgreSQL's defaults. Durability is the default: fsync, full_page_writes and synchronous_commit
 * are on. Memory and WAL as for a small server of its own; commit timestamps are for the latency.
 */
export const postgresSettings = {
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
  track_commit_timestamp: 'on',
}

/** The servers, as they say themselves. */
export interface ServerFacts {
  /** Versions. */
  readonly postgres: string
  readonly redis: string
  /** PostgreSQL's settings of that kind. */
  readonly durability: Readonly<Record<string, string>>
  /** Where PostgreSQL's data is; on `tmpfs` an fsync costs nothing. */
  readonly fileSystem: string
}

const durable = ['fsync', 'full_page_writes', 'synchronous_commit']

const database = 'bench'
const fillAtOnce = 10_000
const fillers = 2

export class BenchServices implements AsyncDisposable {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly #all: AsyncDisposableStack
  /** Filled databases, by rows and response bytes. */
  readonly #templates = new Set<string>()

  constructor(postgres: PostgresServer, redis: RedisServer, all: AsyncDisposableStack) {
    this.postgres = postgres
    this.redis = redis
    this.#all = all
  }

  /** @throws Error where there is no redis-server, or one of them does not start */
  static async start(signal: AbortSignal): Promise<BenchServices> {
    await using starting = new AsyncDisposableStack()
    const redis = await startRedis({ port: 0, signal })
    if (!redis)
      throw new Error(
        'redis-server is not on PATH: `sudo apt-get install redis-server`, `brew install redis`, …',
      )
    starting.use(redis)
    const postgres = starting.use(
      await startPostgres({ port: 0, superuser: true, settings: postgresSettings, signal }),
    )
    if (childrenOf(postgres.pid).length === 0) {
      throw new Error(
        'This kernel does not list the children of a process (/proc/PID/task/PID/children, CONFIG_PROC_CHILDREN), so the ' +
          'CPU of PostgreSQL cannot be read.',
      )
    }
    return new BenchServices(postgres, redis, starting.move())
  }

  /** The database of the runs. */
  get database(): PoolOptions {
    return this.#options(database)
  }

  /** Resets both stores to what a run begins with; what was there before is gone. */
  async fresh(tableRows: number, responseBytes: number): Promise<void> {
    const template = `filled_${tableRows}_${responseBytes}`
    if (!this.#templates.has(template)) {
      await this.#fill(template, tableRows, responseBytes)
      this.#templates.add(template)
    }
    await this.#asOwner(async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
      await client.query(`CREATE DATABASE ${database} TEMPLATE ${template} STRATEGY FILE_COPY`)
      // So that the run does not pay for what was written before it.
      await client.query('CHECKPOINT')
    })
    const redis = this.#redisClient()
    await redis.flushall()
    redis.disconnect()
  }

  /** Frees the space of a large table. */
  async forget(tableRows: number, responseBytes: number): Promise<void> {
    const template = `filled_${tableRows}_${responseBytes}`
    if (!this.#templates.delete(template)) return
    await this.#asOwner((client) => client.query(`DROP DATABASE ${template}`))
  }

  async facts(): Promise<ServerFacts> {
    const durability: Record<string, string> = {}
    let postgres = ''
    await this.#asOwner(async (client) => {
      const { rows } = await client.query<{ name: string; setting: string }>(
        `SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name`,
        [['server_version', ...durable]],
      )
      for (const { name, setting } of rows) {
        if (name === 'server_version') postgres = setting
        else durability[name] = setting
      }
    })
    const fileSystem = execFileSync('stat', ['-f', '-c', '%T', this.postgres.dataDir], {
      encoding: 'utf8',
    }).trim()
    const redis = this.#redisClient()
    const [, version = ''] = /redis_version:(\S+)/.exec(await redis.info('server')) ?? []
    redis.disconnect()
    return { postgres, redis: version, durability, fileSystem }
  }

  /** A connection to the database of the runs. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client(connectionOptions(this.database))
    client.on('error', () => {})
    await client.connect()
    return client
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#all.disposeAsync()
  }

  #redisClient(): Redis {
    const { host, port, password } = this.redis
    return new Redis({ host, port, ...(password !== undefined && { password }) })
  }

  #options(name: string): PoolOptions {
    const { host, port, user, password } = this.postgres
    return {
      host,
      port,
      user,
      password,
      database: name,
      sslMode: 'disable',
      poolSize: 2,
      statementTimeoutMs: 0,
    }
  }

  async #asOwner(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
    await this.#with(this.postgres.database, work)
  }

  async #with(name: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
    const client = new pg.Client(connectionOptions(this.#options(name)))
    await client.connect()
    try {
      await work(client)
    } finally {
      await client.end()
    }
  }

  async #fill(template: string, rows: number, responseBytes: number): Promise<void> {
    await this.#asOwner((client) => client.query(`CREATE DATABASE ${template}`))
    await migrate(this.#options(template), migrationsDir, 'up')
    const fill = (first: number) =>
      this.#with(template, async (client) => {
        await client.query('SET synchronous_commit = off')
        for (let from = first * fillAtOnce; from < rows; from += fillers * fillAtOnce) {
          await insertRows(client, from, Math.min(rows, from + fillAtOnce), responseBytes)
        }
      })
    await Promise.all(Array.from({ length: fillers }, (_, first) => fill(first)))
    await this.#with(template, (client) => client.query('VACUUM ANALYZE'))
  }
}

async function insertRows(client: pg.Client, from: number, to: number, responseBytes: number): Promise<void> {
  const rows = Array.from({ length: to - from }, (_, n) =>
    scanOf({ key: from + n, version: firstVersion }, responseBytes),
  )
  await client.query({
    name: 'fill',
    text: `INSERT INTO scan_results SELECT ip, port, service, response, to_timestamp(at)
           FROM unnest($1::inet[], $2::integer[], $3::text[], $4::text[], $5::bigint[]) AS r(ip, port, service, response, at)`,
    values: [
      arrayLiteral(rows.map(({ ip }) => ip)),
      arrayLiteral(rows.map(({ port }) => port)),
      arrayLiteral(rows.map(({ service }) => service)),
      arrayLiteral(rows.map(({ response }) => response)),
      arrayLiteral(rows.map(({ timestamp }) => timestamp)),
    ],
  })
}
