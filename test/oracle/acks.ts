import type { AcceptedMessage, RowVersion } from './facts.ts'
import { describeRow } from './facts.ts'
import { isNewer } from './order.ts'

/** What is durable at this moment of the message's key and of the message itself. */
export interface DurableState {
  readonly row: RowVersion | undefined
  readonly hasDeadLetter: boolean
}

/** To be asked before an ack is accepted: an ack stands for a row at least as new, or for a dead letter. */
export function ackBreach(
  { id, meaning }: AcceptedMessage,
  { row, hasDeadLetter }: DurableState,
): string | undefined {
  if (hasDeadLetter) return undefined
  if ('invalid' in meaning) return `message ${id} (${meaning.invalid}) was acked without a dead letter`
  const isThere = row !== undefined && !isNewer(meaning.row, row)
  if (isThere) return undefined
  const stands = row ? `the table has ${describeRow(row)}` : 'the table has no such key'
  return `message ${id} (${describeRow(meaning.row)}) was acked without a fact: ${stands}`
}
