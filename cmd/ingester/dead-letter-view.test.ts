import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import { test } from 'vitest'
import { advice } from '#core/advice.ts'
import type { ShownDeadLetter } from '#dead-letters/show.ts'
import { deadLetterView, listingView, previewView } from './dead-letter-view.ts'

const time = new Date(Date.UTC(2024, 0, 29, 12, 34, 56))

function deadLetter(change: Partial<ShownDeadLetter> = {}): ShownDeadLetter {
  const data = Buffer.from(change.data ?? '{"ip":"010.1.1.1"}')
  return {
    id: 12,
    pipeline: 'scans',
    status: 'new',
    reason: 'bad-ip',
    detail: '"ip" is not an IPv4 or IPv6 address: "010.1.1.1"',
    deliveryAttempt: 5,
    timesSeen: 3,
    firstSeenAt: time,
    lastSeenAt: time,
    subscription: 'projects/p/subscriptions/s',
    messageId: '99',
    publishTime: time,
    orderingKey: '',
    dataBytes: data.length,
    cut: false,
    escaped: false,
    redriveCount: 0,
    attributes: {},
    next: [advice`do this`],
    ...change,
    data,
  }
}

const group = { reason: 'bad-ip', count: 1234, oldest: time, newest: time, example: 'for example this' }
const seen = (text: string) => stripVTControlCharacters(text).split('\n')

test('the list: reasons with count, time range and example, then the dead letters', () => {
  const lines = seen(listingView({ reasons: [group], total: 1234, letters: [deadLetter()] }, undefined))
  assert.match(lines[0] ?? '', /^reason +count +first seen \(UTC\) +last seen \(UTC\) +for example$/)
  assert.match(lines[1] ?? '', /^bad-ip +1234 +2024-01-29 12:34:56 +2024-01-29 12:34:56 +for example this$/)
  assert.equal(lines[2], '')
  assert.match(lines[3] ?? '', /^id +last seen \(UTC\) +reason +attempt\/seen +detail$/)
  assert.match(lines[4] ?? '', /^12 +2024-01-29 12:34:56 +bad-ip +5\/3 +"ip" is not an IPv4.*"010\.1\.1\.1"$/)
  assert.equal(lines.length, 5)
})

test('details are truncated at the edge of the terminal, and only there', () => {
  const detail = 'x'.repeat(500)
  const listing = { reasons: [{ ...group, example: detail }], total: 1, letters: [deadLetter({ detail })] }
  for (const columns of [80, 100, 200]) {
    for (const line of seen(listingView(listing, columns))) assert.ok(line.length <= columns, line)
    assert.match(listingView(listing, columns), /x…$/m)
    for (const line of seen(previewView(listing.letters, columns))) assert.ok(line.length <= columns, line)
  }
  assert.equal(listingView(listing, undefined).split(detail).length, 3)
})

test('wide characters do not push a line over the edge', () => {
  const [, , , , line = ''] = seen(
    listingView({ reasons: [group], total: 1, letters: [deadLetter({ detail: '日本'.repeat(100) })] }, 100),
  )
  const wide = line.match(/[日本]/g)?.length ?? 0
  assert.ok(wide > 5 && line.length + wide <= 100, line)
})

test('an unknown number of attempts is shown as none', () => {
  assert.match(
    listingView({ reasons: [], total: 1, letters: [deadLetter({ deliveryAttempt: 0 })] }, 100),
    / –\/3 /,
  )
  assert.match(deadLetterView(deadLetter({ deliveryAttempt: 0 })), /delivery attempt +not counted/)
})

test('text in messages can neither draw on the terminal nor break a table row', () => {
  const hostile = 'a\u001b[2J\nb'
  const one = deadLetter({
    detail: hostile,
    reason: hostile,
    orderingKey: hostile,
    messageId: hostile,
    data: Buffer.from(hostile),
    attributes: { [hostile]: hostile },
  })
  const views = [
    listingView(
      { reasons: [{ ...group, reason: hostile, example: hostile }], total: 1, letters: [one] },
      200,
    ),
    previewView([one], 200),
    deadLetterView(one),
  ]
  for (const view of views) assert.ok(!view.includes('\u001b[2J'))
  assert.deepEqual(
    views.slice(0, 2).map((view) => view.split('\n').length),
    [5, 2],
  )
})

test('one dead letter: its facts, its attributes, its JSON with one value per line, and what to do', () => {
  const view = seen(
    deadLetterView(
      deadLetter({ attributes: { source: 'x', trace: 'y' }, orderingKey: 'k', redriveCount: 2 }),
    ),
  )
  assert.equal(view[0], 'dead letter 12, new')
  for (const line of [
    /^reason +bad-ip$/,
    /^detail +"ip" is not an IPv4 or IPv6 address: "010.1.1.1"$/,
    /^pipeline +scans$/,
    /^subscription +projects\/p\/subscriptions\/s$/,
    /^message id +99$/,
    /^published +2024-01-29 12:34:56 UTC$/,
    /^ordering key +k$/,
    /^delivery attempt +5$/,
    /^seen +3 times$/,
    /^redriven before +2 times$/,
    /^ {2}source +x$/,
    /^ {2}trace +y$/,
    /^data +18 bytes, JSON$/,
  ]) {
    assert.ok(
      view.some((one) => line.test(one)),
      `${line} in ${view.join('\n')}`,
    )
  }
  assert.deepEqual(view.slice(-6), ['{', '  "ip": "010.1.1.1"', '}', '', 'what next', 'do this'])
})

test('data that is not JSON is shown as text, binary data as base64, and truncation is reported', () => {
  const of = (data: string | Buffer, change: Partial<ShownDeadLetter> = {}) =>
    deadLetterView(deadLetter({ ...change, data: Buffer.from(data) }))
  assert.match(of('hello\nworld'), /^data +11 bytes, text\nhello\nworld$/m)
  assert.match(of(Buffer.from([0x7b, 0xff, 0xfe, 0x7d])), /^data +4 bytes, base64\ne\/\/\+fQ==$/m)
  assert.match(of(''), /^data +0 bytes, text\n\n/m)
  assert.match(of('xyz', { cut: true }), /^data +3 bytes, the beginning of more, text$/m)
})

test('a preview shows what is special about a dead letter', () => {
  const view = seen(
    previewView(
      [
        deadLetter(),
        deadLetter({ cut: true }),
        deadLetter({ escaped: true, redriveCount: 1, orderingKey: 'k' }),
      ],
      undefined,
    ),
  )
  assert.match(view[0] ?? '', /^id +published \(UTC\) +ordering key +bytes +redriven +reason$/)
  assert.match(view[1] ?? '', /^12 +2024-01-29 12:34:56 +– +18 +0 +bad-ip: "ip"/)
  assert.match(view[2] ?? '', / 0 +cut +bad-ip/)
  assert.match(view[3] ?? '', / k +18 +1 +escaped +bad-ip/)
})
