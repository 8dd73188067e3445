import type { Hands, IdentityRow, State } from './state.ts'

export const packedWidth = 7

/**
 * Seven words of 32 bits. The replicas are alike, so of two states in which they have changed places one stands for
 * both: the one where the first replica's hands are the greater number.
 */
export function pack(state: State, into: Uint32Array): void {
  const a = packHands(state.hands[0])
  const b = packHands(state.hands[1])
  const swap = a < b
  into[0] =
    state.day |
    (state.floor << 3) |
    (state.raised << 6) |
    (state.overcounted << 7) |
    (state.orphan << 9) |
    (packNumbers(state.effects, 2) << 16)
  into[1] = state.acked | (state.refused << 8) | (state.tooOld << 16) | (state.reused << 24)
  into[2] = state.redriven | (packNumbers(state.redrivenOn, 3) << 4)
  into[3] = packRows(state.rows, 0, swap)
  into[4] = packRows(state.rows, 3, swap)
  into[5] = swap ? b : a
  into[6] = swap ? a : b
}

export function unpack(words: Uint32Array, state: State): void {
  const [world = 0, messages = 0, redriven = 0, rows = 0, moreRows = 0, a = 0, b = 0] = words
  state.day = world & 7
  state.floor = (world >>> 3) & 7
  state.raised = (world >>> 6) & 1
  state.overcounted = (world >>> 7) & 3
  state.orphan = (world >>> 9) & 127
  unpackNumbers(world >>> 16, 2, state.effects)
  state.acked = messages & 255
  state.refused = (messages >>> 8) & 255
  state.tooOld = (messages >>> 16) & 255
  state.reused = (messages >>> 24) & 255
  state.redriven = redriven & 15
  unpackNumbers(redriven >>> 4, 3, state.redrivenOn)
  unpackRows(rows, state.rows, 0)
  unpackRows(moreRows, state.rows, 3)
  unpackHands(a, state.hands[0])
  unpackHands(b, state.hands[1])
}

function packRows(rows: readonly IdentityRow[], from: number, swap: boolean): number {
  let bits = 0
  for (let i = 0; i < 3; i++) {
    const { content, owner, since } = rows[from + i] as IdentityRow
    const named = swap && (owner === 1 || owner === 2) ? 3 - owner : owner
    bits |= (content | (named << 3) | (since << 5)) << (8 * i)
  }
  return bits
}

function unpackRows(bits: number, rows: readonly IdentityRow[], from: number): void {
  for (let i = 0; i < 3; i++) {
    const row = rows[from + i] as IdentityRow
    row.content = (bits >>> (8 * i)) & 7
    row.owner = (bits >>> (8 * i + 3)) & 3
    row.since = (bits >>> (8 * i + 5)) & 7
  }
}

function packHands({ at, places }: Hands): number {
  return at | (packNumbers(places, 3) << 3)
}

function unpackHands(bits: number, hands: Hands): void {
  hands.at = bits & 7
  unpackNumbers(bits >>> 3, 3, hands.places)
}

function packNumbers(numbers: readonly number[], width: number): number {
  let bits = 0
  for (let i = 0; i < numbers.length; i++) bits |= (numbers[i] as number) << (width * i)
  return bits
}

function unpackNumbers(bits: number, width: number, into: number[]): void {
  const mask = (1 << width) - 1
  for (let i = 0; i < into.length; i++) into[i] = (bits >>> (width * i)) & mask
}
