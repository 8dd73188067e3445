import type { Begun, BypassCause, Cache, CacheRecord, Verdict } from '#core/cache.ts'
import { claimLeaseMs, verdicts } from '#core/cache.ts'
import type { Explain } from '#core/advice.ts'
import type { Logger } from '#core/logger.ts'
import type { Observer } from '#core/observer.ts'
import { exponentialBackoff } from '#runtime/backoff.ts'
import { Breaker } from '#runtime/breaker.ts'
import type { Clock } from '#runtime/clock.ts'
import { sizedList } from '#runtime/sized-list.ts'
import type { Columns } from './batch-columns.ts'
import { BatchColumns } from './batch-columns.ts'
import { Keyspace } from './encoding.ts'
import { RedisFailure, asRedisFailure } from './failure.ts'
import type { ScriptRunner } from './script-runner.ts'
import { CacheHealth } from './cache-health.ts'

export interface RedisCacheOptions {
  /** The cache takes ownership and closes it. */
  readonly connection: ScriptRunner
  /** Time to live of a watermark. */
  readonly ttlMs: number
  /** False: watermarks only. Cheaper and as safe; replicas may then write the same record twice. */
  readonly claims: boolean
  readonly pipeline: { readonly name: string; readonly format: number }
  /** The state of the table that watermarks are about; undefined while it is not known. */
  readonly epoch: () => string | undefined
  /** Asked before anything counts as stale: whether that epoch is the table's still. Never rejects. */
  readonly isStill: (epoch: string) => Promise<boolean>
  readonly observer: Observer
  readonly logger: Logger
  readonly explain?: Explain
  readonly clock: Clock
}

/** A script blocks Redis while it runs: 2 to 7 ms for this many. */
const maxRecordsPerCall = 1000
const breakerFailures = 3
/** Half of it is random: more than a call can take, so that no earlier one is under way when the trial begins. */
const breakerDelay = { initialMs: 2500, maxMs: 10_000 }

type Operation = 'begin' | 'confirm' | 'release'

/** A release is about claims alone. */
const noColumns: Columns = { watermarks: [], values: '' }

/** What the script answers per record; `g`: there was garbage. */
const verdictByCode: Readonly<Record<string, Verdict>> = { f: 'fresh', s: 'stale', b: 'busy', g: 'fresh' }

/**
 * Watermarks and claims in Redis; `protocol.lua` defines them. Every problem with Redis is answered with `fresh` and
 * counted: the guard in the database is authoritative, and the cache only saves it work.
 */
export class RedisCache implements Cache, AsyncDisposable {
  readonly #options: RedisCacheOptions
  readonly #connection: ScriptRunner
  readonly #breaker: Breaker
  readonly #health: CacheHealth
  readonly #underWay = new Set<Promise<unknown>>()
  #keyspace: Keyspace | undefined
  #closed = false

  constructor(options: RedisCacheOptions) {
    const { connection, clock, logger, explain } = options
    this.#options = options
    this.#health = new CacheHealth(logger, clock, explain)
    this.#connection = connection
    connection.onOpened(() => this.#health.connected())
    this.#breaker = new Breaker({
      clock,
      failures: breakerFailures,
      backoff: exponentialBackoff(breakerDelay),
    })
  }

  /** Why it is bypassed; undefined while it is in use. */
  get problem(): string | undefined {
    return this.#health.reason
  }

  /** Resolves when the first attempt to connect has succeeded or failed; a failure is logged. */
  async firstAttempt(): Promise<void> {
    await this.#connection.firstAttempt()
    if (this.#connection.unavailableReason) this.#health.failed(this.#connection.unavailableReason)
  }

  async begin(records: readonly CacheRecord[], token: string): Promise<Begun> {
    const keyspace = this.#currentKeyspace()
    if (!keyspace) return this.#unasked(records)
    const batch = new BatchColumns(keyspace, token, records)
    const said = await this.#each(records, (chunk) => this.#begin(batch, chunk))
    return {
      verdicts: said.length === 1 ? (said[0] as readonly Verdict[]) : said.flat(),
      confirm: async (done) => {
        await this.#each(done, (chunk) => this.#ask('confirm', batch, chunk))
      },
      release: async (failed) => {
        if (!this.#options.claims) return
        await this.#each(failed, (chunk) => this.#ask('release', batch, chunk))
      },
    }
  }

  /** Waits for calls under way, which are short, and closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#underWay)
    this.#closed = true
    this.#health[Symbol.dispose]()
    this.#connection.close()
  }

  #currentKeyspace(): Keyspace | undefined {
    const epoch = this.#options.epoch()
    if (epoch === undefined) return undefined
    if (this.#keyspace?.epoch !== epoch) this.#keyspace = new Keyspace(this.#options.pipeline, epoch)
    return this.#keyspace
  }

  #unasked(records: readonly CacheRecord[]): Begun {
    this.#bypassed('epoch', records.length)
    // The table's epoch is not known, so there is no keyspace to record the write in.
    const pass = async (passing: readonly CacheRecord[]) => this.#bypassed('epoch', passing.length)
    return { verdicts: allFresh(records), confirm: pass, release: async () => {} }
  }

  async #begin(batch: BatchColumns, records: readonly CacheRecord[]): Promise<readonly Verdict[]> {
    const answer = await this.#ask('begin', batch, records)
    if (answer === undefined) return allFresh(records)
    const said = readAnswer(answer, records.length)
    // Meanwhile the connection to the database may have been lost: watermarks of another state of the table prove
    // nothing about this one.
    const { epoch } = batch.keyspace
    const isKnown = this.#options.epoch() === epoch
    if (!isKnown || (said && said.counts.stale > 0 && !(await this.#options.isStill(epoch)))) {
      this.#bypassed('epoch', records.length)
      return allFresh(records)
    }
    if (!said) {
      this.#failed(new RedisFailure('garbage', 'unexpected answer: not that of our script'), records.length)
      return allFresh(records)
    }
    this.#count(said)
    return said.verdicts
  }

  #count({ counts, garbage }: Answer): void {
    for (const verdict of verdicts) {
      if (counts[verdict] > 0) this.#options.observer.cacheVerdicts?.(verdict, counts[verdict])
    }
    if (garbage > 0) this.#failed(new RedisFailure('garbage', 'foreign data under our keys'), garbage)
  }

  /** The script's answer; undefined where there is none. Never rejects. */
  async #ask(operation: Operation, batch: BatchColumns, records: readonly CacheRecord[]): Promise<unknown> {
    // After a forced shutdown a batch may still commit, but its confirm no longer matters.
    if (this.#closed) return undefined
    const { unavailableReason } = this.#connection
    if (unavailableReason) return this.#failed(unavailableReason, records.length)
    if (!this.#breaker.allows()) return this.#bypassed('breaker', records.length)
    const { claims, ttlMs } = this.#options
    const { keyspace, token } = batch
    const { watermarks, values } = operation === 'release' ? noColumns : batch.columnsOf(records)
    const keys = claims ? watermarks.concat(records.map((record) => keyspace.claim(record))) : watermarks
    try {
      const answer = await this.#connection.run(keys, [operation, token, claimLeaseMs, ttlMs, values])
      this.#breaker.succeeded()
      this.#health.succeeded()
      return answer
    } catch (error) {
      this.#breaker.failed()
      return this.#failed(asRedisFailure(error), records.length)
    }
  }

  #failed(failure: RedisFailure, records: number): undefined {
    this.#health.failed(failure)
    return this.#bypassed(failure.bypass, records)
  }

  #bypassed(cause: BypassCause, records: number): undefined {
    this.#options.observer.cacheBypassed?.(cause, records)
  }

  /** All chunks at once: they share a connection, and are answered in order. */
  async #each<T>(
    records: readonly CacheRecord[],
    work: (chunk: readonly CacheRecord[]) => Promise<T>,
  ): Promise<T[]> {
    const working = Promise.all(chunksOf(records).map(work))
    this.#underWay.add(working)
    try {
      return await working
    } finally {
      this.#underWay.delete(working)
    }
  }
}

/** A batch of the usual size is its own only chunk. */
function chunksOf(records: readonly CacheRecord[]): (readonly CacheRecord[])[] {
  if (records.length <= maxRecordsPerCall) return records.length === 0 ? [] : [records]
  return Array.from({ length: Math.ceil(records.length / maxRecordsPerCall) }, (_, i) =>
    records.slice(i * maxRecordsPerCall, (i + 1) * maxRecordsPerCall),
  )
}

interface Answer {
  /** One a record, in order. */
  readonly verdicts: readonly Verdict[]
  /** Of each verdict, without those that are only the answer to garbage. */
  readonly counts: Readonly<Record<Verdict, number>>
  readonly garbage: number
}

/** Undefined where it is not our script's answer for this number of records. */
function readAnswer(answer: unknown, records: number): Answer | undefined {
  if (typeof answer !== 'string' || answer.length !== records) return undefined
  const said = sizedList<Verdict>(records)
  const counts: Record<Verdict, number> = { fresh: 0, stale: 0, busy: 0 }
  let garbage = 0
  for (let i = 0; i < records; i++) {
    const code = answer[i] as string
    const verdict = verdictByCode[code]
    if (verdict === undefined) return undefined
    said[i] = verdict
    if (code === 'g') garbage += 1
    else counts[verdict] += 1
  }
  return { verdicts: said, counts, garbage }
}

function allFresh(records: readonly CacheRecord[]): Verdict[] {
  return records.map(() => 'fresh')
}
