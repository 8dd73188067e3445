import { refusedByDatabase } from '#core/dead-letter.ts'
import type { Merge } from '#core/merge.ts'
import type { WriteFailure } from '#core/write-failure.ts'
import type { Sink } from '#core/sink.ts'
import type { Clock } from '#runtime/clock.ts'
import type { Attempt, Refused } from './bisect.ts'
import { bisect, driftAfter, isRowsFault, refusedAgain } from './bisect.ts'
import type { Arrival, Entry, Proof, Refusal } from './entry.ts'
import type { DueDeadLetter } from './dead-letter-queue.ts'
import type { RefusedEntry } from './flush.ts'
import type { StoreGate } from './store-gate.ts'

export interface IsolationPorts {
  readonly merge: Merge
  readonly sink: Sink
  readonly gate: StoreGate
  readonly clock: Clock
  readonly deadLetter: (deadLetter: DueDeadLetter) => void
  /** Entries that wait for a proof, of all lanes. */
  readonly waiting: () => readonly Entry[]
  /** A row was refused alone, and waits. */
  readonly reportRefused: (refusal: Refusal) => void
}

/** What is left of a search. */
export interface Isolated extends Judged {
  /** The first refusal, where nothing was committed beside it. */
  readonly refusal: WriteFailure | undefined
}

interface Judged {
  /** Not proven to be the cause: they wait for that proof. */
  readonly refused: readonly Entry[]
  /** Arrivals whose winner was dead-lettered: it is their turn. */
  readonly readmitted: readonly Arrival[]
}

/** An unknown error must be a row's own this often before the row is dead-lettered for it. */
const unknownStrikes = 3
/** A refused row waits this long for a neighbour before an existing row of the table is tried instead. */
const neighbourWaitMs = 5000

/**
 * Finds the rows that are rejected alone, and dead-letters those that are proven to be the cause.
 *
 * @throws WriteFailure where it is not about single rows
 */
export async function isolate(
  entries: readonly Entry[],
  attempt: Attempt,
  ports: IsolationPorts,
): Promise<Isolated> {
  const { refused, neighbour } = await bisect(entries, attempt, (taken) => writeAgain(taken, ports))
  if (neighbour) return { ...judge(refused, ports), refusal: undefined }
  const unknown = refused.find(({ failure }) => failure.class === 'unknown')
  if (unknown && entries.length > 1) throw unknown.failure
  // While the store is in doubt, a row that it refuses proves nothing.
  const isInDoubt = ports.gate.reason !== undefined
  const judged = isInDoubt ? judge(refused, ports) : await retryBesideExistingRow(refused, attempt, ports)
  return { ...judged, refusal: refused[0]?.failure }
}

/**
 * Writes a committed row once more, which changes nothing: where it is refused now, the table was changed after it, and
 * the others may be as innocent.
 *
 * @throws WriteFailure
 */
async function writeAgain({ winner: { record } }: Entry, { sink }: IsolationPorts): Promise<void> {
  if (sink.retake) await sink.retake(record)
  else await sink.write([record])
}

/**
 * On a quiet subscription a neighbour may never come. Where nothing but a row's own values can be to blame, a row that
 * exists in the table will do: it is accepted, the row is refused once more, it is accepted.
 */
async function retryBesideExistingRow(
  refused: readonly Refused[],
  attempt: Attempt,
  ports: IsolationPorts,
): Promise<Judged> {
  const due = refused.filter((one) => isDue(one, ports))
  if (due.length === 0) return judge(refused, ports)
  const others = refused.filter((one) => !due.includes(one))
  if (!(await isExistingRowAccepted(ports))) return judge(refused, ports, 'first row')
  const again = await refusedAgain(due, attempt)
  if (again.length === 0 || (await isExistingRowAccepted(ports))) return judge([...others, ...again], ports)
  return judge([...others, ...again.map((one) => ({ ...one, isProven: false }))], ports, 'first row')
}

function isDue({ entry, failure }: Refused, { clock, waiting }: IsolationPorts): boolean {
  const { code } = failure
  const waitedMs = clock.now() - (entry.refusal?.sinceMs ?? Infinity)
  if (!failure.ownFault || waitedMs < neighbourWaitMs) return false
  // Too many for one cause: it may be new rows that the table does not accept, whatever it has.
  return waiting().filter(({ refusal }) => refusal?.failure.code === code).length < driftAfter
}

/** Refused itself, it is as good as none. */
async function isExistingRowAccepted({ sink }: IsolationPorts): Promise<boolean> {
  try {
    return (await sink.rewriteExistingRow?.()) ?? false
  } catch (error) {
    if (isRowsFault(error)) return false
    throw error
  }
}

/** Dead-letters those that are proven to be the cause; the others are reported, and wait. */
function judge(refused: readonly Refused[], ports: IsolationPorts, proof?: Proof): Judged {
  const waiting: Entry[] = []
  const readmitted: Arrival[] = []
  for (const one of refused) {
    if (isGuilty(one)) readmitted.push(...deadLetter(one, refusedByDatabase, ports))
    else waiting.push(waitFor(one, ports, proof))
  }
  return { refused: waiting, readmitted }
}

function waitFor(
  { entry, failure }: Refused,
  { clock, reportRefused }: IsolationPorts,
  proof?: Proof,
): Entry {
  const waitsFor = failure.ownFault ? (proof ?? 'existing row') : 'neighbour'
  entry.refusal = { failure, waitsFor, sinceMs: entry.refusal?.sinceMs ?? clock.now() }
  reportRefused(entry.refusal)
  return entry
}

function isGuilty({ entry, failure, isProven }: Refused): boolean {
  if (!isProven) return false
  entry.strikes += 1
  return failure.class !== 'unknown' || entry.strikes >= unknownStrikes
}

/** What a store that answers for each record refuses: no neighbour is needed to know which it was. */
export function deadLetterRefused(
  { reason, ...refused }: RefusedEntry,
  ports: Pick<IsolationPorts, 'merge' | 'deadLetter'>,
): readonly Arrival[] {
  return deadLetter(refused, reason, ports)
}

/**
 * Dead-letters the winner, and with it the equal losers: each is the same record once more, whose turn would end the same
 * way, but wait for a neighbour first.
 *
 * @returns those that are other records: it is their turn
 */
function deadLetter(
  { entry, failure }: Pick<Refused, 'entry' | 'failure'>,
  reason: string,
  { merge, deadLetter: add }: Pick<IsolationPorts, 'merge' | 'deadLetter'>,
): readonly Arrival[] {
  const same = entry.losers.filter((loser) => isSame(loser, entry, merge))
  const { message, about } = failure
  const detail = about === undefined ? message : `${about}; ${message}`
  for (const arrival of [entry.winner, ...same])
    add({ delivery: arrival.delivery, reason, detail, settles: arrival })
  return [...entry.losers.filter((loser) => !same.includes(loser)), ...entry.tied]
}

function isSame({ record }: Arrival, { winner }: Entry, merge: Merge): boolean {
  return merge.compare(record, winner.record) === 0
}
