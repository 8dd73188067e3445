import assert from 'node:assert/strict'
import { Redis } from 'ioredis'
import { problemText } from '#connect/explain.ts'
import type { BypassCause, CacheRecord, Verdict } from '#core/cache.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import type { RedisCacheOptions } from '#redis/cache.ts'
import { RedisCache } from '#redis/cache.ts'
import type { RedisOptions } from '#redis/connection.ts'
import { RedisConnection } from '#redis/connection.ts'
import { systemClock } from '#runtime/clock.ts'
import type { RedisServer } from '#stack/redis.ts'
import { startRedis } from '#stack/redis.ts'
import { atEnd } from './at-end.ts'

/** A server for the tests of one file, without a password unless the settings have one. */
export async function startTestRedis(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const server = await startRedis({ port: 0, settings: { requirepass: '', ...settings } })
  if (!server) throw new Error('redis-server is not on PATH')
  atEnd(() => server.stop())
  return server
}

/** A client of the test's own, which waits for a server that is away. */
export function adminOf(
  { host, port }: RedisServer,
  options: { password?: string; db?: number } = {},
): Redis {
  const client = new Redis({ host, port, ...options, retryStrategy: () => 20 })
  // A server that is restarted on purpose breaks its connections.
  client.on('error', () => {})
  atEnd(() => client.disconnect())
  return client
}

/** Counts what a cache says that it did. */
export class CacheTally implements Observer {
  readonly said: Partial<Record<Verdict, number>> = {}
  readonly bypasses: Partial<Record<BypassCause, number>> = {}

  cacheVerdicts(verdict: Verdict, count: number): void {
    this.said[verdict] = (this.said[verdict] ?? 0) + count
  }

  cacheBypassed(cause: BypassCause, count: number): void {
    this.bypasses[cause] = (this.bypasses[cause] ?? 0) + count
  }
}

/** A {@link RedisCache}, and what it tells. */
export interface TestCache extends AsyncDisposable {
  readonly cache: RedisCache
  readonly tally: CacheTally
  /** What it logged, fields and all. */
  readonly lines: readonly string[]
  /** To be changed at will. */
  epoch: string | undefined
}

/** On a busy machine a healthy server may take longer than a cache waits. Where silence is the subject it waits as usual. */
const patientMs = 30_000
export const asUsual = { answerWithinMs: undefined }

/** Connected, or not, as it turns out at the first attempt. */
export async function openCache(
  { host, port }: Pick<RedisServer, 'host' | 'port'>,
  { password, db = 0, ...changes }: Partial<RedisCacheOptions & RedisOptions> = {},
): Promise<TestCache> {
  const tally = new CacheTally()
  const lines: string[] = []
  const { answerWithinMs } = { answerWithinMs: patientMs, ...changes }
  const cache = new RedisCache({
    connection: new RedisConnection({ host, port, password, db, tls: false, answerWithinMs }),
    ttlMs: 3_600_000,
    claims: true,
    pipeline: { name: 'test', format: 1 },
    epoch: () => opened.epoch,
    isStill: async (epoch) => epoch === (changes.epoch ?? (() => opened.epoch))(),
    observer: tally,
    logger: loggerTo(lines),
    clock: systemClock,
    explain: problemText,
    ...changes,
  })
  const opened: TestCache = {
    cache,
    tally,
    lines,
    epoch: 'first',
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  }
  await cache.firstAttempt()
  return opened
}

function loggerTo(lines: string[]): Logger {
  const note = (fields: unknown, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  return { debug: note, info: note, warn: note, error: note }
}

export function cacheRecord(key: string, version: bigint | number, content = ''): CacheRecord {
  return { key, version: BigInt(version), content }
}

export function cacheRecords(count: number, version: bigint | number, content = ''): CacheRecord[] {
  return Array.from({ length: count }, (_, at) => cacheRecord(`key ${at}`, version, content))
}

let lastToken = 0

export function newToken(): string {
  return `token ${++lastToken}`
}

/** Begins with a unique token, and returns only the verdicts. */
export async function verdictsOf(
  { cache }: Pick<TestCache, 'cache'>,
  ...records: readonly CacheRecord[]
): Promise<readonly Verdict[]> {
  const { verdicts } = await cache.begin(records, newToken())
  return verdicts
}

/** As after a write that was committed. */
export async function commit(
  { cache }: Pick<TestCache, 'cache'>,
  ...records: readonly CacheRecord[]
): Promise<void> {
  const begun = await cache.begin(records, newToken())
  await begun.confirm(records)
}

/** Asks until a record that is known to be committed is called so: the cache is in use, or in use again. */
export async function untilUsed(
  opened: Pick<TestCache, 'cache'>,
  known: CacheRecord,
  limitMs = 20_000,
): Promise<void> {
  const end = performance.now() + limitMs
  for (;;) {
    const [verdict] = await verdictsOf(opened, known)
    if (verdict === 'stale') return
    assert.ok(performance.now() < end, `not in use within ${limitMs} ms: ${opened.cache.problem}`)
    await commit(opened, known)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** How often the server has carried out a command. */
export async function callsOf(admin: Redis, command: string): Promise<number> {
  const stats = await admin.info('commandstats')
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
}
