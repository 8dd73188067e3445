import type { AcceptedMessage, Meaning, RowVersion, StoredDeadLetter } from './facts.ts'
import { refusedByDatabase } from './facts.ts'
import { isNewer } from './order.ts'

/**
 * In the end dead letters are exactly the messages of which a record cannot be stored, each with the reason of one of
 * these. A refused row needs none where a row or a remembered deletion of its key is newer: it is not missed.
 */
export function deadLetterBreaches(
  accepted: Iterable<AcceptedMessage>,
  deadLetters: readonly StoredDeadLetter[],
  rows: ReadonlyMap<string, RowVersion>,
  deletions: ReadonlyMap<string, RowVersion> = new Map(),
): string[] {
  const byId = new Map(deadLetters.map((deadLetter) => [deadLetter.id, deadLetter]))
  const breaches: string[] = []
  if (byId.size < deadLetters.length)
    breaches.push(`${deadLetters.length - byId.size} dead letters are there twice`)
  for (const { id, meanings, data } of accepted) {
    const deadLetter = byId.get(id)
    byId.delete(id)
    const due = meanings.flatMap((meaning) => reasonDue(meaning) ?? [])
    if (deadLetter && !due.includes(deadLetter.reason)) {
      breaches.push(
        `message ${id} was dead-lettered as ${deadLetter.reason}, and is ${due.join(' and ') || 'valid'}`,
      )
    }
    if (deadLetter && data !== deadLetter.data)
      breaches.push(`the dead letter of ${id} has ${deadLetter.data}, not ${data}`)
    const isMissed = (meaning: Meaning) =>
      reasonDue(meaning) !== undefined && !isSuperseded(meaning, [rows, deletions])
    if (!deadLetter && meanings.some(isMissed)) {
      breaches.push(`message ${id} (${due.join(' and ')}) has no dead letter`)
    }
  }
  for (const id of byId.keys())
    breaches.push(`there is a dead letter of message ${id}, which was never published`)
  return breaches
}

function reasonDue(meaning: Meaning): string | undefined {
  if ('invalid' in meaning) return meaning.invalid
  return meaning.refused ? refusedByDatabase : undefined
}

function isSuperseded(meaning: Meaning, known: readonly ReadonlyMap<string, RowVersion>[]): boolean {
  if ('invalid' in meaning) return false
  return known.some((versions) => {
    const version = versions.get(meaning.row.key)
    return version !== undefined && isNewer(version, meaning.row)
  })
}
