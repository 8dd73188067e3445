import { WriteFailure } from '#core/write-failure.ts'
import type { Entry } from './entry.ts'
import type { Written } from './flush.ts'

/** When this many different rows are rejected in a row for one cause, the table is at fault, not the rows. */
export const driftAfter = 20

/** An entry that the store refused when it was alone in its statement. */
export interface Refused {
  readonly entry: Entry
  readonly failure: WriteFailure
  /** So it was before and after a row was accepted that shows something, for one cause. */
  readonly isProven: boolean
}

export type Attempt = (part: readonly Entry[]) => Promise<Written>

/** What a search found. */
export interface Found {
  readonly refused: readonly Refused[]
  /** One that was accepted meanwhile; undefined where none was. */
  readonly neighbour: Entry | undefined
}

/**
 * Finds the entries that a store refuses for their own sake, by halves: one bad row among n costs about 2·log2(n)
 * statements. The whole is known to have failed, so it begins with the halves.
 *
 * What was refused so is tried once more, after a neighbour was taken: refused, taken, refused for the same cause. A
 * table that is changed in the middle of a search, and perhaps changed back, does not do that to innocent rows.
 *
 * A neighbour that placed no row, since an equal or newer one stands there, was checked only in itself: no foreign key
 * was looked up for it, no trigger fired. It shows nothing to rows for whose refusal others may be to blame. A deletion is no
 * neighbour at all: the table checks nothing of it.
 *
 * @param attempt writes and settles its entries, or throws a WriteFailure; says what was committed. Of one entry alone it
 *   does not throw `locked`: that one is set aside
 * @param takes writes a committed entry once more; throws a WriteFailure where the table does not take it any more
 * @throws WriteFailure of any other class than `bad-row`, `unknown` and `locked`, or of `takes`; `schema-drift` after 20 refusals
 *   in a row
 */
export async function bisect(
  entries: readonly Entry[],
  attempt: Attempt,
  takes: (neighbour: Entry) => Promise<void>,
): Promise<Found> {
  const refused: Refused[] = []
  let neighbour: Entry | undefined
  let isPlaced = false
  let streak: WriteFailure[] = []

  const search = async (part: readonly Entry[]): Promise<void> => {
    try {
      accept(await attempt(part))
    } catch (error) {
      if (part.length > 1 && (isRowsFault(error) || isLocked(error))) await searchHalves(part)
      else if (part[0] && isRowsFault(error)) refuse(part[0], error)
      else throw error
    }
  }

  const searchHalves = async (part: readonly Entry[]): Promise<void> => {
    const half = Math.ceil(part.length / 2)
    await search(part.slice(0, half))
    await search(part.slice(half))
  }

  const accept = ({ entries, placed }: Written): void => {
    const rows = entries.filter((entry) => !isDeletion(entry))
    const [committed] = rows
    if (!committed) return
    const isNew = placed > entries.length - rows.length
    if (isNew || !isPlaced) neighbour = committed
    isPlaced ||= isNew
    if (isNew || streak[0]?.ownFault) streak = []
  }

  const refuse = (entry: Entry, failure: WriteFailure): void => {
    refused.push({ entry, failure, isProven: false })
    streak = streak[0]?.code === failure.code ? [...streak, failure] : [failure]
    if (streak.length >= driftAfter) throw drift(failure)
  }

  if (entries.length > 1) await searchHalves(entries)
  else await search(entries)
  const isShown = ({ failure }: Refused) => isPlaced || failure.ownFault
  if (!neighbour || !refused.some(isShown)) return { refused, neighbour }
  await takes(neighbour)
  const again = await refusedAgain(refused.filter(isShown), attempt)
  if (!isPlaced) await takes(neighbour)
  return { refused: [...refused.filter((one) => !isShown(one)), ...again], neighbour }
}

/** Tries refused entries once more; returns those that are refused again. */
export async function refusedAgain(refused: readonly Refused[], attempt: Attempt): Promise<Refused[]> {
  const again: Refused[] = []
  for (const { entry, failure } of refused) {
    try {
      await attempt([entry])
    } catch (error) {
      if (!isRowsFault(error)) throw error
      const isSame = error.code === failure.code && error.ownFault === failure.ownFault
      again.push({ entry, failure: error, isProven: isSame })
    }
  }
  return again
}

function isDeletion({ winner }: Entry): boolean {
  return winner.record.guard?.isGone === true
}

export function isRowsFault(error: unknown): error is WriteFailure {
  return error instanceof WriteFailure && (error.class === 'bad-row' || error.class === 'unknown')
}

export function isLocked(error: unknown): boolean {
  return error instanceof WriteFailure && error.class === 'locked'
}

function drift(last: WriteFailure): WriteFailure {
  const message =
    `${driftAfter} rows in a row were rejected for the same cause, so the table does not fit this pipeline: ` +
    `${last.message}. Fix the table (for example the constraint); writing then resumes automatically`
  return new WriteFailure('schema-drift', message, last.code, { cause: last })
}
