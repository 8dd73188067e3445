import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { MessageStatus, SumStatus } from '#dead-letters/counted-status.ts'
import { countedSentences } from './counted-sentences.ts'

const nowMs = Date.UTC(2026, 10, 21, 10, 0, 3)
const none = { count: 0, searched: 0, all: true, letters: [] }
const plain: SumStatus = {
  pipeline: 'sums',
  key: { key: 'a' },
  verdict: 'stored',
  row: { values: { key: 'a', value: '7' } },
  counted: {
    records: 2,
    lastPublishedAt: '2026-11-21T10:00:00.000Z',
    requests: 1,
    lastRequestAt: '2026-11-21T09:00:03.000Z',
    since: '2026-11-12T00:00:00.000Z',
  },
  deadLetters: none,
}
const said = (status: SumStatus | MessageStatus) => countedSentences({ status, subject: 'sums key=a', nowMs })

test('all of it, for a key', () => {
  assert.deepEqual(said(plain), [
    'sums key=a: stored',
    '',
    '  row           value 7',
    '  counted       2 records of messages, the newest published 2026-11-21 10:00:00 UTC (3 s ago); 1 record of requests (Idempotency-Key), the newest first used 2026-11-21 09:00:03 UTC (1 h ago); what was published before 2026-11-12 is forgotten',
    '  cache         not used: each record counts, and none is stale',
    '  unsettled     not known here: see ingester_messages_outstanding and ingester_oldest_outstanding_seconds at /metrics',
    '  dead letters  none',
  ])
})

test('what cannot be counted, and what is not there', () => {
  assert.match(said({ ...plain, counted: null })[3] ?? '', /not counted: too many to look through$/)
  const nothing = { records: 0, lastPublishedAt: null, requests: 0, lastRequestAt: null, since: null }
  const lines = said({ ...plain, verdict: 'unknown', row: null, counted: nothing })
  assert.match(lines[0] ?? '', /nothing is known about it. If it was published, it is waiting/)
  assert.deepEqual(lines.slice(2, 4), ['  row           not stored', '  counted       no record'])
  const dead = said({ ...plain, verdict: 'dead-lettered', row: null, deadLetters: { ...none, count: 2 } })
  assert.match(dead[0] ?? '', /not stored: 2 messages of it are dead letters$/)
})

const message: MessageStatus = {
  pipeline: 'log',
  message: '12',
  verdict: 'stored',
  records: [
    { index: 0, at: '2026-11-21T10:00:00.000Z' },
    { index: 2, at: '2026-11-21T10:00:00.000Z' },
  ],
  since: '2026-11-12T00:00:00.000Z',
  deadLetters: none,
}

test('a message: which of its records have counted', () => {
  assert.deepEqual(said(message).slice(0, 3), [
    'sums key=a: 2 records of it counted',
    '',
    '  counted       records 0, 2 of it, published 2026-11-21 10:00:00 UTC (3 s ago)',
  ])
  assert.match(
    said({ ...message, verdict: 'unknown', records: [] })[2] ?? '',
    /no record; what was published before 2026-11-12 is forgotten$/,
  )
  assert.match(said({ ...message, verdict: 'unknown', records: null })[0] ?? '', /not known: too many/)
})
