import type { Remaining } from './fleet-counts.ts'
import type { Verification } from './system.ts'

/** What is known at the end of a demo. */
export interface Evidence {
  /** Of the tables; undefined: they were not read. */
  readonly verification: Verification | undefined
  readonly published: number
  /** Of the messages published, those that were not delivered in time, and those that were, but are not settled. */
  readonly remaining: Remaining
  /** The user did not let it run to its end. */
  readonly cutShort: boolean
}

/** Every reason why the check failed, in words; empty where it passed. */
export function differencesIn({ verification, published, remaining, cutShort }: Evidence): string[] {
  const differences = [...(verification?.differences ?? ['the table was not read'])]
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
