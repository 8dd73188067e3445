import type { Call, Hands, State } from './state.ts'
import { drop, operations } from './state.ts'

export const packedWidth = 3

/** Given to the token of a replica's batch that has just ended, until `tidy` numbers it anew. */
export const endedTokens = [14, 15] as const

/**
 * Numbers the tokens of ended batches anew, in the order in which they are met, so that states which differ in
 * those names only become one.
 *
 * @param isOwnOnly calls release only their own token's claims: then one whose token is nowhere else has no effect (a
 *   `release`), or none through its token (a `confirm`)
 */
export function tidy(state: State, isOwnOnly: boolean): void {
  if (isOwnOnly) for (let i = 0; i < 3; i++) settleToken(state, state.late[i] as Call)
  let next = 3
  let first = -1
  let second = -1
  let third = -1
  let fourth = -1
  const renamed = (token: number): number => {
    if (token < 3) return token
    if (token === first) return 3
    if (token === second) return 4
    if (token === third) return 5
    if (token === fourth) return 6
    if (next === 3) first = token
    else if (next === 4) second = token
    else if (next === 5) third = token
    else if (next === 6) fourth = token
    return next++
  }
  state.claimToken = renamed(state.claimToken)
  state.oldClaimToken = renamed(state.oldClaimToken)
  for (let i = 0; i < 3; i++) {
    const call = state.late[i] as Call
    call.token = renamed(call.token)
  }
}

function settleToken(state: State, call: Call): void {
  if (call.token < 3 || state.claimToken === call.token || state.oldClaimToken === call.token) return
  for (let i = 0; i < 3; i++) {
    const other = state.late[i] as Call
    if (other.operation === operations.begin && other.token === call.token) return
  }
  if (call.operation === operations.release) drop(call)
  else if (call.operation === operations.confirm) call.token = 0
}

/**
 * Three words of 32 bits. The replicas are alike: both take the same steps, nothing names one of them, and the
 * promises do not tell them apart. So a state in which they have changed places leads to the same, changed likewise,
 * and one of the two stands for both: the one where the first replica's hands are the greater number.
 */
export function pack(state: State, into: Uint32Array): void {
  const [first, second] = state.hands
  const a = packHands(first)
  const b = packHands(second)
  const swap = a < b
  into[0] =
    state.row |
    (state.dead << 2) |
    (state.acked << 5) |
    (state.emptied << 8) |
    (state.watermark << 9) |
    (state.claimVersion << 11) |
    (swapped(state.claimToken, swap) << 13) |
    (state.oldWatermark << 16) |
    (state.oldClaimVersion << 18) |
    (swapped(state.oldClaimToken, swap) << 20)
  into[1] = packCalls(state.late, swap)
  into[2] = swap ? b | (a << 14) : a | (b << 14)
}

export function unpack(words: Uint32Array, state: State): void {
  const word = words[0] as number
  state.row = word & 3
  state.dead = (word >>> 2) & 7
  state.acked = (word >>> 5) & 7
  state.emptied = (word >>> 8) & 1
  state.watermark = (word >>> 9) & 3
  state.claimVersion = (word >>> 11) & 3
  state.claimToken = (word >>> 13) & 7
  state.oldWatermark = (word >>> 16) & 3
  state.oldClaimVersion = (word >>> 18) & 3
  state.oldClaimToken = (word >>> 20) & 7
  const calls = words[1] as number
  for (let i = 0; i < 3; i++) {
    const call = state.late[i] as Call
    const bits = calls >>> (8 * i)
    call.operation = bits & 7
    call.record = (bits >>> 3) & 3
    call.token = (bits >>> 5) & 7
  }
  const hands = words[2] as number
  unpackHands(hands & 0x3fff, state.hands[0])
  unpackHands((hands >>> 14) & 0x3fff, state.hands[1])
}

function swapped(token: number, swap: boolean): number {
  return swap && (token === 1 || token === 2) ? 3 - token : token
}

/** Calls under way have no order: they are kept sorted. */
function packCalls([x, y, z]: State['late'], swap: boolean): number {
  let a = packCall(x, swap)
  let b = packCall(y, swap)
  let c = packCall(z, swap)
  if (a < b) [a, b] = [b, a]
  if (b < c) [b, c] = [c, b]
  if (a < b) [a, b] = [b, a]
  return a | (b << 8) | (c << 16)
}

function packCall(call: Call, swap: boolean): number {
  return call.operation | (call.record << 3) | (swapped(call.token, swap) << 5)
}

function packHands(hands: Hands): number {
  return (
    hands.pending | (hands.deadLettering << 3) | (hands.batch << 6) | (hands.phase << 9) | (hands.read << 12)
  )
}

function unpackHands(bits: number, hands: Hands): void {
  hands.pending = bits & 7
  hands.deadLettering = (bits >>> 3) & 7
  hands.batch = (bits >>> 6) & 7
  hands.phase = (bits >>> 9) & 7
  hands.read = (bits >>> 12) & 3
}
