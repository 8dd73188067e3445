// The oracle tells right from wrong: each of its breaches is seen once.
import assert from 'node:assert/strict'
import { test } from 'vitest'
import { ackBreach } from './acks.ts'
import { loadBreaches, statementBreaches, statementCountBreaches } from './bounds.ts'
import { countBreaches, sumOf } from './counts.ts'
import { deadLetterBreaches } from './dead-letters.ts'
import { endingBreaches } from './ending.ts'
import type { AcceptedMessage, RowVersion } from './facts.ts'
import { isNewer } from './order.ts'
import { RowHistory, tableBreaches } from './table.ts'
import { watermarkBreaches } from './watermarks.ts'

const row = (key: string, version: number, content = 'x'): RowVersion => ({
  key,
  version: BigInt(version),
  content,
})
const gone = (key: string, version: number): RowVersion => ({ ...row(key, version, ''), gone: true })
const rowsOf = (...rows: readonly RowVersion[]) => new Map(rows.map((one) => [one.key, one]))
const valid = (id: string, ...rest: Parameters<typeof row>): AcceptedMessage => ({
  id,
  meanings: [{ row: row(...rest) }],
})
const deletion = (id: string, key: string, version: number): AcceptedMessage => ({
  id,
  meanings: [{ row: gone(key, version) }],
})
const refused = (id: string, ...rest: Parameters<typeof row>): AcceptedMessage => ({
  id,
  meanings: [{ row: row(...rest), refused: true }],
})
const invalid: AcceptedMessage = { id: '9', meanings: [{ invalid: 'malformed' }] }

test('newer: the version, then the content as UTF-8 bytes', () => {
  assert.ok(isNewer(row('a', 2, 'a'), row('a', 1, 'z')))
  assert.ok(isNewer(row('a', 1, '\u{1F600}'), row('a', 1, '\u{FF5E}')), 'UTF-16 has it the other way')
  assert.ok(isNewer(row('a', 1, 'ab'), row('a', 1, 'a')))
  assert.ok(!isNewer(row('a', 1, 'a'), row('a', 1, 'ab')))
  assert.ok(!isNewer(row('a', 1), row('a', 1)))
})

test('newer: between equal versions a deletion', () => {
  assert.ok(isNewer(gone('a', 1), row('a', 1, 'z')))
  assert.ok(!isNewer(row('a', 1, 'z'), gone('a', 1)))
  assert.ok(!isNewer(gone('a', 1), gone('a', 1)))
  assert.ok(isNewer(row('a', 2), gone('a', 1)))
  assert.ok(!isNewer(gone('a', 1), row('a', 2)))
})

test('a table: no row of a key whose newest record is a deletion, and one where a row is newer', () => {
  const accepted = [valid('1', 'a', 1), deletion('2', 'a', 1), deletion('3', 'b', 1), valid('4', 'b', 2)]
  assert.deepEqual(tableBreaches(accepted, rowsOf(row('b', 2))), [])
  assert.match(tableBreaches(accepted, rowsOf(row('a', 1), row('b', 2)))[0] ?? '', /deleted by a 1 gone/)
  assert.match(tableBreaches(accepted, rowsOf())[0] ?? '', /lacks b 2/)
  const overRefused = [deletion('1', 'a', 1), refused('2', 'a', 2)]
  assert.deepEqual(tableBreaches(overRefused, rowsOf()), [])
  assert.equal(tableBreaches(overRefused, rowsOf(row('a', 2))).length, 1)
})

test('a table: missing, old and unpublished rows; rejected rows are not missing', () => {
  const accepted = [valid('1', 'a', 1), valid('2', 'a', 2), valid('3', 'b', 1), refused('4', 'c', 1), invalid]
  assert.deepEqual(tableBreaches(accepted, rowsOf(row('a', 2), row('b', 1))), [])
  assert.equal(tableBreaches(accepted, rowsOf(row('a', 1), row('b', 1))).length, 1)
  assert.equal(tableBreaches(accepted, rowsOf(row('a', 2))).length, 1)
  assert.equal(tableBreaches(accepted, rowsOf(row('a', 2), row('b', 1), row('c', 1))).length, 1)
})

test('an ack: its row, a newer one or its dead letter must exist', () => {
  const message = valid('1', 'a', 2)
  const breach = (standing: RowVersion | undefined, hasDeadLetter = false, of = message) =>
    ackBreach(of, { rowOf: (key) => (key === standing?.key ? standing : undefined), hasDeadLetter })
  assert.equal(breach(row('a', 2)), undefined)
  assert.equal(breach(row('a', 3)), undefined)
  assert.equal(breach(undefined, true, refused('1', 'a', 2)), undefined)
  assert.match(breach(undefined, true) ?? '', /without a fact/, 'valid: its dead letter is a mistake')
  assert.match(breach(undefined) ?? '', /without a fact/)
  assert.match(breach(row('a', 1)) ?? '', /without a fact/)
  assert.match(breach(undefined, false, invalid) ?? '', /without a dead letter/)
})

test('an ack of a deletion, and of a row that was deleted: the deletion must be remembered, or a row be newer', () => {
  const breach = (message: AcceptedMessage, known: { row?: RowVersion; deletion?: RowVersion }) =>
    ackBreach(message, { rowOf: () => known.row, deletionOf: () => known.deletion, hasDeadLetter: false })
  const [removes, places] = [deletion('1', 'a', 2), valid('2', 'a', 2)]
  assert.equal(breach(removes, { deletion: gone('a', 2) }), undefined)
  assert.equal(breach(removes, { row: row('a', 3) }), undefined)
  assert.match(breach(removes, {}) ?? '', /without a fact/, 'that there is no row is not enough')
  assert.match(breach(removes, { row: row('a', 2) }) ?? '', /without a fact/)
  assert.match(breach(removes, { deletion: gone('a', 1) }) ?? '', /the deletion a 1 gone is remembered/)
  assert.equal(breach(places, { deletion: gone('a', 2) }), undefined)
  assert.match(breach(places, { row: row('a', 1), deletion: gone('a', 1) }) ?? '', /without a fact/)
})

test('an ack of several records: each of them must have its own fact', () => {
  const meanings = [...valid('1', 'a', 2).meanings, ...valid('1', 'b', 1).meanings, ...invalid.meanings]
  const breach = (rows: ReadonlyMap<string, RowVersion>, hasDeadLetter: boolean) =>
    ackBreach({ id: '1', meanings }, { rowOf: (key) => rows.get(key), hasDeadLetter })
  assert.equal(breach(rowsOf(row('a', 2), row('b', 1)), true), undefined)
  assert.match(breach(rowsOf(row('a', 2), row('b', 1)), false) ?? '', /without a dead letter/)
  assert.match(breach(rowsOf(row('a', 2)), true) ?? '', /b 1 x\) was acked without a fact/)
})

test('the table and the dead letters of messages of several records', () => {
  const several: AcceptedMessage = {
    id: '1',
    meanings: [...valid('1', 'a', 1).meanings, ...refused('1', 'b', 1).meanings, ...invalid.meanings],
  }
  assert.deepEqual(tableBreaches([several], rowsOf(row('a', 1))), [])
  assert.equal(tableBreaches([several], rowsOf(row('a', 1), row('b', 1))).length, 1)
  for (const reason of ['malformed', 'refused-by-database'])
    assert.deepEqual(deadLetterBreaches([several], [{ id: '1', reason }], rowsOf()), [])
  assert.equal(deadLetterBreaches([several], [{ id: '1', reason: 'bad-ip' }], rowsOf()).length, 1)
  assert.equal(deadLetterBreaches([several], [], rowsOf(row('b', 2))).length, 1, 'one is invalid')
})

test('dead letters: none is missed of a refused row that a deletion makes up for', () => {
  const missing = (remembered: RowVersion) =>
    deadLetterBreaches([refused('1', 'a', 2)], [], rowsOf(), rowsOf(remembered)).length
  assert.equal(missing(gone('a', 2)), 0)
  assert.equal(missing(gone('a', 1)), 1)
})

test('dead letters: each with its reason, none missing, none extra, unless a newer row makes up for it', () => {
  const accepted = [valid('1', 'a', 1), refused('2', 'b', 1), invalid]
  const stored = [
    { id: '2', reason: 'refused-by-database' },
    { id: '9', reason: 'malformed' },
  ]
  const none = rowsOf()
  assert.deepEqual(deadLetterBreaches(accepted, stored, none), [])
  assert.equal(deadLetterBreaches(accepted, stored.slice(1), none).length, 1)
  assert.deepEqual(deadLetterBreaches(accepted, stored.slice(1), rowsOf(row('b', 2))), [])
  assert.equal(deadLetterBreaches(accepted, stored.slice(0, 1), none).length, 1)
  for (const wrong of [
    { id: '1', reason: 'malformed' },
    { id: '5', reason: 'malformed' },
    { id: '9', reason: 'malformed' },
  ]) {
    assert.equal(deadLetterBreaches(accepted, [...stored, wrong], none).length, 1, wrong.id)
  }
  const mistaken = [stored[0] ?? invalid, { id: '9', reason: 'bad-ip' }] as typeof stored
  assert.equal(deadLetterBreaches(accepted, mistaken, none).length, 1)
})

test('watermarks above their rows, versions that decrease', () => {
  const standing = rowsOf(row('a', 2))
  const breaches = (watermark: RowVersion) => watermarkBreaches([watermark], (key) => standing.get(key))
  assert.deepEqual(breaches(row('a', 2)), [])
  assert.equal(breaches(row('a', 3)).length, 1)
  assert.equal(breaches(row('b', 1)).length, 1)
  const history = new RowHistory()
  assert.equal(history.placed(row('a', 2)), undefined)
  assert.match(history.placed(row('a', 1)) ?? '', /fell/)
  history.forget()
  assert.equal(history.placed(row('a', 1)), undefined)
})

test('rows that come back or vanish, watermarks above their deletions, deletions that are forgotten', () => {
  const history = new RowHistory()
  assert.equal(history.placed(row('a', 1)), undefined)
  assert.match(history.removed(row('a', 1)) ?? '', /no deletion is remembered/)
  assert.equal(history.placed(gone('a', 2)), undefined)
  assert.equal(history.removed(row('a', 1)), undefined)
  assert.match(history.removed(row('a', 3)) ?? '', /a 2 gone is older/)
  assert.match(history.placed(row('a', 2)) ?? '', /came back after a 2 gone/)
  assert.equal(history.placed(row('a', 4)), undefined)
  assert.equal(history.placed(gone('a', 3)), undefined, 'a late one may be remembered beside a newer row')
  assert.match(history.placed(gone('a', 2)) ?? '', /the deletion a 3 gone fell/)
  assert.match(history.placed(row('a', 3)) ?? '', /fell/)
  history.forget([gone('a', 3)])
  assert.match(history.placed(row('a', 3)) ?? '', /came back/)
  assert.equal(history.placed(row('a', 4)), undefined)

  const breaches = (watermark: RowVersion) =>
    watermarkBreaches(
      [watermark],
      () => undefined,
      () => gone('a', 2),
    )
  assert.deepEqual([...breaches(gone('a', 2)), ...breaches(row('a', 2))], [])
  assert.equal(breaches(gone('a', 3)).length, 1)
})

test('counts that do not add up, of one replica and of all', () => {
  const right = {
    received: 5,
    written: 1,
    coalesced: 1,
    stale: 1,
    duplicate: 0,
    ignored: 0,
    deadLettered: 1,
    nacked: 0,
    outstanding: 1,
  }
  assert.deepEqual(countBreaches('r0', right), [])
  assert.equal(countBreaches('r0', { ...right, nacked: 1 }).length, 1)
  assert.deepEqual(sumOf([right, right]).received, 10)
})

test('limits', () => {
  const bounds = { maxMessages: 2, maxBytes: 100 }
  const breaches = (messages: number, bytes: number) => loadBreaches('r0', { messages, bytes }, bounds).length
  assert.equal(breaches(2, 100), 0)
  assert.equal(breaches(1, 200), 0, 'one message may be larger')
  assert.deepEqual([breaches(3, 1), breaches(2, 101)], [1, 1])
  assert.equal(statementCountBreaches('r0', 1, 1).length, 0)
  assert.equal(statementCountBreaches('r0', 2, 1).length, 1)
  assert.deepEqual(statementBreaches('r0', ['a', 'b'], new Set(), 2), [])
  assert.equal(statementBreaches('r0', ['a', 'a'], new Set(), 2).length, 1)
  assert.equal(statementBreaches('r0', ['a'], new Set(['a']), 2).length, 1)
  assert.equal(statementBreaches('r0', ['a', 'b', 'c'], new Set(), 2).length, 1)
  assert.equal(statementBreaches('r0', [], new Set(), 2).length, 1)
})

test('in the end everything is acked', () => {
  const ending = {
    accepted: [valid('1', 'a', 1)],
    rows: rowsOf(row('a', 1)),
    deadLetters: [],
    ackedIds: new Set(['1']),
    settlingMs: 1000,
  }
  assert.deepEqual(endingBreaches(ending), [])
  assert.equal(endingBreaches({ ...ending, ackedIds: new Set() }).length, 1)
})
