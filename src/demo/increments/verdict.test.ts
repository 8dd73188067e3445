import assert from 'node:assert/strict'
import { test } from 'vitest'
import { valueOf } from './planned-requests.ts'
import type { Outcome } from './request-ledger.ts'
import { RequestLedger } from './request-ledger.ts'
import { brokenPromises, uncounted } from './verdict.ts'

const key = '5f0c3b1e-8a52-4c1d-9b3e-2f6d1a7c4e90'
const other = '0e4c2f6a-30ad-4c8e-b0a7-5d5a7a1c9f11'

const request = (digit: number, of = key) => ({
  key: of,
  digit,
  body: '',
  idempotencyKey: undefined,
  isMalformed: false,
})

/** One request for each outcome, in this order of digits. */
const records = (...outcomes: readonly Outcome[]) =>
  outcomes.map((outcome, digit) => ({ request: request(digit), outcome }))

/** How often each of them is in the sum. */
const sum = (...times: readonly number[]) =>
  new Map([[key, times.reduce((total, count, digit) => total + BigInt(count) * valueOf(digit), 0n)]])

test('kept: confirmed once, unknown once or not at all, refused never', () => {
  const all = records('confirmed', 'unknown', 'unknown', 'refused')
  assert.deepEqual(brokenPromises(all, sum(1, 0, 1, 0)), [])
  assert.deepEqual(brokenPromises(records('refused', 'unknown'), new Map()), [], 'a key without a row')
})

for (const [what, outcome, times, expected] of [
  ['a confirmed request that is lost', 'confirmed', 0, 'was confirmed, and does not count'],
  ['a confirmed request that counts twice', 'confirmed', 2, 'was confirmed, and counts 2 times'],
  ['an unknown request that counts twice', 'unknown', 2, 'may have arrived, and counts 2 times'],
  ['a refused request that counts', 'refused', 1, 'was refused, and counts once'],
  ['a request that counts 15 times', 'unknown', 15, 'may have arrived, and counts 15 times'],
] as const) {
  test(`broken: ${what}`, () => {
    const all = [...records('confirmed', 'unknown', 'refused'), { request: request(3), outcome }]
    assert.deepEqual(brokenPromises(all, sum(1, 1, 0, times)), [`request 3 of ${key} ${expected}`])
  })
}

test('one too few and one too many are seen, though their totals are right', () => {
  const twice: [string, bigint][] = [[other, valueOf(0) * 2n]]
  const all = [...records('confirmed'), { request: request(0, other), outcome: 'confirmed' as const }]
  assert.equal(brokenPromises(all, new Map(twice)).length, 2)
  assert.equal(brokenPromises(records('confirmed', 'confirmed'), sum(0, 2)).length, 2)
})

test('a key without its row, a sum of nobody, a request that was never made', () => {
  assert.deepEqual(brokenPromises(records('confirmed'), new Map()), [
    `request 0 of ${key} was confirmed, and does not count`,
  ])
  assert.deepEqual(brokenPromises([], new Map([[other, 3n]])), [
    `the sum 3 has request 0 of ${other}, which was never made`,
  ])
  assert.deepEqual(brokenPromises(records('confirmed'), sum(1, 1)), [
    `the sum 17 has request 1 of ${key}, which was never made`,
  ])
  const large = 2n ** 60n + 1n
  assert.deepEqual(brokenPromises(records('confirmed'), new Map([[key, large]])), [
    `the sum ${large} has more than the requests of ${key}`,
  ])
})

test('what is known of a request: the strongest of what was answered, and an open attempt may arrive', () => {
  const ledger = new RequestLedger()
  const outcomeAfter = (...answers: readonly (Outcome | 'open')[]) => {
    const record = ledger.add(request(0))
    for (const answer of answers) {
      record.begin()
      if (answer !== 'open') record.end(answer)
    }
    return record.outcome
  }
  assert.equal(outcomeAfter('refused'), 'refused')
  assert.equal(outcomeAfter('refused', 'confirmed'), 'confirmed')
  assert.equal(outcomeAfter('unknown', 'confirmed'), 'confirmed')
  assert.equal(outcomeAfter('confirmed', 'unknown'), 'confirmed', 'asked once more')
  assert.equal(outcomeAfter('unknown', 'refused'), 'unknown', 'the first attempt may have arrived')
  assert.equal(outcomeAfter('refused', 'open'), 'unknown')
  assert.deepEqual(ledger.counts(), { requests: 6, attempts: 11, confirmed: 3, unknown: 2, refused: 1 })
  assert.equal(ledger.keys, 1)
})

test('how many of those that are confirmed are still to be counted', () => {
  const all = records('confirmed', 'unknown', 'confirmed', 'refused')
  assert.equal(uncounted(all, new Map()), 2)
  assert.equal(uncounted(all, sum(1)), 1)
  assert.equal(uncounted(all, sum(1, 0, 2)), 0)
})
