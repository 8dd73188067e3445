/**
 * The state at one moment, in small numbers. Records, messages and sets of them are those of `Story`.
 *
 * The broker keeps no more than what is acked: since a lease can end at any time, a message that is not acked can be
 * delivered to any replica at any time, and acking it twice is acking it once.
 *
 * A token is 1 for the batch of the first replica, 2 for that of the second, and 3 and up for batches that are over;
 * 0 is no token. Only whether two are equal ever matters, so they are numbered anew in each state.
 */
export interface State {
  /** The record in the table. */
  row: number
  /** Messages whose dead letter is stored. */
  dead: number
  acked: number
  /** 1 since the table was emptied. */
  emptied: number
  watermark: number
  claimVersion: number
  claimToken: number
  /** What a lagging replica of Redis holds. */
  oldWatermark: number
  oldClaimVersion: number
  oldClaimToken: number
  readonly late: readonly [Call, Call, Call]
  readonly hands: readonly [Hands, Hands]
}

/** What a replica holds. */
export interface Hands {
  /** Messages waiting in the lane, those that are parked or refused and wait for neighbours among them. */
  pending: number
  /** Messages whose dead letter is to be stored. */
  deadLettering: number
  /** Messages of the batch under way. */
  batch: number
  phase: number
  /** What stood in the cache when this batch began, in designs that remember it. */
  read: number
}

/** Where a batch stands. */
export const phases = {
  none: 0,
  /** Failed; to begin again, with the same token. */
  failed: 1,
  /** To be written. */
  due: 2,
  /** The commit was seen. To be confirmed and acked. */
  committed: 3,
  /** The cache said so. To be acked. */
  stale: 4,
} as const

/** A call that was sent, and has not been carried out. */
export interface Call {
  operation: number
  record: number
  token: number
}

export const operations = { none: 0, begin: 1, confirm: 2, release: 3, write: 4 } as const

export function noState(): State {
  const hands = (): Hands => ({ pending: 0, deadLettering: 0, batch: 0, phase: 0, read: 0 })
  const call = (): Call => ({ operation: 0, record: 0, token: 0 })
  return {
    row: 0,
    dead: 0,
    acked: 0,
    emptied: 0,
    watermark: 0,
    claimVersion: 0,
    claimToken: 0,
    oldWatermark: 0,
    oldClaimVersion: 0,
    oldClaimToken: 0,
    late: [call(), call(), call()],
    hands: [hands(), hands()],
  }
}

export function copyState(from: State, to: State): void {
  to.row = from.row
  to.dead = from.dead
  to.acked = from.acked
  to.emptied = from.emptied
  to.watermark = from.watermark
  to.claimVersion = from.claimVersion
  to.claimToken = from.claimToken
  to.oldWatermark = from.oldWatermark
  to.oldClaimVersion = from.oldClaimVersion
  to.oldClaimToken = from.oldClaimToken
  for (let i = 0; i < 3; i++) copyCall(from.late[i] as Call, to.late[i] as Call)
  copyHands(from.hands[0], to.hands[0])
  copyHands(from.hands[1], to.hands[1])
}

function copyCall(from: Call, to: Call): void {
  to.operation = from.operation
  to.record = from.record
  to.token = from.token
}

function copyHands(from: Hands, to: Hands): void {
  to.pending = from.pending
  to.deadLettering = from.deadLettering
  to.batch = from.batch
  to.phase = from.phase
  to.read = from.read
}

/** Nothing in flight, as after a crash. */
export function empty(hands: Hands): void {
  hands.pending = 0
  hands.deadLettering = 0
  endBatch(hands)
}

export function endBatch(hands: Hands): void {
  hands.batch = 0
  hands.phase = phases.none
  hands.read = 0
}

/** Forgets a call. */
export function drop(call: Call): void {
  call.operation = operations.none
  call.record = 0
  call.token = 0
}
