import type { Logger } from '#core/logger.ts'
import type { Clock } from '#runtime/clock.ts'

/** Locks of other writers last some milliseconds; only longer ones are logged. */
const reportAfterMs = 1000
const repeatMs = 60_000

/** What waits for locks: how many, and since when the first of them does; undefined while none has waited for long. */
export interface LockedCount {
  readonly count: number
  readonly sinceMs: number
}

/** @param sinceMs since when each of them waits; ms of the monotonic clock */
export function lockedCount(sinceMs: readonly number[], nowMs: number): LockedCount | undefined {
  const long = sinceMs.filter((ms) => nowMs - ms >= reportAfterMs)
  return long.length > 0 ? { count: long.length, sinceMs: Math.min(...long) } : undefined
}

/** For log and `/readyz`. */
export function lockedReason(table: string, { count, sinceMs }: LockedCount, nowMs: number): string {
  const rows = count === 1 ? '1 row is locked' : `${count} rows are locked`
  const seconds = Math.floor((nowMs - sinceMs) / 1000)
  return (
    `${table}: ${rows} by other transactions, for up to ${seconds} s: written when they are free, the others meanwhile; ` +
    'to see who holds them: SELECT pid, state, xact_start, query FROM pg_stat_activity ORDER BY xact_start'
  )
}

/** Logs when rows are locked, each minute while some are, and when none is left. */
export class LockLog {
  readonly #table: string
  readonly #logger: Logger
  readonly #clock: Clock
  #reportedAtMs: number | undefined

  constructor(table: string, logger: Logger, clock: Clock) {
    this.#table = table
    this.#logger = logger
    this.#clock = clock
  }

  report(locked: LockedCount | undefined): void {
    const now = this.#clock.now()
    if (locked && (this.#reportedAtMs === undefined || now - this.#reportedAtMs >= repeatMs)) {
      this.#reportedAtMs = now
      this.#logger.warn({ rows: locked.count }, lockedReason(this.#table, locked, now))
    } else if (!locked && this.#reportedAtMs !== undefined) {
      this.#reportedAtMs = undefined
      this.#logger.info({}, `${this.#table}: no row is locked any more`)
    }
  }
}
