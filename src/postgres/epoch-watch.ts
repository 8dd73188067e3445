import type pg from 'pg'
import { messageOf } from '#core/failure.ts'
import type { Logger } from '#core/logger.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { Clock } from '#runtime/clock.ts'
import { readEpoch } from './epoch.ts'

export interface EpochWatchOptions {
  readonly pool: pg.Pool
  readonly table: PostgresTable
  readonly pipeline: string
  readonly logger: Logger
  readonly clock: Clock
}

const readEveryMs = 5000
/** After a connection was lost or made, or a reading failed. */
const soonMs = 100
/**
 * An epoch is used for so long after it was asked for, and no longer: who cannot read it any more does not know what
 * has happened to the table. A bump or a TRUNCATE has reached everyone by then.
 */
export const epochValidMs = 10_000

/**
 * Keeps knowing the epoch of a table. It is read every 5 s and on each new connection, which may lead to another
 * server than the last. A connection that is lost, for whatever reason, makes it unknown until it is read again.
 */
export class EpochWatch implements Disposable {
  readonly #options: EpochWatchOptions
  #known: { readonly epoch: string; readonly askedAtMs: number } | undefined
  #lastEpoch: string | undefined
  #trouble: string | undefined
  #losses = 0
  #reading = false
  #readAgain = false
  #cancelTimer: (() => void) | undefined
  #disposed = false

  constructor(options: EpochWatchOptions) {
    this.#options = options
    options.pool.on('connect', this.#connected)
    options.pool.on('remove', this.#lost)
  }

  /** Undefined while it is not known. */
  get current(): string | undefined {
    const known = this.#known
    return known && this.#options.clock.now() - known.askedAtMs < epochValidMs ? known.epoch : undefined
  }

  /** Why it cannot be known; undefined while all is well. */
  get trouble(): string | undefined {
    if (this.#trouble !== undefined || !this.#known || this.current !== undefined) return this.#trouble
    return `the epoch of ${this.#options.table.name} was not answered for ${epochValidMs / 1000} s`
  }

  /** Reads it, now and from now on. Never rejects. */
  async read(): Promise<void> {
    if (this.#disposed) return
    this.#cancelTimer?.()
    this.#reading = true
    this.#readAgain = false
    await this.#readOnce()
    this.#reading = false
    if (!this.#disposed) this.#readIn(this.#readAgain || !this.#known ? soonMs : readEveryMs)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#cancelTimer?.()
    this.#options.pool.off('connect', this.#connected)
    this.#options.pool.off('remove', this.#lost)
  }

  readonly #connected = (): void => this.#readSoon()

  readonly #lost = (): void => {
    this.#losses += 1
    this.#known = undefined
    this.#readSoon()
  }

  #readSoon(): void {
    if (this.#reading) this.#readAgain = true
    else this.#readIn(soonMs)
  }

  #readIn(ms: number): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#options.clock.after(ms, () => void this.read())
  }

  async #readOnce(): Promise<void> {
    const { pool, table, pipeline, clock } = this.#options
    const losses = this.#losses
    const askedAtMs = clock.now()
    try {
      const epoch = await readEpoch(pool, table, pipeline)
      if (epoch === null)
        return this.#failed(
          `${table.name} is not there, or is no plain table that survives a crash, and so has no epoch`,
        )
      // The answer may be that of a server that is gone.
      if (losses === this.#losses) this.#learnt(epoch, askedAtMs)
    } catch (error) {
      this.#failed(`the epoch of ${table.name} cannot be read: ${messageOf(error)}`)
    }
  }

  #learnt(epoch: string, askedAtMs: number): void {
    this.#known = { epoch, askedAtMs }
    if (this.#trouble !== undefined) {
      this.#trouble = undefined
      this.#options.logger.info({}, `the epoch of ${this.#options.table.name} is known again`)
    }
    if (this.#lastEpoch !== undefined && this.#lastEpoch !== epoch) {
      this.#options.logger.info(
        { epoch },
        `${this.#options.table.name} has a new epoch: what the cache knew of it is forgotten`,
      )
    }
    this.#lastEpoch = epoch
  }

  #failed(reason: string): void {
    this.#known = undefined
    if (this.#trouble === undefined)
      this.#options.logger.warn({}, `going on without the cache, nothing is lost: ${reason}`)
    this.#trouble = reason
  }
}
