import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../support/seed.ts'
import { pack, packedWidth, tidy, unpack } from './packed-state.ts'
import type { Call, Hands, State } from './state.ts'
import { copyState, noState } from './state.ts'

const bits = (max: number) => fc.nat({ max })
const plain = { noNullPrototype: true }
const hands: fc.Arbitrary<Hands> = fc.record(
  {
    pending: bits(7),
    deadLettering: bits(7),
    batch: bits(7),
    phase: bits(4),
    read: bits(3),
  },
  plain,
)
const call: fc.Arbitrary<Call> = fc.record({ operation: bits(4), record: bits(3), token: bits(7) }, plain)
const state: fc.Arbitrary<State> = fc.record(
  {
    row: bits(3),
    dead: bits(7),
    acked: bits(7),
    emptied: bits(1),
    watermark: bits(3),
    claimVersion: bits(3),
    claimToken: bits(7),
    oldWatermark: bits(3),
    oldClaimVersion: bits(3),
    oldClaimToken: bits(7),
    late: fc.tuple(call, call, call),
    hands: fc.tuple(hands, hands),
  },
  plain,
)

const packed = (given: State) => {
  const words = new Uint32Array(packedWidth)
  pack(given, words)
  return words
}

const other = (token: number) => (token === 1 || token === 2 ? 3 - token : token)

describe('a packed state', () => {
  test('is lossless: packing an unpacked state gives the same', () => {
    always(
      fc.property(state, (given) => {
        const words = packed(given)
        const again = noState()
        unpack(words, again)
        assert.deepEqual(packed(again), words)
        const [a, b] = given.hands
        const isSwapped = JSON.stringify(again.hands) !== JSON.stringify([a, b])
        assert.deepEqual([...again.hands], isSwapped ? [b, a] : [a, b])
        assert.equal(again.claimToken, isSwapped ? other(given.claimToken) : given.claimToken)
        assert.deepEqual(
          { ...again, hands: 0, late: 0, claimToken: 0, oldClaimToken: 0 },
          {
            ...given,
            hands: 0,
            late: 0,
            claimToken: 0,
            oldClaimToken: 0,
          },
        )
        const calls = (one: State) => one.late.map((each) => `${each.operation} ${each.record}`).sort()
        assert.deepEqual(calls(again), calls(given))
      }),
    )
  })

  test('is the same when the replicas change places, with their tokens', () => {
    always(
      fc.property(state, (given) => {
        const swapped = noState()
        copyState(given, swapped)
        const [a, b] = given.hands
        fc.pre(JSON.stringify(a) !== JSON.stringify(b))
        Object.assign(swapped.hands[0], b)
        Object.assign(swapped.hands[1], a)
        swapped.claimToken = other(given.claimToken)
        swapped.oldClaimToken = other(given.oldClaimToken)
        for (const each of swapped.late) each.token = other(each.token)
        assert.deepEqual(packed(swapped), packed(given))
      }),
    )
  })
})

test('tokens of ended batches are renamed by position, and stay distinct', () => {
  always(
    fc.property(state, (given) => {
      const tokensOf = (one: State) => [
        one.claimToken,
        one.oldClaimToken,
        ...one.late.map(({ token }) => token),
      ]
      const before = tokensOf(given)
      tidy(given, false)
      const after = tokensOf(given)
      for (const [i, token] of after.entries()) {
        assert.ok(token <= 7)
        if ((before[i] as number) < 3) assert.equal(token, before[i])
        for (const [j, second] of after.entries()) assert.equal(token === second, before[i] === before[j])
      }
    }),
  )
})
