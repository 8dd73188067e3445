import type { DeadLetterFilter, DeadLetterSummary, ReasonGroup } from '#postgres/dead-letters.ts'
import { readNewest, readReasons } from '#postgres/dead-letters.ts'
import type { DatabaseConfig } from './table.ts'
import { readDeadLetterTable } from './table.ts'

export interface Listing {
  /** Of all dead letters that match, the most frequent first. */
  readonly reasons: readonly ReasonGroup[]
  /** How many match. */
  readonly total: number
  /** The newest of them. */
  readonly letters: readonly DeadLetterSummary[]
}

/** @throws ConfigurationError, UnreachableError */
export function listDeadLetters(
  config: DatabaseConfig,
  filter: DeadLetterFilter,
  limit: number,
): Promise<Listing> {
  return readDeadLetterTable(config, async (client) => {
    const reasons = await readReasons(client, filter)
    const total = reasons.reduce((sum, { count }) => sum + count, 0)
    return { reasons, total, letters: await readNewest(client, filter, limit) }
  })
}
