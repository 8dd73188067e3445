import type { Oracle } from './oracle.ts'
import type { Scan } from './scan.ts'

export interface Remaining {
  readonly undelivered: number
  readonly unsettled: number
}

/** What is known at the end of a demo. */
export interface Evidence {
  readonly oracle: Oracle
  /** The rows of the table, and how many the dead-letter table has; undefined: not read. */
  readonly found: { readonly rows: readonly Scan[]; readonly deadLetters: number } | undefined
  /** Messages published, and those among them that cannot be stored. */
  readonly published: number
  readonly poison: number
  /** Of the messages published, those that were not delivered in time, and those that were, but are not settled. */
  readonly remaining: Remaining
  /** The user did not let it run to its end. */
  readonly cutShort: boolean
}

/** Every reason why the check failed, in words; empty where it passed. */
export function differencesIn(evidence: Evidence): string[] {
  const { oracle, found, published, poison, remaining, cutShort } = evidence
  const differences = found ? oracle.differences(found.rows) : ['the table was not read']
  if (found && found.deadLetters !== poison) {
    differences.push(
      `${poison} messages could not be stored, but there are ${found.deadLetters} dead letters`,
    )
  }
  if (cutShort) differences.push('it was interrupted')
  else differences.push(...whatRemains(remaining, published))
  if (published === 0) differences.push('nothing was published, so nothing is proven')
  return differences
}

function whatRemains({ undelivered, unsettled }: Remaining, published: number): string[] {
  const lines: string[] = []
  if (undelivered > 0)
    lines.push(
      `${undelivered} of ${published} messages were not delivered in time: does another program pull from the demo's subscription?`,
    )
  if (unsettled > 0) lines.push(`${unsettled} deliveries were not settled in time`)
  return lines
}
