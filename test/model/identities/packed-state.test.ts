import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../support/seed.ts'
import { pack, packedWidth, unpack } from './packed-state.ts'
import { limits } from './scenario.ts'
import type { Hands, IdentityRow, State } from './state.ts'
import { copyState, noState } from './state.ts'

const bits = (max: number) => fc.nat({ max })
const plain = { noNullPrototype: true }
const list = <T>(one: fc.Arbitrary<T>, length: number) =>
  fc.array(one, { minLength: length, maxLength: length })
const row: fc.Arbitrary<IdentityRow> = fc.record({ content: bits(6), owner: bits(3), since: bits(7) }, plain)
const hands: fc.Arbitrary<Hands> = fc.record({ at: bits(7), places: list(bits(7), limits.records) }, plain)
const state: fc.Arbitrary<State> = fc.record(
  {
    day: bits(7),
    floor: bits(7),
    raised: bits(1),
    rows: list(row, limits.identities),
    effects: list(bits(3), limits.contents),
    overcounted: bits(3),
    orphan: bits(64),
    acked: bits(255),
    refused: bits(255),
    tooOld: bits(255),
    reused: bits(255),
    redriven: bits(15),
    redrivenOn: list(bits(7), limits.messages / 2),
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
  for (const one of other.rows) if (one.owner === 1 || one.owner === 2) one.owner = 3 - one.owner
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

  test('is the same when the replicas change places, with their transactions', () => {
    always(
      fc.property(state, (given) => {
        const [a, b] = given.hands
        fc.pre(JSON.stringify(a) !== JSON.stringify(b))
        assert.deepEqual(packed(swapped(given)), packed(given))
      }),
    )
  })
})
