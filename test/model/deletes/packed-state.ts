import type { Cell, Hands, State } from './state.ts'

export const packedWidth = 3

/**
 * Three words of 32 bits. The replicas are alike, so of two states in which they have changed places one stands for
 * both: the one where the first replica's hands are the greater number.
 */
export function pack(state: State, into: Uint32Array): void {
  const a = packHands(state.hands[0])
  const b = packHands(state.hands[1])
  const swap = a < b
  into[0] =
    packCell(state.row, swap) |
    (packCell(state.guard, swap) << 11) |
    (state.acked << 22) |
    (state.ignored << 26) |
    (state.horizon << 30)
  into[1] = swap ? b : a
  into[2] = swap ? a : b
}

export function unpack(words: Uint32Array, state: State): void {
  const word = words[0] as number
  unpackCell(word, state.row)
  unpackCell(word >>> 11, state.guard)
  state.acked = (word >>> 22) & 15
  state.ignored = (word >>> 26) & 15
  state.horizon = (word >>> 30) & 1
  unpackHands(words[1] as number, state.hands[0])
  unpackHands(words[2] as number, state.hands[1])
}

function packCell({ value, pending, owner, deleted }: Cell, swap: boolean): number {
  const named = swap && (owner === 1 || owner === 2) ? 3 - owner : owner
  return value | (pending << 4) | (named << 8) | (deleted << 10)
}

function unpackCell(bits: number, cell: Cell): void {
  cell.value = bits & 15
  cell.pending = (bits >>> 4) & 15
  cell.owner = (bits >>> 8) & 3
  cell.deleted = (bits >>> 10) & 1
}

function packHands({ message, at, outcome, isOld, row, guard }: Hands): number {
  return (
    message |
    (at << 3) |
    (outcome << 7) |
    (isOld << 9) |
    (row.value << 10) |
    (row.deleted << 14) |
    (guard.value << 15) |
    (guard.deleted << 19)
  )
}

function unpackHands(bits: number, hands: Hands): void {
  hands.message = bits & 7
  hands.at = (bits >>> 3) & 15
  hands.outcome = (bits >>> 7) & 3
  hands.isOld = (bits >>> 9) & 1
  hands.row.value = (bits >>> 10) & 15
  hands.row.deleted = (bits >>> 14) & 1
  hands.guard.value = (bits >>> 15) & 15
  hands.guard.deleted = (bits >>> 19) & 1
}
