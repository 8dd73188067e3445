import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Merge } from '#core/merge.ts'
import type { WriteFailure } from '#core/write-failure.ts'

/** A record together with the delivery that brought it. */
export interface Arrival {
  readonly record: KeyedRecord
  readonly delivery: Delivery
}

/** A winner that was refused alone, and waits until that is shown to be its own fault, or is over. */
export interface Refusal {
  readonly failure: WriteFailure
  /** Of the first time; ms of the monotonic clock. */
  readonly sinceMs: number
  readonly waitsFor: Proof
}

/**
 * What would show that a refused row is to blame itself:
 *
 * - `neighbour`: a new row that is written
 * - `existing row`: a row of the table that is accepted once more
 * - `first row`: likewise, but the table has none
 */
export type Proof = 'neighbour' | 'existing row' | 'first row'

/**
 * All arrivals of one key that wait together: one wins and is written, the losers share its fate. They keep their
 * records, since a winner that the database refuses gives them their turn.
 */
export interface Entry {
  /** Of its key. */
  readonly hash: number
  winner: Arrival
  losers: readonly Arrival[]
  /** Neither older nor newer than the winner, as far as the engine can tell: their turn comes when it is settled. */
  tied: readonly Arrival[]
  /** Times that the winner was refused alone while others were committed. */
  strikes: number
  refusal?: Refusal | undefined
  /** Since when it stands in its lane's line; whole ms of the monotonic clock, since V8 makes an object of a fraction. */
  linedUpAtMs: number
  /** Since when it has been waiting for another process that is writing its key; ms of the monotonic clock. */
  busySinceMs?: number
  /** Since when another transaction is known to hold its row; ms of the monotonic clock. */
  lockedSinceMs?: number
}

/** Most keys come once in a batch, so they share their empty lists. (Frozen, V8 would iterate over it more slowly.) */
const none: readonly Arrival[] = []

export function newEntry(winner: Arrival, hash: number, linedUpAtMs: number): Entry {
  return { hash, winner, losers: none, tied: none, strikes: 0, refusal: undefined, linedUpAtMs }
}

export function arrivalsOf(entry: Entry): readonly Arrival[] {
  return [entry.winner, ...entry.losers, ...entry.tied]
}

/** Folds another entry of the same key in. It has waited as long as the longer of the two has. */
export function join(entry: Entry, other: Entry, merge: Merge): void {
  // Of two that are tied the one that stands here stays.
  const order = merge.compare(other.winner.record, entry.winner.record) ?? -1
  const strikes = order === 0 ? Math.max(entry.strikes, other.strikes) : (order > 0 ? other : entry).strikes
  const refusal = (order > 0 ? undefined : entry.refusal) ?? (order < 0 ? undefined : other.refusal)
  const busySince = earlier(entry.busySinceMs, other.busySinceMs)
  const lockedSince = earlier(entry.lockedSinceMs, other.lockedSinceMs)
  for (const arrival of arrivalsOf(other)) fold(entry, arrival, merge)
  entry.strikes = strikes
  entry.refusal = refusal
  if (busySince !== undefined) entry.busySinceMs = busySince
  if (lockedSince !== undefined) entry.lockedSinceMs = lockedSince
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}

/** Folds an arrival of the same key in. Of two equal ones the earlier stays: they are the same record. */
export function fold(entry: Entry, arrival: Arrival, merge: Merge): void {
  const order = merge.compare(arrival.record, entry.winner.record)
  if (order === undefined) {
    entry.tied = grown(entry.tied, arrival)
  } else if (order > 0) {
    entry.losers = grown(entry.losers, entry.winner)
    for (const older of entry.tied) entry.losers = grown(entry.losers, older)
    entry.tied = none
    entry.winner = arrival
    entry.strikes = 0
    entry.refusal = undefined
  } else {
    entry.losers = grown(entry.losers, arrival)
  }
}

/** A hot key may have thousands: once it has a list of its own, that one grows. */
function grown(list: readonly Arrival[], arrival: Arrival): readonly Arrival[] {
  if (list === none) return [arrival]
  ;(list as Arrival[]).push(arrival)
  return list
}

/** Of all its rows. */
export function bytesOf({ winner, losers, tied }: Entry): number {
  let { bytes } = winner.record
  if (losers.length > 0) for (const { record } of losers) bytes += record.bytes
  if (tied.length > 0) for (const { record } of tied) bytes += record.bytes
  return bytes
}
