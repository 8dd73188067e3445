import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Connections } from '../connection-pool.ts'
import { runTransaction } from '../statement.ts'
import { keepAppliedDays } from './applied-days.ts'
import { daysSql } from './identities-sql.ts'

export interface AppliedUpkeepOptions {
  readonly pool: Connections
  readonly pipeline: string
  /** As the writer has it. */
  readonly horizonMs: number
  /** For how long a request may be repeated. */
  readonly windowMs: number
  readonly logger: Logger
  readonly clock: Clock
}

/** Often enough for what is made two days ahead. */
const everyMs = 10 * 60_000
/** A writer that wants one of them waits for no longer than it takes to delete these: some 10 ms. */
const batchSize = 1000
/** Longer than any transaction that began before. */
const margin = '1 hour'

const sweepText = `DELETE FROM applied_requests WHERE ctid = ANY (ARRAY(
SELECT ctid FROM applied_requests
WHERE pipeline = $1 AND first_used_at < (SELECT since FROM (${daysSql}) AS d) - $2::interval - interval '${margin}'
ORDER BY first_used_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED))`

/**
 * Removes requests that are not repeated any more: a repetition is published within the window, and refused once its publish
 * time is before the oldest day. By that day and not by the clock, since replicas may have other horizons. Any number of
 * them may do this at once.
 *
 * @returns how many
 * @throws WriteFailure
 */
export async function sweepRequests({
  pool,
  pipeline,
  windowMs,
}: Pick<AppliedUpkeepOptions, 'pool' | 'pipeline' | 'windowMs'>): Promise<number> {
  let removed = 0
  for (;;) {
    const { rowCount } = await runTransaction(
      pool,
      (client) => client.query(sweepText, [pipeline, `${windowMs} milliseconds`]),
      'table applied_requests',
    )
    removed += rowCount ?? 0
    if ((rowCount ?? 0) < batchSize) return removed
  }
}

/** Makes and drops the days of identities, and removes old requests, now and every ten minutes. */
export class AppliedUpkeep implements Disposable {
  readonly #options: AppliedUpkeepOptions
  #cancelTimer: (() => void) | undefined
  #disposed = false

  constructor(options: AppliedUpkeepOptions) {
    this.#options = options
    void this.#keep()
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#cancelTimer?.()
  }

  async #keep(): Promise<void> {
    const { pool, horizonMs, logger, clock } = this.#options
    try {
      const { droppedBeforeMs } = await keepAppliedDays(pool, horizonMs)
      if (droppedBeforeMs !== undefined)
        logger.info(
          { horizonMs },
          `forgot what has counted of messages published before ${new Date(droppedBeforeMs).toISOString()}`,
        )
      const removed = await sweepRequests(this.#options)
      if (removed > 0) logger.debug({ removed }, 'old requests removed')
    } catch (error) {
      // The writer sees to the days as well, and pauses where it cannot. Its connections are closed when it ends.
      if (!this.#disposed)
        logger.warn(
          { error: messageOf(error) },
          'cannot maintain the tables of identities; retrying in 10 min',
        )
    }
    if (!this.#disposed) this.#cancelTimer = clock.after(everyMs, () => void this.#keep())
  }
}
