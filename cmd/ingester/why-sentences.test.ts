import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { Answer, WatermarkFound, RecordStatus } from '#dead-letters/record-status.ts'
import { sentences } from './why-sentences.ts'

const nowMs = Date.UTC(2026, 10, 21, 10, 0, 3)
const version = { version: '1795255200', time: '2026-11-21T10:00:00.000Z' }
const none = { count: 0, searched: 0, all: true, letters: [] }
const row = { values: {}, record: { ...version, content: 'hello world' } }

const plain: RecordStatus = {
  pipeline: 'scans',
  key: { ip: '1.1.1.7', port: 443, service: 'HTTP' },
  verdict: 'unknown',
  row: null,
  watermark: { state: 'none' },
  claim: null,
  deadLetters: none,
}

const inspector = { content: 'response', versionTime: { word: 'seen', msOf: Number } }
const said = (given: Partial<RecordStatus>, more: Partial<Answer> = {}) =>
  sentences({ status: { ...plain, ...given }, subject: 'HTTP on 1.1.1.7:443', inspector, nowMs, ...more })

/** What stands behind a label. */
const line = (label: string, given: Partial<RecordStatus>, more?: Partial<Answer>) =>
  said(given, more)
    .find((one) => one.startsWith(`  ${label} `))
    ?.slice(16)

const deadLetter = {
  id: '12',
  messageId: 'm',
  publishedAt: '2026-11-21T09:00:00.000Z',
  lastSeenAt: '2026-11-21T09:59:03.000Z',
  timesSeen: 1,
  reason: 'bad-timestamp',
  detail: '"timestamp" is missing',
  status: 'new',
  match: 'key',
  accepted: false,
} as const

test('all of it, for a stored record', () => {
  assert.deepEqual(said({ verdict: 'stored', row, watermark: { state: 'same', ...version } }), [
    'HTTP on 1.1.1.7:443: stored',
    '',
    "  row           stored: HTTP on 1.1.1.7:443, seen 2026-11-21 10:00:00 UTC (3 s ago), response 'hello world' (11 bytes)",
    '  watermark     matches the row',
    '  claim         none',
    '  dead letters  none',
  ])
})

test('a deletion: when, of which version, and that the watermark is that of it', () => {
  const deletion = { ...version, deletedAt: '2026-11-21T10:00:01.000Z' }
  const given = { verdict: 'deleted', deletion, watermark: { state: 'same', ...version } } as const
  assert.match(said(given)[0] ?? '', /: deleted$/)
  assert.equal(line('row', given), 'not stored')
  assert.equal(
    line('deletion', given),
    '2026-11-21 10:00:01 UTC (2 s ago), seen 2026-11-21 10:00:00 UTC (3 s ago); older messages count as stale',
  )
  assert.equal(line('watermark', given), 'matches the deletion')
  assert.equal(line('deletion', { deletion: null }), undefined)
})

describe('the verdict comes first', () => {
  const one = { ...none, count: 1, letters: [deadLetter] }
  const cases: readonly (readonly [Partial<RecordStatus>, RegExp])[] = [
    [{ verdict: 'stored', row, deadLetters: one }, /: stored; it also has 1 dead letter$/],
    [{ verdict: 'being-written' }, /: not stored yet, but it is being written$/],
    [{ verdict: 'being-written', row }, /: stored, and a newer version is being written$/],
    [
      { verdict: 'cache-ahead' },
      /: not stored, and the cache treats its messages as stale; `bin\/ingester cache bump` invalidates the cached watermarks$/,
    ],
    [
      { verdict: 'cache-ahead', row },
      /: stored, but not in its newest version, and the cache treats its messages as stale; /,
    ],
    [{ verdict: 'dead-lettered', deadLetters: one }, /: not stored: its message is a dead letter$/],
    [
      { verdict: 'dead-lettered', deadLetters: { ...one, count: 2 } },
      /: not stored: 2 messages of it are dead letters$/,
    ],
    [
      { verdict: 'unknown' },
      /: not stored, and nothing is known about it. If it was published, it is waiting in the/,
    ],
  ]
  for (const [given, sentence] of cases)
    test(String(sentence), () => assert.match(said(given)[0] ?? '', sentence))
})

test('no row, or one that was changed by hand', () => {
  assert.equal(line('row', {}), 'not stored')
  assert.match(line('row', { row: { values: {}, record: null } }) ?? '', /no message could produce/)
})

describe('the watermark', () => {
  const at = 'seen 2026-11-21 10:00:00 UTC \\(3 s ago\\)'
  const cases: readonly (readonly [WatermarkFound, Partial<RecordStatus>, string])[] = [
    [
      { state: 'newer', ...version },
      { row },
      `a newer version than the row: ${at}.*\`bin/ingester cache bump\``,
    ],
    [{ state: 'newer', ...version }, {}, `a version, but there is no row: ${at}`],
    [{ state: 'older', ...version }, { row }, `an older version than the row: ${at}. Harmless`],
    [{ state: 'other', ...version }, { row }, `different content for this version: ${at}. Harmless`],
    [{ state: 'none' }, { row }, '^none: the cache has no watermark for it$'],
    [{ state: 'strange' }, {}, 'unrecognized value'],
    [{ state: 'off' }, {}, 'no cache \\(INGESTER_REDIS_ENABLED=false\\)'],
    [{ state: 'unknown', why: 'Redis at a:1: gone' }, {}, '^not known: Redis at a:1: gone$'],
  ]
  for (const [watermark, given, sentence] of cases) {
    test(sentence, () => assert.match(line('watermark', { ...given, watermark }) ?? '', new RegExp(sentence)))
  }
})

test('commands in sentences use the env file that was read', () => {
  const watermark = { state: 'newer' as const, ...version }
  const deadLetters = { ...plain.deadLetters, count: 1, letters: [deadLetter] }
  const given = { status: { ...plain, verdict: 'cache-ahead' as const, watermark, deadLetters } }
  const told = sentences({ ...given, subject: 's', inspector, nowMs, envFile: '.env.local' }).join('\n')
  assert.equal(told.split('`bin/ingester cache bump --env-file .env.local`').length, 3)
  assert.match(told, /bin\/ingester dead-letters show 12 --env-file \.env\.local$/m)
})

test('and the pipeline that was given', () => {
  const deadLetters = { ...plain.deadLetters, count: 1, letters: [deadLetter] }
  const given = { status: { ...plain, verdict: 'cache-ahead' as const, deadLetters } }
  const answer = { ...given, subject: 's', inspector, nowMs, envFile: '.env', pipeline: 'my orders.yaml' }
  const told = sentences(answer).join('\n')
  assert.match(told, /bin\/ingester dead-letters show 12 --pipeline 'my orders\.yaml' --env-file \.env$/m)
  assert.match(told, /`bin\/ingester cache bump --pipeline 'my orders\.yaml' --env-file \.env`/)
})

test('a claim, with its expiry; or that claims could not be read', () => {
  const claim = { ...version, claimedAt: '2026-11-21T09:59:57.000Z', endsInMs: 4000 }
  assert.equal(
    line('claim', { claim }),
    'being written by a batch since 2026-11-21 09:59:57 UTC (6 s ago): seen 2026-11-21 10:00:00 UTC (3 s ago); its claim ends in 4 s',
  )
  assert.match(line('claim', { claim: { ...claim, endsInMs: 3 } }) ?? '', /ends in 1 s$/)
  assert.equal(line('claim', { watermark: { state: 'unknown', why: 'x' } }), 'not known')
})

test('dead letters: how many, the newest of them, and what can be done', () => {
  const letters = [
    { ...deadLetter, timesSeen: 3, match: 'text' as const },
    { ...deadLetter, id: '11', accepted: true, status: 'redriven' },
    ...[10, 9, 8, 7].map((id) => ({ ...deadLetter, id: String(id) })),
  ]
  const lines = said({ deadLetters: { count: 107, searched: 100_000, all: false, letters } }).slice(5)
  assert.deepEqual(
    lines.map((one) => one.slice(16)),
    [
      '107 among the newest 100,000; older ones were not searched, newest first; one in full: bin/ingester dead-letters show 12',
      '12  2026-11-21 09:59:03 UTC (1 min ago, 3 times)  bad-timestamp: "timestamp" is missing; its payload is unreadable but mentions this key',
      '11  2026-11-21 09:59:03 UTC (1 min ago)  bad-timestamp: "timestamp" is missing; the pipeline accepts it today: redrive it when the cause is fixed; status redriven',
      ...[10, 9, 8].map(
        (id) => `${id}  2026-11-21 09:59:03 UTC (1 min ago)  bad-timestamp: "timestamp" is missing`,
      ),
      '… and 102 more',
    ],
  )
  assert.deepEqual(
    lines.map((one) => one.slice(0, 16).trim()),
    ['dead letters', '', '', '', '', '', ''],
  )
})

test('versions that are not times are shown as numbers', () => {
  const record = { version: '17', time: null, content: 'x' }
  assert.equal(
    line(
      'row',
      { row: { values: {}, record } },
      { inspector: { content: 'content' }, subject: 'the word a' },
    ),
    "stored: the word a, version 17, content 'x' (1 byte)",
  )
})

test('untrusted text cannot control the terminal', () => {
  const evil = '\u001b]0;evil\u0007\n'
  const lines = said(
    {
      row: { values: {}, record: { ...version, content: evil } },
      watermark: { state: 'unknown', why: evil },
      deadLetters: {
        ...none,
        count: 1,
        letters: [{ ...deadLetter, reason: evil, detail: evil, status: evil }],
      },
    },
    { subject: evil },
  )
  for (const one of lines) assert.doesNotMatch(one, /\p{Cc}/u)
})
