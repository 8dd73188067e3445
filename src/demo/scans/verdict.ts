import type { Oracle } from './oracle.ts'
import type { Scan } from './scan.ts'

/** What is known at the end of a demo. */
export interface Evidence {
  readonly oracle: Oracle
  /** The rows of the table, and how many the dead-letter table has. */
  readonly found: { readonly rows: readonly Scan[]; readonly deadLetters: number }
  /** Messages among those published that cannot be stored. */
  readonly poison: number
}

/** Every way in which the tables differ from what was published, in words. */
export function differencesIn({ oracle, found, poison }: Evidence): string[] {
  const differences = oracle.differences(found.rows)
  if (found.deadLetters !== poison) {
    differences.push(
      `${poison} messages could not be stored, but there are ${found.deadLetters} dead letters`,
    )
  }
  return differences
}
