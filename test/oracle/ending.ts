import { deadLetterBreaches } from './dead-letters.ts'
import type { AcceptedMessage, Meaning, RowVersion, StoredDeadLetter } from './facts.ts'
import { describeRow } from './facts.ts'
import type { Breach, PromiseName } from './promises.ts'
import { tableBreaches } from './table.ts'

/** What is there after the faults have stopped and `settlingMs` have passed. */
export interface Ending {
  readonly accepted: readonly AcceptedMessage[]
  readonly rows: ReadonlyMap<string, RowVersion>
  /** Those that are remembered. Absent: nothing is deleted. */
  readonly deletions?: ReadonlyMap<string, RowVersion>
  readonly deadLetters: readonly StoredDeadLetter[]
  readonly ackedIds: ReadonlySet<string>
  /** How long it was given to settle, for people. */
  readonly settlingMs: number
}

/** In the end everything is acked, the table is right, and the dead letters are. */
export function endingBreaches(ending: Ending): Breach[] {
  const { accepted, rows, deletions, deadLetters, ackedIds, settlingMs } = ending
  const unacked = accepted.filter(({ id }) => !ackedIds.has(id))
  const late = unacked.map(
    ({ id, meanings }) =>
      `message ${id} (${meanings.map(meaningText).join('; ')}) is not acked ${settlingMs / 1000} s after the last fault`,
  )
  const of = (promise: PromiseName, seen: readonly string[]) => seen.map((one) => ({ promise, seen: one }))
  return [
    ...of('settling', late),
    ...of('table', tableBreaches(accepted, rows)),
    ...of('dead letters', deadLetterBreaches(accepted, deadLetters, rows, deletions)),
  ]
}

function meaningText(meaning: Meaning): string {
  return 'invalid' in meaning
    ? meaning.invalid
    : `${describeRow(meaning.row)}${meaning.refused ? ', refused' : ''}`
}
