import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../support/seed.ts'
import { pack, packedWidth, unpack } from './packed-state.ts'
import type { Cell, Hands, Seen, State } from './state.ts'
import { copyState, noState } from './state.ts'

const bits = (max: number) => fc.nat({ max })
const plain = { noNullPrototype: true }
const cell: fc.Arbitrary<Cell> = fc.record(
  { value: bits(9), pending: bits(9), owner: bits(3), deleted: bits(1) },
  plain,
)
const seen: fc.Arbitrary<Seen> = fc.record({ value: bits(9), deleted: bits(1) }, plain)
const hands: fc.Arbitrary<Hands> = fc.record(
  { message: bits(4), at: bits(15), outcome: bits(2), isOld: bits(1), row: seen, guard: seen },
  plain,
)
const state: fc.Arbitrary<State> = fc.record(
  {
    row: cell,
    guard: cell,
    acked: bits(15),
    ignored: bits(15),
    horizon: bits(1),
    hands: fc.tuple(hands, hands),
  },
  plain,
)

const packed = (given: State) => {
  const words = new Uint32Array(packedWidth)
  pack(given, words)
  return words
}

/** The replicas have changed places. */
const swapped = (given: State) => {
  const other = noState()
  const [a, b] = given.hands
  copyState({ ...given, hands: [b, a] }, other)
  for (const one of [other.row, other.guard])
    if (one.owner === 1 || one.owner === 2) one.owner = 3 - one.owner
  return other
}

describe('a packed state', () => {
  test('is lossless, but for which replica is which', () => {
    always(
      fc.property(state, (given) => {
        const again = noState()
        unpack(packed(given), again)
        const isSwapped = JSON.stringify(again) !== JSON.stringify(given)
        assert.deepEqual(again, isSwapped ? swapped(given) : given)
        assert.deepEqual(packed(again), packed(given))
      }),
    )
  })

  test('is the same when the replicas change places, with their locks', () => {
    always(
      fc.property(state, (given) => {
        const [a, b] = given.hands
        fc.pre(JSON.stringify(a) !== JSON.stringify(b))
        assert.deepEqual(packed(swapped(given)), packed(given))
      }),
    )
  })
})
