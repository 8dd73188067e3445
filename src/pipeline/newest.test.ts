import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { anyText } from '../../test/support/text.ts'
import type { KeyedRecord } from '#core/keyed-record.ts'
import { repeatedBy } from '#core/identity.ts'
import { compareUtf8, compareVersions, newest } from './newest.ts'

const record = (version: bigint, content: string): KeyedRecord => ({
  key: 'k',
  version,
  content,
  row: undefined,
  bytes: 0,
})

/** Well-formed text whose order differs between UTF-8 and UTF-16 often enough. */
const character = fc.constantFrom(
  '',
  'a',
  'b',
  '\u007f',
  'é',
  '\ud7ff',
  '\ue000',
  '\uffff',
  '😀',
  '\u{10ffff}',
)
const content = fc.oneof(
  fc.array(character, { maxLength: 4 }).map((characters) => characters.join('')),
  anyText,
)
const version = fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }))
const anyRecord = fc.tuple(version, content).map(([version, content]) => record(version, content))

/** The order by another way: versions as fixed-width digits, then the bytes as hexadecimal digits. */
const spelled = ({ version, content }: KeyedRecord) =>
  `${String(version).padStart(19, '0')} ${Buffer.from(content).toString('hex')}`

test('the greater version wins, whatever the contents', () => {
  assert.ok(compareVersions(record(2n, ''), record(1n, 'z')) > 0)
  assert.ok(compareVersions(record(9n, 'z'), record(10n, 'a')) < 0, 'as numbers, not as text')
  assert.ok(compareVersions(record(2n ** 63n - 1n, ''), record(2n ** 63n - 2n, '')) > 0, 'beyond doubles')
})

test('between equal versions the greater UTF-8 bytes win', () => {
  const ascending = [
    '',
    'Z',
    'a',
    'aa',
    'b',
    'ä',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '😀',
    '\u{10ffff}',
  ]
  for (const [i, lesser] of ascending.entries()) {
    assert.equal(compareUtf8(lesser, lesser), 0)
    for (const greater of ascending.slice(i + 1)) {
      assert.ok(compareUtf8(lesser, greater) < 0, `${lesser} < ${greater}`)
      assert.ok(compareUtf8(greater, lesser) > 0, `${greater} > ${lesser}`)
    }
  }
})

test('surrogate pairs sort after U+E000 to U+FFFF, unlike in UTF-16', () => {
  const [pair, after] = ['\u{10000}', '\uffff'] as [string, string]
  assert.ok(pair < after, 'the trap')
  assert.ok(compareUtf8(pair, after) > 0)
})

test('the order is that of (version, UTF-8 bytes)', () => {
  always(
    fc.property(anyRecord, anyRecord, (a, b) => {
      const [x, y] = [spelled(a), spelled(b)]
      assert.equal(Math.sign(compareVersions(a, b)), x < y ? -1 : x > y ? 1 : 0)
    }),
    1000,
  )
})

test('the order is total: antisymmetric, transitive, and 0 for the same record only', () => {
  always(
    fc.property(anyRecord, anyRecord, anyRecord, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)), 0)
      const [x, y, z] = [a, b, c].sort(compareVersions) as [KeyedRecord, KeyedRecord, KeyedRecord]
      assert.ok(compareVersions(x, y) <= 0 && compareVersions(y, z) <= 0 && compareVersions(x, z) <= 0)
      assert.equal(compareVersions(a, b) === 0, a.version === b.version && a.content === b.content)
    }),
    1000,
  )
})

interface Reading {
  readonly at: string
  readonly revision: number
  readonly value: string | null
  readonly gone?: boolean
}

const readings = newest<Reading>({
  name: 'readings',
  columns: [
    { name: 'key', type: 'text', of: () => 'k' },
    { name: 'revision', type: 'integer', of: ({ revision }) => revision },
    { name: 'at', type: 'timestamptz', of: ({ at }) => at },
    { name: 'value', type: 'numeric', of: ({ value }) => value },
  ],
  key: ['key'],
  version: ['revision', 'at'],
  deletes: { when: ({ gone }) => gone ?? false },
})
const reading = (revision: number, micros: number, value: string | null, gone = false) =>
  readings.recordOf(
    { revision, at: `2026-01-01T00:00:00.00000${micros}Z`, value, gone },
    { publishTimeMs: 5 },
  )

test('several columns, compared in order, negative numbers and microseconds included', () => {
  const ascending = [
    reading(-2, 9, '1'),
    reading(-1, 1, '1'),
    reading(-1, 2, '1'),
    reading(0, 0, '1'),
    reading(7, 0, '1'),
  ]
  for (const [i, older] of ascending.entries()) {
    assert.equal(readings.compare(older, older), 0)
    for (const newer of ascending.slice(i + 1)) {
      assert.ok((readings.compare(older, newer) ?? 0) < 0)
      assert.ok((readings.compare(newer, older) ?? 0) > 0)
    }
  }
  // The cache knows no negative versions; what it takes for one has different contents.
  assert.deepEqual(
    ascending.map(({ version }) => version),
    [0n, 0n, 0n, 0n, 7n],
  )
  assert.equal(new Set(ascending.slice(0, 4).map(({ content }) => content)).size, 4)
})

test('of one version only the same record is known; NULL is no text; a deletion is newer than a row', () => {
  assert.equal(readings.compare(reading(1, 1, '1'), reading(1, 1, '1.0')), undefined)
  assert.equal(readings.compare(reading(1, 1, null), reading(1, 1, '')), undefined)
  assert.notEqual(reading(1, 1, null).content, reading(1, 1, '').content)
  assert.ok((readings.compare(reading(1, 1, '1', true), reading(1, 1, '1')) ?? 0) > 0)
  assert.ok((readings.compare(reading(1, 1, '1'), reading(1, 1, '1', true)) ?? 0) < 0)
  assert.equal(
    readings.compare(reading(1, 1, '1', true), reading(1, 1, '2', true)),
    0,
    'whatever else it has',
  )
})

test('what a guard has to know: whether it is a deletion, the version as numbers, when it was published', () => {
  const ranks = [-1n, 1_767_225_600_000_003n]
  assert.deepEqual(reading(-1, 3, null, true).guard, { isGone: true, ranks, publishTimeMs: 5 })
  // Redriven, a message is as old as it was: of its key a newer deletion may be forgotten.
  const row = { revision: -1, at: '2026-01-01T00:00:00.000003Z', value: null, gone: false }
  const age = (attributes: Record<string, string>) =>
    readings.recordOf(row, { publishTimeMs: 5000, attributes }).guard?.publishTimeMs
  assert.equal(age(repeatedBy('7', 2)), 2)
  assert.equal(age(repeatedBy('7', 9000)), 5000, 'not from the future')
  assert.equal(age({ 'ingester-publish-time': 'yesterday' }), 5000)
  assert.equal(age({}), 5000)
})
