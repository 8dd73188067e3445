import type pg from 'pg'
import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import type { PostgresTable } from '#core/pipeline.ts'
import type { Backoff } from '#runtime/backoff.ts'
import { reconnectBackoff } from '#runtime/backoff.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Connections } from './connection-pool.ts'
import { readEpoch } from './epoch.ts'
import { isPooled } from './session.ts'
import { rollingBackOf } from './transaction.ts'

export interface EpochWatchOptions {
  readonly pool: Connections
  readonly table: PostgresTable
  readonly pipeline: string
  readonly logger: Logger
  readonly clock: Clock
  /** Between readings that fail, and after connections that were lost. */
  readonly backoff?: Backoff
}

const readEveryMs = 5000
/** After a connection was made. */
const soonMs = 100
/**
 * An epoch is used for this long after it was read, and no longer: a process that can no longer read it does not know
 * what has happened to the table. A bump or a TRUNCATE has reached every process by then.
 */
export const epochValidMs = 10_000

/**
 * Keeps knowing the epoch of a table. It is read every 5 s and on each new connection, which may lead to another
 * server than the last. A lost connection makes it unknown until it is read again.
 *
 * Behind a pooler that is not enough: ours are connections to the pooler, which keeps them while it loses those to the
 * server. There the epoch is read once more before anything is believed that was said of it.
 */
export class EpochWatch implements Disposable {
  readonly #options: EpochWatchOptions
  #known: { readonly epoch: string; readonly askedAtMs: number } | undefined
  #lastEpoch: string | undefined
  #problem: string | undefined
  #losses = 0
  #isPooled = false
  readonly #backoff: Backoff
  /** When a reading failed or a connection was lost, the last time. */
  #unsettledAtMs = -Infinity
  #reading = false
  #readAgain = false
  #cancelTimer: (() => void) | undefined
  #disposed = false

  constructor(options: EpochWatchOptions) {
    this.#options = options
    this.#backoff = options.backoff ?? reconnectBackoff()
    options.pool.on('connect', this.#connected)
    options.pool.on('remove', this.#lost)
  }

  /** Undefined while it is not known. */
  get current(): string | undefined {
    const known = this.#known
    return known && this.#options.clock.now() - known.askedAtMs < epochValidMs ? known.epoch : undefined
  }

  /**
   * Whether what was said of that epoch's table is still true of the table. Never rejects.
   *
   * @param epoch that was current before it was said
   */
  async isStill(epoch: string): Promise<boolean> {
    return (this.#isPooled ? await this.#readOnce() : this.current) === epoch
  }

  /** Why it is not known; undefined while it is. */
  get problem(): string | undefined {
    if (this.#problem !== undefined || !this.#known || this.current !== undefined) return this.#problem
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
    if (this.#disposed) return
    if (!this.#known) return this.#readLater()
    this.#readIn(this.#readAgain ? soonMs : readEveryMs)
    if (this.#options.clock.now() - this.#unsettledAtMs >= readEveryMs) this.#backoff.reset()
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#cancelTimer?.()
    this.#options.pool.off('connect', this.#connected)
    this.#options.pool.off('remove', this.#lost)
  }

  readonly #connected = (client: pg.PoolClient): void => {
    this.#isPooled ||= isPooled(client)
    if (this.#reading) this.#readAgain = true
    else this.#readIn(soonMs)
  }

  readonly #lost = (): void => {
    this.#losses += 1
    // Else it is being read, or will be.
    if (this.#known && !this.#reading) this.#readLater()
    this.#known = undefined
  }

  /**
   * Each reading may open a connection: a server that refuses it, or takes every connection away again, is asked ever more
   * seldom.
   */
  #readLater(): void {
    this.#unsettledAtMs = this.#options.clock.now()
    this.#readIn(this.#backoff.next())
  }

  #readIn(ms: number): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#options.clock.after(ms, () => void this.read())
  }

  /** Undefined where it is not known afterwards. */
  async #readOnce(): Promise<string | undefined> {
    const { pool, table, pipeline, clock } = this.#options
    const losses = this.#losses
    const askedAtMs = clock.now()
    try {
      const epoch = await rollingBackOf(pool, (client) => readEpoch(client, table, pipeline))
      if (epoch === null) {
        this.#failed(
          `${table.name} does not exist or is not a regular, logged table, so it has no epoch`,
          'cache bypassed',
        )
        return undefined
      }
      // The answer may be that of a server that is gone.
      if (losses !== this.#losses) return undefined
      this.#learnt(epoch, askedAtMs)
      return epoch
    } catch (error) {
      this.#failed(`the epoch of ${table.name} cannot be read: ${messageOf(error)}`)
      return undefined
    }
  }

  #learnt(epoch: string, askedAtMs: number): void {
    this.#known = { epoch, askedAtMs }
    if (this.#problem !== undefined) {
      this.#problem = undefined
      this.#options.logger.info({}, `the epoch of ${this.#options.table.name} is known again`)
    }
    if (this.#lastEpoch !== undefined && this.#lastEpoch !== epoch) {
      this.#options.logger.info(
        { epoch },
        `${this.#options.table.name} has a new epoch: its watermarks are invalidated`,
      )
    }
    this.#lastEpoch = epoch
  }

  #failed(reason: string, what = 'cache bypassed (no data lost)'): void {
    this.#known = undefined
    if (this.#problem === undefined) this.#options.logger.warn({}, `${what}: ${reason}`)
    this.#problem = reason
  }
}
