import { WriteFailure } from '#core/failure.ts'
import type { Entry } from './entry.ts'

/** So many different rows refused one after the other for one cause: it is the table that is wrong, not the rows. */
const driftAfter = 20

/** An entry that the store refused when it was alone in its statement. */
export interface Refused {
  readonly entry: Entry
  readonly failure: WriteFailure
}

/**
 * Finds the entries that a store refuses for their own sake, by halves: one bad row among n costs about 2·log2(n)
 * statements. The whole is known to have failed, so it begins with the halves.
 *
 * @param attempt writes and settles its entries, or throws a WriteFailure; says whether anything was committed
 * @returns those refused alone, and how many others were committed meanwhile
 * @throws WriteFailure of any other class than `bad-row` and `unknown`; `schema-drift` after 20 refusals in a row
 */
export async function bisect(
  entries: readonly Entry[],
  attempt: (part: readonly Entry[]) => Promise<boolean>,
): Promise<{ refused: Refused[]; committed: number }> {
  const refused: Refused[] = []
  let committed = 0
  let streak: WriteFailure[] = []

  const search = async (part: readonly Entry[]): Promise<void> => {
    try {
      if (!(await attempt(part))) return
      committed += part.length
      streak = []
    } catch (error) {
      if (!isRowsFault(error)) throw error
      if (part.length > 1) await searchHalves(part)
      else if (part[0]) refuse(part[0], error)
    }
  }

  const searchHalves = async (part: readonly Entry[]): Promise<void> => {
    const half = Math.ceil(part.length / 2)
    await search(part.slice(0, half))
    await search(part.slice(half))
  }

  const refuse = (entry: Entry, failure: WriteFailure): void => {
    refused.push({ entry, failure })
    streak = streak[0]?.code === failure.code ? [...streak, failure] : [failure]
    if (streak.length >= driftAfter) throw drift(failure)
  }

  if (entries.length > 1) await searchHalves(entries)
  else await search(entries)
  return { refused, committed }
}

function isRowsFault(error: unknown): error is WriteFailure {
  return error instanceof WriteFailure && (error.class === 'bad-row' || error.class === 'unknown')
}

function drift(last: WriteFailure): WriteFailure {
  const message =
    `${driftAfter} rows in a row were refused for the same cause, so the table does not fit this pipeline: ` +
    `${last.message}. Change the table, for instance the constraint, and it goes on by itself`
  return new WriteFailure('schema-drift', message, last.code, { cause: last })
}
