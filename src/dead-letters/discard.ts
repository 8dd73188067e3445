import { updateDeadLetterStatus } from '#postgres/dead-letter-status.ts'
import { inTransaction } from '#postgres/transaction.ts'
import type { Selection, UserPrompt } from './selection.ts'
import { resolveSelection } from './selection.ts'
import type { DatabaseConfig } from './table.ts'
import { withDeadLetterTable, updateRights } from './table.ts'

/** What `discard` did. */
export interface Discarded {
  readonly selected: number
  readonly discarded: number
  /** Already redriven or discarded by another process. */
  readonly skipped: number
}

/** How many dead letters one statement marks. */
const maxBatchDeadLetters = 1000

/**
 * Marks dead letters as discarded; their rows stay. Undefined: the user did not confirm it.
 *
 * @throws ConfigurationError, UnreachableError
 */
export async function discardDeadLetters(
  config: DatabaseConfig,
  selection: Selection,
  user: UserPrompt,
): Promise<Discarded | undefined> {
  const selected = await resolveSelection(config, selection, user)
  if (selected.length > 0 && !(await user.confirm(selected.length))) return undefined
  return withDeadLetterTable(config, updateRights, async (client) => {
    let discarded = 0
    for (let at = 0; at < selected.length; at += maxBatchDeadLetters) {
      const ids = selected.slice(at, at + maxBatchDeadLetters).map(({ id }) => id)
      discarded += await inTransaction(client, () =>
        updateDeadLetterStatus(client, ids, selection.status, 'discarded'),
      )
      user.progress(at + ids.length, selected.length)
    }
    return { selected: selected.length, discarded, skipped: selected.length - discarded }
  })
}
