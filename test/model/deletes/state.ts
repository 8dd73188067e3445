/**
 * The state at one moment, in small numbers; records, guards and sets of messages are those of `Story`.
 *
 * Of the broker it keeps what is acked: any other message, and an acked one too, can be delivered to any replica at
 * any time.
 */
export interface State {
  readonly row: Cell
  readonly guard: Cell
  acked: number
  /** Messages that were acked as expired. */
  ignored: number
  /** 1 since the horizon has passed. */
  horizon: number
  readonly hands: readonly [Hands, Hands]
}

/** What PostgreSQL holds under a unique key: at most one row, and at most one transaction that has it locked. */
export interface Cell {
  /** Committed; 0: there is no row. */
  value: number
  /** What the transaction that holds the lock has made of it, the same if it only holds the lock. */
  pending: number
  owner: number
  /** 1: that transaction has deleted the committed row; what it may have inserted since is another. */
  deleted: number
}

/** Holders of a lock; a replica's number is its place among the hands, plus 1. */
export const nobody = 0
export const sweeper = 3

/** What a replica is doing. */
export interface Hands {
  /** Number of the message, plus 1; 0: none. */
  message: number
  /** The operation of its program that comes next. */
  at: number
  outcome: number
  /** 1: it began after the horizon, with a message published before. */
  isOld: number
  /** The running statement's snapshot, of what that statement looks at. */
  readonly row: Seen
  readonly guard: Seen
}

export interface Seen {
  value: number
  /** 1: the row that was seen has been deleted since. A new one of the same key is another row. */
  deleted: number
}

/** What was decided about a message: whether it goes on. */
export const outcomes = { none: 0, admitted: 1, expired: 2 } as const

export function noState(): State {
  const cell = (): Cell => ({ value: 0, pending: 0, owner: nobody, deleted: 0 })
  const seen = (): Seen => ({ value: 0, deleted: 0 })
  const hands = (): Hands => ({ message: 0, at: 0, outcome: 0, isOld: 0, row: seen(), guard: seen() })
  return { row: cell(), guard: cell(), acked: 0, ignored: 0, horizon: 0, hands: [hands(), hands()] }
}

export function copyState(from: State, to: State): void {
  copyCell(from.row, to.row)
  copyCell(from.guard, to.guard)
  to.acked = from.acked
  to.ignored = from.ignored
  to.horizon = from.horizon
  copyHands(from.hands[0], to.hands[0])
  copyHands(from.hands[1], to.hands[1])
}

function copyCell(from: Cell, to: Cell): void {
  to.value = from.value
  to.pending = from.pending
  to.owner = from.owner
  to.deleted = from.deleted
}

function copyHands(from: Hands, to: Hands): void {
  to.message = from.message
  to.at = from.at
  to.outcome = from.outcome
  to.isOld = from.isOld
  to.row.value = from.row.value
  to.row.deleted = from.row.deleted
  to.guard.value = from.guard.value
  to.guard.deleted = from.guard.deleted
}

export function empty(hands: Hands): void {
  hands.message = 0
  hands.at = 0
  hands.outcome = outcomes.none
  hands.isOld = 0
  endStatement(hands)
}

/** A snapshot ends with its statement. */
export function endStatement({ row, guard }: Hands): void {
  row.value = 0
  row.deleted = 0
  guard.value = 0
  guard.deleted = 0
}
