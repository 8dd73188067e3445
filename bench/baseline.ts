// The baseline: the ingester that the usual documentation leads to, after the design of the exercise that this project
// grew from. The high-level client hands over message by message; each costs a GET and a SET in Redis; workers gather
// batches of a hundred, or what there is after a second, and write each with one UNNEST statement of JavaScript arrays;
// then every message is acked by itself. It is a program of its own and shares no code with the engine.
//
// It is correct while nothing fails: the guard in SQL keeps the newest. It is not when something does: the key is raised
// in Redis before the commit, so a process that dies in between loses the row (docs/RELIABILITY.md, "raised before the
// write, deleted on failure"). What cannot be decoded is nacked for ever; the benchmarks send no such message.
import { PubSub } from '@google-cloud/pubsub'
import type { Message, SubscriberOptions } from '@google-cloud/pubsub'
import { Redis } from 'ioredis'
import pg from 'pg'

/** All of its settings. */
const settings = {
  workers: 2,
  batchSize: 100,
  flushIntervalMs: 1000,
  poolSize: 10,
} as const

/**
 * `default`: the library's own, 1,000 messages outstanding on five streams. `tuned`: five times as many on one
 * stream, which took the least CPU of what was tried; 20,000 on four streams, with larger batches of acks, cost twice as
 * much and were slower, since the library then extends leases most of the time.
 */
const flowControls: Readonly<Record<string, SubscriberOptions>> = {
  default: {},
  tuned: { flowControl: { maxMessages: 5000 }, streamingOptions: { maxStreams: 1 } },
}

interface Scan {
  readonly ip: string
  readonly port: number
  readonly service: string
  readonly timestamp: number
  readonly response: string
}

interface Item {
  readonly message: Message
  readonly scan: Scan
}

const upsert = `
  INSERT INTO scan_results AS t (ip, port, service, response, last_seen)
  SELECT ip, port, service, response, to_timestamp(at)
  FROM unnest($1::inet[], $2::integer[], $3::text[], $4::text[], $5::bigint[]) AS r(ip, port, service, response, at)
  ON CONFLICT (ip, port, service) DO UPDATE SET response = EXCLUDED.response, last_seen = EXCLUDED.last_seen
  WHERE EXCLUDED.last_seen > t.last_seen`

/** Gathers the fresh records of its keys and writes one batch after the other. */
class Worker {
  #batch: Item[] = []
  #writing: Promise<void> = Promise.resolve()

  constructor() {
    setInterval(() => this.#flush(), settings.flushIntervalMs)
  }

  async add(item: Item): Promise<void> {
    const key = keyOf(item.scan)
    const known = await redis.get(key)
    if (known !== null && Number(known) >= item.scan.timestamp) return item.message.ack()
    await redis.set(key, item.scan.timestamp)
    this.#batch.push(item)
    if (this.#batch.length >= settings.batchSize) this.#flush()
  }

  #flush(): void {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#writing = this.#writing.then(() => write(batch))
  }
}

async function write(batch: readonly Item[]): Promise<void> {
  // A statement may not touch a row twice.
  const newest = new Map<string, Scan>()
  for (const { scan } of batch) {
    const key = keyOf(scan)
    const known = newest.get(key)
    if (!known || known.timestamp < scan.timestamp) newest.set(key, scan)
  }
  const rows = [...newest.values()]
  try {
    await pool.query(upsert, [
      rows.map(({ ip }) => ip),
      rows.map(({ port }) => port),
      rows.map(({ service }) => service),
      rows.map(({ response }) => response),
      rows.map(({ timestamp }) => timestamp),
    ])
    for (const { message } of batch) message.ack()
  } catch (error) {
    console.error(error)
    await redis.del([...newest.keys()])
    for (const { message } of batch) message.nack()
  }
}

function scanOf(message: Message): Scan {
  const { ip, port, service, timestamp, data_version: version, data } = JSON.parse(message.data.toString())
  const response =
    version === 1 ? Buffer.from(data.response_bytes_utf8, 'base64').toString() : data.response_str
  return { ip, port, service, timestamp, response }
}

function keyOf({ ip, port, service }: Scan): string {
  return `${ip}:${port}:${service}`
}

/** The same key always goes to the same worker, so that no two statements need the same row. */
function workerOf(scan: Scan): Worker {
  const sum = scan.ip.split('').reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) % 65_521, 0)
  return workers[sum % workers.length] as Worker
}

const { env } = process
const [host = '', port = ''] = (env['INGESTER_REDIS_ADDR'] ?? '').split(':')
const redis = new Redis({ host, port: Number(port), password: env['INGESTER_REDIS_PASSWORD'] ?? '' })
const pool = new pg.Pool({
  host: env['INGESTER_POSTGRES_HOST'],
  port: Number(env['INGESTER_POSTGRES_PORT']),
  user: env['INGESTER_POSTGRES_USER'],
  password: env['INGESTER_POSTGRES_PASSWORD'],
  database: env['INGESTER_POSTGRES_DB'],
  max: settings.poolSize,
})
const workers = Array.from({ length: settings.workers }, () => new Worker())

const pubsub = new PubSub({ projectId: env['INGESTER_PROJECTID'] ?? '' })
const subscription = pubsub.subscription('scan-sub', flowControls[env['BASELINE_FLOW_CONTROL'] ?? 'default'])
subscription.on('message', (message: Message) => {
  const scan = scanOf(message)
  void workerOf(scan).add({ message, scan })
})
subscription.on('error', (error) => {
  console.error(error)
  process.exit(1)
})
process.once('SIGTERM', () => process.exit(0))
