import type { AcceptedMessage, Meaning, RowVersion } from './facts.ts'
import { describeRow } from './facts.ts'
import { isNewer } from './order.ts'

/** What is durable at this moment of the message's keys and of the message itself. */
export interface DurableState {
  readonly rowOf: (key: string) => RowVersion | undefined
  readonly hasDeadLetter: boolean
}

/**
 * To be asked before an ack is accepted: it stands, for each record of the message, for a row at least as new or, where
 * the record cannot be stored, for the message's dead letter.
 */
export function ackBreach({ id, meanings }: AcceptedMessage, durable: DurableState): string | undefined {
  return meanings.flatMap((meaning) => recordBreach(id, meaning, durable) ?? [])[0]
}

function recordBreach(
  id: string,
  meaning: Meaning,
  { rowOf, hasDeadLetter }: DurableState,
): string | undefined {
  if ('invalid' in meaning)
    return hasDeadLetter ? undefined : `message ${id} (${meaning.invalid}) was acked without a dead letter`
  if (meaning.refused && hasDeadLetter) return undefined
  const row = rowOf(meaning.row.key)
  const isThere = row !== undefined && !isNewer(meaning.row, row)
  if (isThere) return undefined
  const stands = row ? `the table has ${describeRow(row)}` : 'the table has no such key'
  return `message ${id} (${describeRow(meaning.row)}) was acked without a fact: ${stands}`
}
