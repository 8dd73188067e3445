// The oracle of records that count once tells right from wrong: each of its breaches is seen once.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { CountedMessage, Effect } from './counted.ts'
import { CountHistory } from './counted.ts'
import type { Meaning } from './facts.ts'

const hourMs = 3_600_000
const horizons = { shortestMs: 24 * hourMs, longestMs: 24 * hourMs }
const effect = (content: string, key = 'a'): Effect => ({ key, content })
const row = (content: string, refused = false): Meaning => ({
  row: { ...effect(content), version: 0n },
  ...(refused ? { refused } : {}),
})

function open(...messages: readonly (Partial<CountedMessage> & { readonly id: string })[]) {
  const history = new CountHistory(horizons, true)
  for (const message of messages)
    history.accepted({
      identity: message.id,
      publishedMs: 0,
      meanings: [row(message.id)],
      data: '',
      ...message,
    })
  const count = (content: string, atMs = 0, by = 'r0') => history.counted([effect(content)], by, atMs)
  const ack = (id: string, deadLetterIds: readonly string[] = [], atMs = 0) =>
    history.ackBreaches(id, [{ counted: history.snapshot(), deadLetterIds: new Set(deadLetterIds) }], atMs)
  return { history, count, ack }
}

test('an identity counts once, with what was published, and in time', () => {
  const { count } = open({ id: '1' }, { id: '2', identity: '1' }, { id: '3' }, { id: '4' })
  assert.deepEqual(count('1'), [])
  assert.match(String(count('1')), /and again/)
  assert.match(String(count('2')), /and again/, 'with the values of another message of its identity')
  assert.match(String(count('5')), /never published/)
  assert.deepEqual(count('3', 24 * hourMs), [])
  assert.match(String(count('4', 25 * hourMs)), /it is forgotten/)
})

test('an ack needs what has counted, or a reason for a dead letter that is there', () => {
  const { count, ack } = open(
    { id: '1', meanings: [row('1'), { invalid: 'malformed' }] },
    { id: '2', meanings: [row('2', true)] },
    { id: '3', identity: '1' },
    { id: '4' },
  )
  assert.match(String(ack('1', ['1'])), /for another/)
  count('1')
  assert.match(String(ack('1')), /not counted/, 'the second record')
  assert.deepEqual(ack('1', ['1']), [])
  assert.deepEqual([ack('2').length, ack('2', ['2']).length], [1, 0])
  assert.deepEqual(
    [ack('3').length, ack('3', ['3']).length],
    [1, 0],
    'its identity has counted with other values',
  )
  assert.deepEqual([ack('4', ['4']).length, ack('4', ['4'], 25 * hourMs).length], [1, 0])
  assert.equal(ack('9').length, 1)
})

test('a dead letter has a reason that is one, and the text of its message', () => {
  const most = String(2n ** 63n - 1n)
  const { history, count } = open({ id: '1', data: 'x' }, { id: '2', meanings: [row(most)] })
  const breaches = (id: string, reason: string, data: string, atMs = 0) =>
    history.deadLettered({ id, reason, data }, atMs).length
  assert.equal(breaches('1', 'too-old', 'x'), 1)
  assert.equal(breaches('1', 'too-old', 'x', 25 * hourMs), 0)
  assert.equal(breaches('1', 'identity-reused', 'x'), 1)
  assert.equal(breaches('1', 'too-old', 'y', 25 * hourMs), 1)
  assert.equal(breaches('2', 'refused-by-database', ''), 1)
  count('1')
  assert.equal(breaches('2', 'refused-by-database', ''), 0, 'it has no room beside the other')
  assert.equal(breaches('9', 'malformed', ''), 1)
})

test('a process counts as written what its own commits have entered, once', () => {
  const { history, count } = open({ id: '1' }, { id: '2' })
  count('1')
  assert.equal(history.answered('r1', [effect('1')], []).length, 1, 'another one has')
  assert.equal(history.answered('r0', [effect('1')], []).length, 0)
  assert.equal(history.answered('r0', [effect('1')], []).length, 1)
  assert.equal(history.answered('r0', [], [effect('1')]).length, 0)
  assert.equal(history.answered('r0', [], [effect('2')]).length, 1, 'nothing was there before')
  assert.deepEqual([history.claimsOf('r0'), history.claimsOf('r1')], [1, 0])
})

test('the table has what has counted, also after commits were lost', () => {
  const { history, count } = open({ id: '1' }, { id: '2' })
  count('1')
  count('2')
  assert.equal(history.tableBreaches([effect('3')]).length, 0)
  assert.equal(history.tableBreaches([effect('1'), effect('2')]).length, 1)
  history.lost([effect('1')])
  assert.equal(history.tableBreaches([effect('1')]).length, 0)
  assert.deepEqual(count('2'), [])
})
