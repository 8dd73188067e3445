import { randomUUID } from 'node:crypto'
import type { DeadLetter } from '#core/dead-letter.ts'
import { refusedByDatabase } from '#core/dead-letter.ts'
import { WriteFailure, messageOf } from '#core/failure.ts'
import { compareRecords } from '#core/keyed-record.ts'
import { sleep } from '#runtime/clock.ts'
import type { Refused } from './bisect.ts'
import { bisect } from './bisect.ts'
import type { Arrival, Entry } from './entry.ts'
import type { FlushPorts } from './flush.ts'
import { flush } from './flush.ts'
import type { Hold } from './hold.ts'

export interface BatchPorts extends FlushPorts {
  readonly hold: Hold
  readonly bury: (letter: DeadLetter) => void
  /** Gives arrivals whose winner was buried their turn. */
  readonly readmit: (arrivals: readonly Arrival[]) => void
  /** A hard stop. */
  readonly aborted: AbortSignal
}

/** An unknown error must be a row's own this often before the row is buried for it. */
const unknownStrikes = 3
/** A conflict that comes so often is none: something refuses every time, and people should hear of it. */
const conflictsTolerated = 10
/** A deadlock's victims must not meet again at once: 5 to 50 ms. */
const conflictPauseMs = () => 5 + Math.random() * 45

/**
 * Flushes a batch until every entry is settled, buried or parked, whatever fails and however long that takes.
 * Returns early only at a hard stop.
 *
 * @returns entries that the store refused although nothing could be committed beside them. They wait for
 *   neighbours: a row is buried only if it fails where another one works.
 */
export async function writeBatch(entries: readonly Entry[], ports: BatchPorts): Promise<readonly Entry[]> {
  const { hold, ledger, clock, aborted } = ports
  const token = randomUUID()
  const parked = new Set<Entry>()
  const noting = { ...ports, park: (entry: Entry) => ports.park(entry) && Boolean(parked.add(entry)) }
  const isLeft = (entry: Entry) => ledger.isOpen(entry.winner.delivery) && !parked.has(entry)
  let rest = entries
  let searching = false
  let conflicts = 0

  while (await hold.admission()) {
    try {
      if (searching) return await isolate(rest, token, isLeft, noting)
      await flushAndTell(rest, token, noting)
      return []
    } catch (error) {
      const failure = asWriteFailure(error)
      ports.observer.writeFailed?.(failure.class)
      rest = rest.filter(isLeft)
      switch (failure.class) {
        case 'conflict':
          conflicts += 1
          if (conflicts > conflictsTolerated) {
            hold.failed(failure)
            break
          }
          hold.inconclusive()
          await sleep(clock, conflictPauseMs(), aborted)
          break
        case 'too-big':
          if (rest.length > 1) {
            hold.inconclusive()
            return await writeHalves(rest, ports)
          }
          hold.failed(failure)
          break
        case 'bad-row':
          searching = true
          if (rest.length > 1) hold.inconclusive()
          else hold.refused(failure)
          break
        case 'unknown':
          searching = true
          if (rest.length > 1) hold.failed(failure)
          else hold.refused(failure)
          break
        case 'infrastructure':
        case 'schema-drift':
        case 'no-rights':
          searching = false
          hold.failed(failure)
      }
    }
  }
  return []
}

async function flushAndTell(
  entries: readonly Entry[],
  token: string,
  ports: BatchPorts,
): Promise<readonly Entry[]> {
  const written = await flush(entries, token, ports)
  if (written.length > 0) ports.hold.succeeded()
  else ports.hold.untried()
  return written
}

async function writeHalves(entries: readonly Entry[], ports: BatchPorts): Promise<readonly Entry[]> {
  const half = Math.ceil(entries.length / 2)
  const first = await writeBatch(entries.slice(0, half), ports)
  return [...first, ...(await writeBatch(entries.slice(half), ports))]
}

/** Finds the rows that are refused alone and buries those that have shown that it is their own fault. */
async function isolate(
  entries: readonly Entry[],
  token: string,
  isLeft: (entry: Entry) => boolean,
  ports: BatchPorts,
): Promise<readonly Entry[]> {
  // What a hard stop has given back, or another part of the search has parked, is no longer ours to write.
  const attempt = async (part: readonly Entry[]) => {
    const left = part.filter(isLeft)
    return left.length > 0 ? flushAndTell(left, token, ports) : []
  }
  const takes = (neighbour: Entry) => writeAgain(neighbour, ports)
  const { refused, neighbour } = await bisect(entries, attempt, takes)
  if (!neighbour) {
    const unknown = refused.find(({ failure }) => failure.class === 'unknown')
    if (unknown && entries.length > 1) throw unknown.failure
    if (refused[0]) ports.hold.refused(refused[0].failure)
    else ports.hold.inconclusive()
    return refused.map(({ entry }) => entry)
  }
  return refused.filter((one) => !buryIfGuilty(one, ports)).map(({ entry }) => entry)
}

/**
 * Writes a committed row once more, which changes nothing: where it is refused now, the table was changed after it, and
 * the others may be as innocent.
 *
 * @throws WriteFailure
 */
async function writeAgain(neighbour: Entry, { writer, hold }: BatchPorts): Promise<void> {
  await writer.write([neighbour.winner.record])
  hold.succeeded()
}

function buryIfGuilty({ entry, failure, isProven }: Refused, ports: BatchPorts): boolean {
  if (!isProven) return false
  entry.strikes += 1
  if (failure.class === 'unknown' && entry.strikes < unknownStrikes) return false
  const { winner, losers } = entry
  // An equal loser is the same record once more: its turn would end the same way, but wait for a neighbour first.
  const isSame = (loser: Arrival) => compareRecords(loser.record, winner.record) === 0
  for (const { delivery } of [winner, ...losers.filter(isSame)]) {
    ports.bury({ delivery, reason: refusedByDatabase, detail: failure.message })
  }
  ports.readmit(losers.filter((loser) => !isSame(loser)))
  return true
}

function asWriteFailure(error: unknown): WriteFailure {
  if (error instanceof WriteFailure) return error
  return new WriteFailure('unknown', messageOf(error), undefined, { cause: error })
}
