import { ConfigurationError } from '#core/command-error.ts'
import { refusedByDatabase } from '#core/dead-letter.ts'
import type { DeadLetterDetail } from '#postgres/dead-letters.ts'
import { readDeadLetter } from '#postgres/dead-letters.ts'
import { programName } from '#runtime/program-name.ts'
import { unknownIds } from './selection.ts'
import type { DatabaseConfig } from './table.ts'
import { readDeadLetterTable } from './table.ts'

/** A dead letter with all that is known about it. */
export interface ShownDeadLetter extends DeadLetterDetail {
  /** What a person can do about it, a line each. */
  readonly next: readonly string[]
}

/** @throws ConfigurationError where there is none of that id; UnreachableError */
export async function showDeadLetter(config: DatabaseConfig, id: number): Promise<ShownDeadLetter> {
  const letter = await readDeadLetterTable(config, (client) => readDeadLetter(client, id))
  if (!letter) throw new ConfigurationError(unknownIds([id]))
  return { ...letter, next: nextFor(letter) }
}

function nextFor({ id, status, reason, cut }: DeadLetterDetail): string[] {
  if (status === 'redriven') {
    return [
      'It was published again, as a new message: nothing is left to do here. Had that one failed, too, it would be',
      `a letter of its own: ${programName} dead-letters list`,
    ]
  }
  if (cut) {
    return [
      'Its data was cut when it was stored, so it cannot be redriven. Raise INGESTER_MAX_MESSAGE_BYTES and publish it',
      `again from where it came from; then: ${programName} dead-letters discard --ids ${id}`,
    ]
  }
  const fix =
    reason === refusedByDatabase
      ? 'PostgreSQL refused its row. Fix what the detail names (a constraint, a trigger, a column), then:'
      : 'The message itself is not as the pipeline wants it: fix its sender. Once the pipeline or its settings take it:'
  const again = `${programName} dead-letters redrive --ids ${id}${status === 'new' ? '' : ` --status ${status}`}`
  const drop = `If nobody needs it: ${programName} dead-letters discard --ids ${id}`
  return [fix, `  ${again}`, ...(status === 'new' ? [drop] : [])]
}
