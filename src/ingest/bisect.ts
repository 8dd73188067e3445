import { WriteFailure } from '#core/failure.ts'
import type { Entry } from './entry.ts'

/** So many different rows refused one after the other for one cause: it is the table that is wrong, not the rows. */
const driftAfter = 20

/** An entry that the store refused when it was alone in its statement. */
export interface Refused {
  readonly entry: Entry
  readonly failure: WriteFailure
  /** So it was before and after a neighbour was taken, for one cause. */
  readonly isProven: boolean
}

type Attempt = (part: readonly Entry[]) => Promise<readonly Entry[]>

/** What a search found. */
export interface Found {
  readonly refused: readonly Refused[]
  /** One that was committed meanwhile; undefined where none was. */
  readonly neighbour: Entry | undefined
}

/**
 * Finds the entries that a store refuses for their own sake, by halves: one bad row among n costs about 2·log2(n)
 * statements. The whole is known to have failed, so it begins with the halves.
 *
 * What was refused so is tried once more, after a neighbour was taken: refused, taken, refused for the same cause. A
 * table that is changed in the middle of a search, and perhaps changed back, does not do that to innocent rows.
 *
 * @param attempt writes and settles its entries, or throws a WriteFailure; says what was committed
 * @param takes writes a committed entry once more; throws a WriteFailure where the table does not take it any more
 * @throws WriteFailure of any other class than `bad-row` and `unknown`, or of `takes`; `schema-drift` after 20 refusals
 *   in a row
 */
export async function bisect(
  entries: readonly Entry[],
  attempt: Attempt,
  takes: (neighbour: Entry) => Promise<void>,
): Promise<Found> {
  const refused: Refused[] = []
  let neighbour: Entry | undefined
  let streak: WriteFailure[] = []

  const search = async (part: readonly Entry[]): Promise<void> => {
    try {
      const [committed] = await attempt(part)
      if (!committed) return
      neighbour = committed
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
    refused.push({ entry, failure, isProven: false })
    streak = streak[0]?.code === failure.code ? [...streak, failure] : [failure]
    if (streak.length >= driftAfter) throw drift(failure)
  }

  if (entries.length > 1) await searchHalves(entries)
  else await search(entries)
  if (!neighbour || refused.length === 0) return { refused, neighbour }
  await takes(neighbour)
  return { refused: await refusedAgain(refused, attempt), neighbour }
}

async function refusedAgain(refused: readonly Refused[], attempt: Attempt): Promise<Refused[]> {
  const again: Refused[] = []
  for (const { entry, failure } of refused) {
    try {
      await attempt([entry])
    } catch (error) {
      if (!isRowsFault(error)) throw error
      again.push({ entry, failure: error, isProven: error.code === failure.code })
    }
  }
  return again
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
