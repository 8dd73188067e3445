import { limits } from './scenario.ts'

/**
 * The state at one moment, in small numbers; messages, records and contents are those of `Story`, and sets are of bits.
 *
 * Of the broker it keeps what is acked: any other message, and an acked one too, can be delivered to any replica at
 * any time.
 */
export interface State {
  day: number
  /** The oldest day of which partitions are kept. */
  floor: number
  /** 1 since the horizon was raised. */
  raised: number
  /** What PostgreSQL knows of identities, by their places in `Layout`. */
  readonly rows: readonly IdentityRow[]
  /** Per content: how many times it was added to the sum of its key, or appended. */
  readonly effects: number[]
  /** By how many `written` is more than what the process saw applied. */
  overcounted: number
  /** A transaction that its process has given up on: contents that it adds, plus 1; 0: none. */
  orphan: number
  acked: number
  refused: number
  tooOld: number
  reused: number
  /** Messages of the scenario that were redriven, and when. */
  redriven: number
  readonly redrivenOn: number[]
  readonly hands: readonly [Hands, Hands]
}

/** A row under a unique key. */
export interface IdentityRow {
  /** The number of the content that stands under it, plus 1; 0: there is no row. */
  content: number
  /** The transaction that inserted it and has not ended; 0: it is committed. */
  owner: number
  /** The day of its insertion; kept for requests only. */
  since: number
}

/** Owners; a replica's number is its place among the hands, plus 1. */
export const orphan = 3

/** What a replica is doing. */
export interface Hands {
  /** The operation of its program that comes next. */
  at: number
  /** Per record. */
  readonly places: number[]
}

/** Where a replica has a record. */
export const places = {
  none: 0,
  waits: 1,
  /** In the batch; not known to be new. */
  batch: 2,
  /** In the batch, and its identity was returned as new. */
  returned: 3,
  /** A fact stands for it. */
  done: 4,
  // To be dead-lettered.
  tooOld: 5,
  reused: 6,
  refused: 7,
} as const

export function noState(): State {
  const hands = (): Hands => ({ at: 0, places: Array<number>(limits.records).fill(places.none) })
  return {
    day: 0,
    floor: 0,
    raised: 0,
    rows: Array.from({ length: limits.identities }, () => ({ content: 0, owner: 0, since: 0 })),
    effects: Array<number>(limits.contents).fill(0),
    overcounted: 0,
    orphan: 0,
    acked: 0,
    refused: 0,
    tooOld: 0,
    reused: 0,
    redriven: 0,
    redrivenOn: Array<number>(limits.messages / 2).fill(0),
    hands: [hands(), hands()],
  }
}

export function copyState(from: State, to: State): void {
  to.day = from.day
  to.floor = from.floor
  to.raised = from.raised
  for (let i = 0; i < limits.identities; i++) copyRow(from.rows[i] as IdentityRow, to.rows[i] as IdentityRow)
  copyNumbers(from.effects, to.effects)
  to.overcounted = from.overcounted
  to.orphan = from.orphan
  to.acked = from.acked
  to.refused = from.refused
  to.tooOld = from.tooOld
  to.reused = from.reused
  to.redriven = from.redriven
  copyNumbers(from.redrivenOn, to.redrivenOn)
  for (const replica of [0, 1] as const) {
    to.hands[replica].at = from.hands[replica].at
    copyNumbers(from.hands[replica].places, to.hands[replica].places)
  }
}

function copyRow(from: IdentityRow, to: IdentityRow): void {
  to.content = from.content
  to.owner = from.owner
  to.since = from.since
}

function copyNumbers(from: readonly number[], to: number[]): void {
  for (let i = 0; i < from.length; i++) to[i] = from[i] as number
}

export function removeRow(row: IdentityRow): void {
  row.content = 0
  row.owner = 0
  row.since = 0
}
