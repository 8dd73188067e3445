import type { AcceptedMessage, Meaning, RowVersion } from './facts.ts'
import { describeRow } from './facts.ts'
import { isKept } from './order.ts'

/** What is durable at this moment of the message's keys and of the message itself. */
export interface DurableState {
  readonly rowOf: (key: string) => RowVersion | undefined
  /** The newest deletion of the key that is remembered. Absent: nothing is deleted. */
  readonly deletionOf?: (key: string) => RowVersion | undefined
  readonly hasDeadLetter: boolean
}

/**
 * To be asked before an ack is accepted: it stands, for each record of the message, for a row or a remembered deletion
 * at least as new or, where the record cannot be stored, for the message's dead letter.
 */
export function ackBreach({ id, meanings }: AcceptedMessage, durable: DurableState): string | undefined {
  return meanings.flatMap((meaning) => recordBreach(id, meaning, durable) ?? [])[0]
}

function recordBreach(
  id: string,
  meaning: Meaning,
  { rowOf, deletionOf, hasDeadLetter }: DurableState,
): string | undefined {
  if ('invalid' in meaning)
    return hasDeadLetter ? undefined : `message ${id} (${meaning.invalid}) was acked without a dead letter`
  if (meaning.refused && hasDeadLetter) return undefined
  const { key } = meaning.row
  const [row, deletion] = [rowOf(key), deletionOf?.(key)]
  if (isKept(meaning.row, { row, deletion })) return undefined
  const stands = row ? `the table has ${describeRow(row)}` : 'the table has no such key'
  const remembered = deletion ? `, and the deletion ${describeRow(deletion)} is remembered` : ''
  return `message ${id} (${describeRow(meaning.row)}) was acked without a fact: ${stands}${remembered}`
}
