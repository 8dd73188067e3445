import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Evidence } from './verdict.ts'
import { differencesIn } from './verdict.ts'

const right: Evidence = {
  verification: { rows: 2, differences: [] },
  published: 2,
  remaining: { undelivered: 0, unsettled: 0 },
  cutShort: false,
}

test('a demo whose tables are right passes', () => assert.deepEqual(differencesIn(right), []))

for (const [what, change, expected] of [
  ['a difference', { verification: { rows: 1, differences: ['a is missing'] } }, /^a is missing$/],
  [
    'an undelivered message',
    { remaining: { undelivered: 1, unsettled: 0 } },
    /^1 of 2 messages were not delivered in time: does another program pull/,
  ],
  [
    'an unsettled delivery',
    { remaining: { undelivered: 0, unsettled: 1 } },
    /^1 deliveries were not settled/,
  ],
  ['a table that was not read', { verification: undefined }, /^the table was not read$/],
  [
    'an early end, which explains what remains,',
    { cutShort: true, remaining: { undelivered: 1, unsettled: 1 } },
    /it was interrupted/,
  ],
  ['nothing published', { published: 0 }, /nothing is proven/],
] as const) {
  test(`${what} fails it`, () => {
    const [difference, ...more] = differencesIn({ ...right, ...change })
    assert.match(difference ?? '', expected)
    assert.deepEqual(more, [])
  })
}
