import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Model, StepKind } from './explore.ts'
import { explore } from './explore.ts'
import { StateTable } from './state-table.ts'

interface Numbered {
  n: number
}

/** Numbers, and the numbers that follow each. */
function graph(
  follows: (n: number) => readonly [n: number, kind: StepKind][],
  changes: Partial<Model<Numbered>> = {},
): Model<Numbered> {
  return {
    width: 1,
    initial: () => ({ n: 0 }),
    copy: (from, to) => void (to.n = from.n),
    pack: ({ n }, into) => void (into[0] = n),
    unpack: ([n = 0], into) => void (into.n = n),
    steps: ({ n }, take) => {
      for (const [next, kind] of follows(n)) take({ n: next }, kind, () => `${n} to ${next}`)
    },
    brokenBy: () => undefined,
    brokenByStep: () => undefined,
    isSettled: () => true,
    show: ({ n }) => `at ${n}`,
    ...changes,
  }
}

const doubleOrAdd = (n: number): [number, StepKind][] => [
  [(n * 2) % 100, 'progress'],
  [(n + 1) % 100, 'progress'],
]

describe('the search', () => {
  test('visits every state once, and reports the greatest depth', () => {
    const { complete, states, transitions, depth } = explore(graph(doubleOrAdd))
    assert.deepEqual(
      { complete, states, transitions, depth },
      { complete: true, states: 100, transitions: 200, depth: 11 },
    )
  })

  test('reports a shortest path to a violation', () => {
    const { complete, violation } = explore(
      graph(doubleOrAdd, { brokenBy: ({ n }) => (n === 12 ? 'a dozen' : undefined) }),
    )
    assert.equal(complete, false)
    assert.equal(violation?.what, 'a dozen')
    assert.deepEqual(
      violation.trace.map(({ what }) => what),
      ['0 to 1', '1 to 2', '2 to 3', '3 to 6', '6 to 12'],
    )
    assert.equal(violation.trace.at(-1)?.after, 'at 12')
  })

  test('reports a violating step, even if it leads to a known state', () => {
    const { violation } = explore(
      graph(doubleOrAdd, { brokenByStep: ({ n }, after) => (after.n < n ? 'less' : undefined) }),
    )
    assert.equal(violation?.what, 'less')
    // By doubling 64, seven steps away.
    assert.equal(violation.trace.length, 8)
  })

  test('finds deadlocks: a fault is no way out', () => {
    const deadEnd = (n: number): [number, StepKind][] => [
      [n === 3 ? 0 : n + 1, n === 3 ? 'fault' : 'progress'],
    ]
    const { violation } = explore(graph(deadEnd, { isSettled: () => false }))
    assert.equal(violation?.what, 'nothing goes on')
    assert.equal(violation.trace.length, 3)
  })

  test('reports that it has not finished', () => {
    assert.equal(
      explore(
        graph((n) => [[n + 1, 'progress']]),
        1000,
      ).complete,
      false,
    )
  })
})

test('the table of states keeps its contents while it grows', () => {
  const table = new StateTable(2)
  const words = new Uint32Array(2)
  const count = 100_000
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < count; i++) {
      words.set([i % 7, Math.floor(i / 7)])
      assert.equal(table.add(words, i - 1), round === 0)
    }
  }
  assert.equal(table.size, count)
  table.read(70_001, words)
  assert.deepEqual([...words], [70_001 % 7, Math.floor(70_001 / 7)])
  assert.deepEqual(table.pathTo(3), [0, 1, 2, 3])
})
