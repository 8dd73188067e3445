import { messageOf } from '#core/error-message.ts'
import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Connections } from './connection-pool.ts'
import { runTransaction } from './statement.ts'

export interface GuardSweepOptions {
  readonly pool: Connections
  readonly pipeline: string
  /** As the writer has it. */
  readonly horizonMs: number
  readonly logger: Logger
  readonly clock: Clock
}

const everyMs = 10 * 60_000
/** A writer that wants one of them waits for no longer than it takes to delete these: some 10 ms. */
const batchSize = 1000

/**
 * Longer than any transaction: one that began before an older message was beyond the horizon, and goes on after that, still
 * finds the guard.
 */
const margin = '1 hour'

const text = `DELETE FROM key_guards WHERE ctid = ANY (ARRAY(
SELECT ctid FROM key_guards
WHERE pipeline = $1 AND deleted_at < now() - $2::interval - interval '${margin}'
ORDER BY deleted_at LIMIT ${batchSize} FOR UPDATE SKIP LOCKED))`

/**
 * Removes guards that know of a deletion from beyond the horizon: an older message of such a key would be from beyond it as
 * well, and is ignored. One that a writer holds is left for the next time; any number of replicas may do this at once.
 *
 * @returns how many
 * @throws WriteFailure
 */
export async function sweepGuards({
  pool,
  pipeline,
  horizonMs,
}: Pick<GuardSweepOptions, 'pool' | 'pipeline' | 'horizonMs'>): Promise<number> {
  let removed = 0
  for (;;) {
    const { rowCount } = await runTransaction(
      pool,
      (client) => client.query(text, [pipeline, `${horizonMs} milliseconds`]),
      'table key_guards',
    )
    removed += rowCount ?? 0
    if ((rowCount ?? 0) < batchSize) return removed
  }
}

/** Does that every ten minutes. */
export class GuardSweep implements Disposable {
  readonly #options: GuardSweepOptions
  #cancelTimer: (() => void) | undefined
  #disposed = false

  constructor(options: GuardSweepOptions) {
    this.#options = options
    this.#sweepLater()
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#cancelTimer?.()
  }

  #sweepLater(): void {
    if (!this.#disposed) this.#cancelTimer = this.#options.clock.after(everyMs, () => void this.#sweep())
  }

  async #sweep(): Promise<void> {
    const { logger } = this.#options
    try {
      const removed = await sweepGuards(this.#options)
      if (removed > 0) logger.debug({ removed }, 'guards of keys that were deleted long ago are removed')
    } catch (error) {
      // Nothing depends on when it is done.
      logger.debug({ error: messageOf(error) }, 'guards could not be removed; they will be later')
    }
    this.#sweepLater()
  }
}
