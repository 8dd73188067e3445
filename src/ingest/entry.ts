import type { Delivery } from '#core/delivery.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { compareRecords } from '#core/keyed-record.ts'

/** A record together with the delivery that brought it. */
export interface Arrival {
  readonly record: KeyedRecord
  readonly delivery: Delivery
}

/**
 * All arrivals of one key that are written as one row: the newest wins, the losers share its fate. They keep their
 * records, since a winner that the database refuses gives them their turn.
 */
export interface Entry {
  winner: Arrival
  readonly losers: Arrival[]
  /** Times that the winner was refused alone while others were committed. */
  strikes: number
  /** Since when it has been waiting for somebody else who is writing its key; ms of the monotonic clock. */
  busySinceMs?: number
}

export function newEntry(winner: Arrival): Entry {
  return { winner, losers: [], strikes: 0 }
}

export function arrivalsOf(entry: Entry): readonly Arrival[] {
  return [entry.winner, ...entry.losers]
}

/** Folds an arrival of the same key in. Of two equal ones the earlier stays: they are the same record. */
export function fold(entry: Entry, arrival: Arrival): void {
  if (compareRecords(arrival.record, entry.winner.record) > 0) {
    entry.losers.push(entry.winner)
    entry.winner = arrival
    entry.strikes = 0
  } else {
    entry.losers.push(arrival)
  }
}
