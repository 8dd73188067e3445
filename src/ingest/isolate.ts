import type { DeadLetter } from '#core/dead-letter.ts'
import { refusedByDatabase } from '#core/dead-letter.ts'
import { compareRecords } from '#core/keyed-record.ts'
import type { Writer } from '#core/writer.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Attempt, Refused } from './bisect.ts'
import { bisect, driftAfter, isRowsFault, refusedAgain } from './bisect.ts'
import type { Arrival, Entry, Proof, Refusal } from './entry.ts'
import type { Hold } from './hold.ts'

export interface IsolationPorts {
  readonly writer: Writer
  readonly hold: Hold
  readonly clock: Clock
  readonly bury: (letter: DeadLetter) => void
  /** Gives arrivals whose winner was buried their turn. */
  readonly readmit: (arrivals: readonly Arrival[]) => void
  /** Entries that wait for a proof, of all lanes. */
  readonly waiting: () => readonly Entry[]
  /** A row was refused alone, and waits. */
  readonly tellRefused: (refusal: Refusal) => void
}

/** An unknown error must be a row's own this often before the row is dead-lettered for it. */
const unknownStrikes = 3
/** A refused row waits this long for a neighbour before a row that stands in the table is asked instead. */
const neighbourWaitMs = 5000

/**
 * Finds the rows that are refused alone, and dead-letters those that have shown that it is their own fault.
 *
 * @returns the others: they wait for a proof
 * @throws WriteFailure where it is not about single rows
 */
export async function isolate(
  entries: readonly Entry[],
  attempt: Attempt,
  ports: IsolationPorts,
): Promise<readonly Entry[]> {
  const { hold } = ports
  const { refused, neighbour } = await bisect(entries, attempt, (taken) => writeAgain(taken, ports))
  if (neighbour) return unproven(refused, ports)
  const unknown = refused.find(({ failure }) => failure.class === 'unknown')
  if (unknown && entries.length > 1) throw unknown.failure
  const isFlowing = hold.reason === undefined
  if (refused[0]) hold.refused(refused[0].failure)
  else hold.inconclusive()
  // While the store is in doubt, a row that it refuses proves nothing.
  return isFlowing ? tryBesideStanding(refused, attempt, ports) : unproven(refused, ports)
}

/**
 * Writes a committed row once more, which changes nothing: where it is refused now, the table was changed after it, and
 * the others may be as innocent.
 *
 * @throws WriteFailure
 */
async function writeAgain(neighbour: Entry, { writer, hold }: IsolationPorts): Promise<void> {
  await writer.write([neighbour.winner.record])
  hold.succeeded()
}

/**
 * On a quiet subscription a neighbour may never come. Where nothing but a row's own values can be to blame, a row that
 * stands in the table will do: it is accepted, the row is refused once more, it is accepted.
 */
async function tryBesideStanding(
  refused: readonly Refused[],
  attempt: Attempt,
  ports: IsolationPorts,
): Promise<readonly Entry[]> {
  const due = refused.filter((one) => isDue(one, ports))
  if (due.length === 0) return unproven(refused, ports)
  const others = refused.filter((one) => !due.includes(one))
  if (!(await isStandingAccepted(ports))) return unproven(refused, ports, 'first row')
  const again = await refusedAgain(due, attempt)
  if (again.length === 0 || (await isStandingAccepted(ports))) return unproven([...others, ...again], ports)
  return unproven([...others, ...again.map((one) => ({ ...one, isProven: false }))], ports, 'first row')
}

function isDue({ entry, failure }: Refused, { clock, waiting }: IsolationPorts): boolean {
  const { code } = failure
  const waitedMs = clock.now() - (entry.refusal?.sinceMs ?? Infinity)
  if (!failure.ownFault || waitedMs < neighbourWaitMs) return false
  // Too many for one cause: it may be new rows that the table does not accept, whatever it has.
  return waiting().filter(({ refusal }) => refusal?.failure.code === code).length < driftAfter
}

/** Refused itself, it is as good as none. */
async function isStandingAccepted({ writer }: IsolationPorts): Promise<boolean> {
  try {
    return await writer.rewriteStanding()
  } catch (error) {
    if (isRowsFault(error)) return false
    throw error
  }
}

/** Dead-letters those that are proven to be at fault; the others are told of, and returned. */
function unproven(refused: readonly Refused[], ports: IsolationPorts, proof?: Proof): readonly Entry[] {
  return refused.flatMap((one) => {
    if (one.isProven && isGuilty(one)) {
      bury(one, ports)
      return []
    }
    const { entry, failure } = one
    const waitsFor = failure.ownFault ? (proof ?? 'standing row') : 'neighbour'
    entry.refusal = { failure, waitsFor, sinceMs: entry.refusal?.sinceMs ?? ports.clock.now() }
    ports.tellRefused(entry.refusal)
    return [entry]
  })
}

function isGuilty({ entry, failure }: Refused): boolean {
  entry.strikes += 1
  return failure.class !== 'unknown' || entry.strikes >= unknownStrikes
}

function bury({ entry, failure }: Refused, ports: IsolationPorts): void {
  const { winner, losers } = entry
  // An equal loser is the same record once more: its turn would end the same way, but wait for a neighbour first.
  const isSame = (loser: Arrival) => compareRecords(loser.record, winner.record) === 0
  for (const { delivery } of [winner, ...losers.filter(isSame)]) {
    ports.bury({ delivery, reason: refusedByDatabase, detail: failure.message })
  }
  ports.readmit(losers.filter((loser) => !isSame(loser)))
}
