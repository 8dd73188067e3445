import assert from 'node:assert/strict'
import { test } from 'vitest'
import { plain } from '#core/plain.ts'
import { age, quoted, utc } from './wording.ts'

const one = (text: string) => plain(text, 'one line')

test('an age in its largest whole unit, also for the future', () => {
  const of = (...all: number[]) => all.map(age)
  assert.deepEqual(of(0, 999, -999), ['just now', 'just now', 'just now'])
  assert.deepEqual(of(1000, 3999, 59_999, 60_000), ['1 s ago', '3 s ago', '59 s ago', '1 min ago'])
  assert.deepEqual(of(3_599_999, 3_600_000, 86_399_999), ['59 min ago', '1 h ago', '23 h ago'])
  assert.deepEqual(of(86_400_000, 2 * 86_400_000), ['1 day ago', '2 days ago'])
  assert.deepEqual(of(-5000, -7_200_000), ['in 5 s', 'in 2 h'])
})

test('a time in whole seconds', () => {
  assert.equal(utc(Date.UTC(2026, 10, 21, 10, 0, 0, 999)), '2026-11-21 10:00:00')
  assert.equal(utc(new Date(0)), '1970-01-01 00:00:00')
  assert.equal(utc(Infinity), 'Infinity')
})

test('terminal escapes are escaped, ordinary text is not', () => {
  assert.equal(one('é 😀 \\ "'), 'é 😀 \\ "')
  assert.equal(one('\u001b[31m\n\r\t\0\u009b'), '\\u001b[31m\\n\\r\\t\\u0000\\u009b')
  assert.equal(one('\u202Eevil\u2028\ud800'), '\\u202eevil\\u2028\\ud800')
})

test('a preview of a text, on one line', () => {
  assert.equal(quoted('hello\nworld'), "'hello\\nworld'")
  assert.equal(quoted('x'.repeat(60)), `'${'x'.repeat(60)}'`)
  assert.equal(quoted(`${'x'.repeat(59)}😀`), `'${'x'.repeat(59)}\uFFFD…'`)
})
