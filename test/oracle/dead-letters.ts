import type { AcceptedMessage, RowVersion, StoredDeadLetter } from './facts.ts'
import { refusedByDatabase } from './facts.ts'
import { isNewer } from './order.ts'

/**
 * In the end dead letters are exactly the messages that cannot be stored, each with the right reason. A refused row
 * needs none where a row of its key is newer: it is not missed.
 */
export function deadLetterBreaches(
  accepted: Iterable<AcceptedMessage>,
  deadLetters: readonly StoredDeadLetter[],
  rows: ReadonlyMap<string, RowVersion>,
): string[] {
  const byId = new Map(deadLetters.map((deadLetter) => [deadLetter.id, deadLetter]))
  const breaches: string[] = []
  if (byId.size < deadLetters.length)
    breaches.push(`${deadLetters.length - byId.size} dead letters are there twice`)
  for (const { id, meaning, data } of accepted) {
    const deadLetter = byId.get(id)
    byId.delete(id)
    const due = reasonDue(meaning)
    if (deadLetter && deadLetter.reason !== due) {
      breaches.push(`message ${id} was dead-lettered as ${deadLetter.reason}, and is ${due ?? 'valid'}`)
    }
    if (deadLetter && data !== deadLetter.data)
      breaches.push(`the dead letter of ${id} has ${deadLetter.data}, not ${data}`)
    if (!deadLetter && due !== undefined && !isSuperseded(meaning, rows)) {
      breaches.push(`message ${id} (${due}) has no dead letter`)
    }
  }
  for (const id of byId.keys())
    breaches.push(`there is a dead letter of message ${id}, which was never published`)
  return breaches
}

function reasonDue(meaning: AcceptedMessage['meaning']): string | undefined {
  if ('invalid' in meaning) return meaning.invalid
  return meaning.refused ? refusedByDatabase : undefined
}

function isSuperseded(meaning: AcceptedMessage['meaning'], rows: ReadonlyMap<string, RowVersion>): boolean {
  if ('invalid' in meaning) return false
  const row = rows.get(meaning.row.key)
  return row !== undefined && isNewer(row, meaning.row)
}
