import type { Oracle } from './oracle.ts'
import type { Scan } from './scan.ts'

/** What is known at the end of a demo. */
export interface Evidence {
  readonly oracle: Oracle
  /** The rows of the table, and how many the dead-letter table has; undefined: not read. */
  readonly found: { readonly rows: readonly Scan[]; readonly deadLetters: number } | undefined
  /** Messages published, and those among them that cannot be stored. */
  readonly published: number
  readonly poison: number
  /** Everything published was received and settled in time. */
  readonly drained: boolean
  /** The user did not let it run to its end. */
  readonly cutShort: boolean
}

/** Every reason why the check failed, in words; empty where it passed. */
export function differencesIn(evidence: Evidence): string[] {
  const { oracle, found, published, poison, drained, cutShort } = evidence
  const differences = found ? oracle.differences(found.rows) : ['the table was not read']
  if (found && found.deadLetters !== poison) {
    differences.push(
      `${poison} messages could not be stored, but there are ${found.deadLetters} dead letters`,
    )
  }
  if (!drained) differences.push('not everything that was published was received and settled in time')
  if (cutShort) differences.push('it was interrupted')
  if (published === 0) differences.push('nothing was published, so nothing is proven')
  return differences
}
