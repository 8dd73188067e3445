import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { anyText } from '../../test/support/text.ts'
import {
  butNot,
  hasInvisible,
  looksLikeUrl,
  mayHoldSecret,
  mayHoldSecretBesideAddress,
  quoted,
  shownValue,
} from './shown.ts'

const told = (...value: Parameters<typeof shownValue>) => butNot(shownValue(...value))

describe('a value in a message shows its exact contents', () => {
  for (const [text, shown] of [
    ['plain text', '"plain text"'],
    ['', '""'],
    ['a"b\\', String.raw`"a\"b\\"`],
    ['my-project\n', String.raw`"my-project\n"`],
    ['a\r\tb', String.raw`"a\r\tb"`],
    ['a\u{200b}b', String.raw`"a\u{200b}b"`],
    ['a\u{a0}b', String.raw`"a\u{a0}b"`],
    ['\u{feff}a', String.raw`"\u{feff}a"`],
    ['a\u{202e}b', String.raw`"a\u{202e}b"`],
    ['a\u{1b}[31mb', String.raw`"a\u{1b}[31mb"`],
    ['a\u{2028}b', String.raw`"a\u{2028}b"`],
    ['a\u{3164}b\u{fe0f}\u{2800}', String.raw`"a\u{3164}b\u{fe0f}\u{2800}"`],
    ['a\u{e0041}', String.raw`"a\u{e0041}"`],
    ['a\ud800', String.raw`"a\u{d800}"`],
    ['größe 日本 😀', '"größe 日本 😀"'],
  ] as const) {
    test(shown, () => {
      assert.equal(quoted(text), shown)
      assert.equal(hasInvisible(text), shown.includes('\\') && text !== 'a"b\\')
    })
  }

  test('no invisible character is ever printed as it is', () => {
    always(
      fc.property(anyText, (text) => {
        assert.ok(!hasInvisible(quoted(text)))
        assert.equal(quoted(text).split('\n').length, 1)
      }),
      2000,
    )
  })
})

describe('a value that may contain a password is not printed', () => {
  for (const text of [
    'postgres://u:hunter2@h/d',
    'POSTGRESQL://hunter2@h',
    'rediss://:hunter2@h:1',
    '//u:hunter2@h',
    'u:hunter2@h',
    'postgres:hunter2',
    'jdbc:postgresql://h/d?password=hunter2',
    'host=h password=hunter2',
    'h user = hunter2',
    'postgres%3A%2F%2Fu%3Ahunter2%40h',
    'postgres%253A%252F%252Fu%253Ahunter2%2540h',
    'x://hunter2',
    'unix:///hunter2',
  ]) {
    test(`${text} is a URL or a connection string`, () => {
      assert.ok(looksLikeUrl(text) && mayHoldSecret(text))
      assert.doesNotMatch(told(text), /hunter2/)
    })
  }
  for (const text of ['hunter2@h', 'h?hunter2', 'h#hunter2', 'key=hunter2', 'a%40hunter2'])
    test(`${text} may be a part of one`, () => assert.doesNotMatch(told(text), /hunter2/))
  for (const text of [
    'db',
    'my db',
    'a/b',
    'redis:6379',
    'postgres:5432',
    '::1',
    '[::1]:6379',
    'user@project.iam',
    'example.com:p',
    '/run/pg',
    '10%',
  ])
    test(`${text} is neither`, () => assert.ok(!looksLikeUrl(text)))
})

describe('a colon hides the value that it is in', () => {
  for (const text of [
    'u:hunter2',
    'h:5432:db:u:hunter2',
    '[h]:5432:u:hunter2',
    'u:1234',
    '"u:hunter2"',
    '::g',
  ]) {
    test(`${text}, where none belongs`, () => {
      assert.match(told(text), /not repeated here/)
    })
  }
  for (const text of ['u:hunter2', 'h:5432:db:u:hunter2', '[u:hunter2]:1', 'h:123456', 'h:1 hunter2:2']) {
    test(`${text}, where an address belongs`, () => {
      assert.match(told(text, mayHoldSecretBesideAddress), /not repeated here/)
    })
  }
  for (const text of ['localhost:', 'localhost:0', '127.0.0.1:-1', ' h:1', '"h:1"', '[::1]:0', '[x]:1', ':1'])
    test(`${text} is an address`, () => assert.ok(!mayHoldSecretBesideAddress(text)))
  for (const text of ['::1', '[::1]', ' ::1', '::1:8085'])
    test(`${text} is an IPv6 address, wherever it appears`, () => assert.ok(!mayHoldSecret(text)))
})

test('quotes get a hint; long values are described', () => {
  assert.match(told('"my-project"'), /^, not "\\"my-project\\""; leave out the quotes/)
  assert.match(told("'x'"), /leave out the quotes/)
  assert.doesNotMatch(told("it's"), /quotes/)
  assert.equal(told('x'.repeat(64)), ', not a text of 64 characters')
})
