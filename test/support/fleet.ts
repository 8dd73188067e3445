import assert from 'node:assert/strict'
import { Redis } from 'ioredis'
import type { Delivery } from '#core/delivery.ts'
import type { Pipeline } from '#core/pipeline.ts'
import { startPostgres } from '#stack/postgres.ts'
import type { RedisServer } from '#stack/redis.ts'
import { Broker } from '../simulated/ports/broker.ts'
import type { TestDatabase } from './postgres.ts'
import { freshDatabase, until } from './postgres.ts'
import { startTestRedis } from './redis-cache.ts'
import type { ReplicaOptions, SharedServices } from './replica.ts'
import { Replica } from './replica.ts'
import { wordPipeline } from './word-pipeline.ts'
import { atEnd } from './at-end.ts'

/** A row with this content is refused by every fleet's table. */
const refusedContent = 'bad'

/** A PostgreSQL with the project's tables and a Redis, for the fleets of one file. */
export async function startStores(): Promise<{
  readonly database: TestDatabase
  readonly redis: RedisServer
}> {
  const [postgres, redis] = await Promise.all([
    startPostgres({ port: 0, superuser: true, settings: { fsync: 'off' } }),
    startTestRedis(),
  ])
  const database = await freshDatabase(postgres)
  atEnd(async () => {
    await database[Symbol.asyncDispose]()
    await postgres.stop()
  })
  return { database, redis }
}

/** Sends one command, on a connection of its own. */
export async function ask(
  { host, port }: RedisServer,
  [name, ...args]: readonly [string, ...(string | number)[]],
  password?: string,
): Promise<unknown> {
  const login = password === undefined ? {} : { password }
  const client = new Redis({ host, port, ...login, lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => {})
  try {
    await client.connect()
    return await client.call(name, args)
  } finally {
    client.disconnect()
  }
}

let fleets = 0

/** Replicas that share a subscription, a table of their own and a Redis. */
export class Fleet implements SharedServices, AsyncDisposable {
  readonly database: TestDatabase
  readonly server: RedisServer
  readonly pipeline: Pipeline
  readonly broker: Broker
  readonly #replicas: Replica[] = []

  /** Several fleets may share a database and a Redis. */
  static async of(database: TestDatabase, server: RedisServer): Promise<Fleet> {
    fleets += 1
    const fleet = new Fleet(database, server, `words_${fleets}`)
    await database.query(
      `CREATE TABLE ${fleet.table} (key text PRIMARY KEY, version bigint NOT NULL,
                                    content text NOT NULL CHECK (content <> '${refusedContent}'))`,
    )
    return fleet
  }

  private constructor(database: TestDatabase, server: RedisServer, name: string) {
    this.database = database
    this.server = server
    this.pipeline = { ...wordPipeline, name, sink: { ...wordPipeline.sink, name } }
    this.broker = new Broker((deliveries) => this.#unproven(deliveries))
  }

  get table(): string {
    return this.pipeline.sink.name
  }

  async replica(options: ReplicaOptions = {}): Promise<Replica> {
    const replica = new Replica(this, options)
    this.#replicas.push(replica)
    await replica.start()
    return replica
  }

  /** This many identical ones. */
  async pair(options: ReplicaOptions = {}): Promise<[Replica, Replica]> {
    return [await this.replica(options), await this.replica(options)]
  }

  /** To the next replica in turn, or to each of these at the same time. */
  publish(texts: readonly string[], ...to: readonly Replica[]): void {
    this.broker.publish(
      texts,
      to.map(({ inbox }) => inbox),
    )
  }

  /** Resolves when every message is acked, and no replica holds a delivery; then everything must be right. */
  async settled(limitMs = 20_000): Promise<void> {
    const living = () => this.#replicas.filter(({ alive }) => alive)
    try {
      await until(
        async () =>
          this.broker.judging === 0 &&
          living().every(({ engine, inbox }) => engine.outstanding === 0 && inbox.queue.length === 0) &&
          this.broker.unacked.length === 0,
        limitMs,
      )
    } catch (error) {
      assert.deepEqual(this.broker.breaches, [])
      throw new Error(`not settled: ${this.broker.unacked.join(', ')}`, { cause: error })
    }
    this.check()
  }

  /** What must hold at every moment. */
  check(): void {
    assert.deepEqual(this.broker.breaches, [])
    assert.equal(this.broker.nacked, 0, 'nothing is ever nacked')
    for (const { alive, tally, engine } of this.#replicas) {
      if (alive) tally.assertBalanced(engine.outstanding)
    }
  }

  /** Whether the message of this text, the last one, was acked. */
  isAcked(text: string): boolean {
    return this.broker.messages.findLast((message) => message.text === text)?.acked === true
  }

  /** The table, each row as the text of its message. */
  async rows(): Promise<string[]> {
    const rows = await this.database.query<{ text: string }>(
      `SELECT key || ' ' || version || ' ' || content AS text FROM ${this.table}`,
    )
    return rows.map(({ text }) => text).sort()
  }

  async deadLettered(): Promise<string[]> {
    const text = `SELECT convert_from(data, 'UTF8') AS text FROM dead_letters WHERE pipeline = $1`
    const rows = await this.database.query<{ text: string }>(text, [this.pipeline.name])
    return rows.map((row) => row.text).sort()
  }

  /** The table is what the messages say. */
  async assertConverged(): Promise<void> {
    const deadLettered = new Set(await this.deadLettered())
    const texts = this.broker.messages.map(({ text }) => text).filter((text) => !deadLettered.has(text))
    assert.deepEqual(await this.rows(), newestOf(texts))
  }

  /** What stands in Redis: `c` claims, `w` watermarks. */
  async stored(kind: 'c' | 'w'): Promise<string[]> {
    return (await ask(this.server, ['KEYS', `ingester:{${this.pipeline.name}:*:${kind}:*`])) as string[]
  }

  /** The claims that stand in Redis, with what is left of their leases. */
  async claimed(): Promise<{ readonly value: string; readonly leaseMs: number }[]> {
    const keys = await this.stored('c')
    return Promise.all(
      keys.map(async (key) => ({
        value: String(await ask(this.server, ['GET', key])),
        leaseMs: Number(await ask(this.server, ['PTTL', key])),
      })),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.close()))
    await until(async () => this.broker.judging === 0)
    assert.deepEqual(this.broker.breaches, [])
  }

  /** Deliveries behind which there is neither a row at least as new nor a dead letter. */
  async #unproven(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    const words = deliveries.map(({ data }) => data.toString().split(' '))
    const rows = await this.database.query<{ at: number }>(
      `SELECT a.at::integer - 1 AS at
       FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY
            AS a(key, version, content, id, at)
       LEFT JOIN ${this.table} AS t ON t.key = a.key
       WHERE (t.key IS NULL OR (t.version, t.content COLLATE "C") < (a.version, a.content COLLATE "C"))
         AND NOT EXISTS (SELECT FROM dead_letters WHERE subscription = $5 AND message_id = a.id)`,
      [
        ...[0, 1, 2].map((i) => words.map((of) => of[i])),
        deliveries.map(({ messageId }) => messageId),
        this.table,
      ],
    )
    return rows.map(({ at }) => deliveries[at] as Delivery)
  }
}

/** Of each key the newest, by an order of its own: digits of fixed width, then bytes in hexadecimal. */
function newestOf(texts: Iterable<string>): string[] {
  const newest = new Map<string, string>()
  for (const text of texts) {
    const [key = ''] = text.split(' ')
    const standing = newest.get(key)
    if (standing === undefined || rank(text) > rank(standing)) newest.set(key, text)
  }
  return [...newest.values()].sort()
}

function rank(text: string): string {
  const [, version = '', content = ''] = text.split(' ')
  return `${version.padStart(20, '0')} ${Buffer.from(content).toString('hex')}`
}
