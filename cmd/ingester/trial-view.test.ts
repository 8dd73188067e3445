import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'vitest'
import { TrialCounts, trialView } from './trial-view.ts'

const nothing = { message: 1, rows: [], deleted: [], added: [], ignored: [], rejected: [] }
const linesOf = (...given: Parameters<typeof trialView>) =>
  stripVTControlCharacters(trialView(...given)).split('\n')

test('values are cut at the edge of the terminal, and nothing where there is none', () => {
  const rows = [{ id: 1, body: 'x'.repeat(200) }]
  const cut = linesOf({ ...nothing, rows }, 'line', 60)
  assert.ok(cut.every(({ length }) => length <= 60))
  assert.match(cut.at(-1) ?? '', /^ {2}body {2}= x+…$/)
  assert.equal(linesOf({ ...nothing, rows }, 'line').at(-1), `  body  = ${'x'.repeat(200)}`)
})

test('a value is not taken for another, and controls no terminal', () => {
  const rows = [
    {
      a: null,
      b: 'NULL',
      c: '',
      d: ' x\u{202e}',
      e: true,
      f: 'true',
      g: 1,
      h: '1',
      'i\u{1b}[2J': '\u{1b}[2J\n',
    },
  ]
  assert.deepEqual(linesOf({ ...nothing, rows }, 'line').slice(1), [
    '  a           = NULL',
    '  b           = "NULL"',
    '  c           = ""',
    '  d           = " x\\u202e"',
    '  e           = true',
    '  f           = "true"',
    '  g           = 1',
    '  h           = 1',
    '  i\\u001b[2J  = "\\u001b[2J\\n"',
  ])
})

test('what is added up, and to the row of which key', () => {
  const one = { key: { page: '/', day: '2026-01-31' }, by: { views: 1, bytes: '9007199254740993' } }
  assert.deepEqual(linesOf({ ...nothing, added: [one] }, 'line'), [
    'line 1: 1 added up',
    '  page   = /',
    '  day    = 2026-01-31',
    '  views  += 1',
    '  bytes  += 9007199254740993',
  ])
  const two = linesOf({ ...nothing, added: [one, one], ignored: ['empty'] }, 'line')
  assert.equal(two[0], 'line 1: 2 added up, 1 ignored')
  assert.deepEqual(
    two.filter((line) => line.includes('addition')),
    ['  addition 1', '  addition 2'],
  )
  const counts = new TrialCounts()
  counts.add({ ...nothing, added: [one, one] })
  assert.equal(counts.summary(), '1 message: 2 added up')
})

test('several records of one message', () => {
  const several = {
    message: 12,
    rows: [{ id: 1 }, { id: 2 }],
    deleted: [{ id: 3 }],
    added: [],
    ignored: ['where'],
    rejected: [{ reason: 'bad-value', detail: 'the column\nid' }],
  }
  assert.deepEqual(linesOf(several, 'line', 80), [
    'line 12: 2 rows, 1 deleted, 1 ignored, 1 rejected',
    '  row 1',
    '  id  = 1',
    '  row 2',
    '  id  = 2',
    '  deletion 1',
    '  id  = 3',
    '  ignored by the rule where',
    '  rejected: bad-value: the column\\nid',
  ])
})

test('messages that are pulled have no lines', () => {
  assert.equal(linesOf(nothing, 'message')[0], 'message 1: nothing to store')
})

test('the summary', () => {
  const counts = new TrialCounts()
  assert.equal(counts.summary(), '0 messages')
  counts.add({ ...nothing, rows: [{ id: 1 }] })
  assert.equal(counts.summary(), '1 message: 1 row')
  counts.add({ ...nothing, rows: [{ id: 1 }, { id: 2 }], rejected: [{ reason: 'r', detail: 'd' }] })
  counts.add({ line: 2, why: 'is not JSON' })
  assert.equal(counts.summary(), '2 messages: 3 rows, 1 rejected; left out 1 line that is not a message')
  counts.add({ line: 3, why: 'is not JSON' })
  assert.match(counts.summary(), /; left out 2 lines that are not messages$/)
  assert.equal(counts.rejected, 1)
})
