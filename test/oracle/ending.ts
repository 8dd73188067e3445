import { toldMeaning, deadLetterBreaches } from './dead-letters.ts'
import type { AcceptedMessage, RowVersion, StoredLetter } from './facts.ts'
import { tableBreaches } from './table.ts'

/** What is there after the faults have stopped and `settlingMs` have passed. */
export interface Ending {
  readonly accepted: readonly AcceptedMessage[]
  readonly rows: ReadonlyMap<string, RowVersion>
  readonly letters: readonly StoredLetter[]
  readonly ackedIds: ReadonlySet<string>
  /** How long it was given to settle, for people. */
  readonly settlingMs: number
}

/** In the end everything is acked, the table is right, and the dead letters are. */
export function endingBreaches({ accepted, rows, letters, ackedIds, settlingMs }: Ending): string[] {
  const unacked = accepted.filter(({ id }) => !ackedIds.has(id))
  return [
    ...unacked.map(
      ({ id, meaning }) =>
        `message ${id} (${toldMeaning(meaning)}) is not acked ${settlingMs / 1000} s after the last fault`,
    ),
    ...tableBreaches(accepted, rows),
    ...deadLetterBreaches(accepted, letters, rows),
  ]
}
