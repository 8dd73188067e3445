import assert from 'node:assert/strict'
import { test } from 'vitest'
import { stripVTControlCharacters } from 'node:util'
import { cutTo, fitRows, wrapTo } from './fit.ts'

test('a text that fits is unchanged, a longer one ends with an ellipsis at the edge', () => {
  assert.equal(cutTo(5, 'abcde'), 'abcde')
  assert.equal(cutTo(4, 'abcde'), 'abc…')
  assert.equal(cutTo(1, 'abcde'), '…')
})

test('wide characters take two columns', () => {
  assert.equal(cutTo(4, '日本'), '日本')
  assert.equal(cutTo(4, '日本語'), '日…')
  assert.equal(cutTo(5, '日本語'), '日本…')
})

test('escapes take no columns, and an open style is closed', () => {
  const text = 'a\u001b[2mbcdef\u001b[22m'
  assert.equal(cutTo(6, text), text)
  assert.equal(cutTo(3, text), 'a\u001b[2mb…\u001b[22m')
})

test('words wrap to the next line, indented; a word that is too long for any line is truncated', () => {
  assert.deepEqual(wrapTo(8, '! aa bbb cc'), ['! aa bbb', '  cc'])
  assert.deepEqual(wrapTo(6, '! abcdefgh i'), ['!', '  abc…', '  i'])
  for (const line of wrapTo(3, '! a long sentence')) assert.ok(stripVTControlCharacters(line).length <= 3)
})

test('rows are dropped by rank, the last of a rank first; the others are truncated at the end', () => {
  const lines = [0, 2, 1, 2, 0].map((rank, at) => ({ text: String(at), rank }))
  const left = (rows: number) =>
    fitRows(lines, rows)
      .map(({ text }) => text)
      .join('')
  assert.deepEqual([5, 4, 3, 2, 1, 0].map(left), ['01234', '0124', '024', '04', '0', '0'])
})
