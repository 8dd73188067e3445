import assert from 'node:assert/strict'
import { test } from 'vitest'
import { stripVTControlCharacters } from 'node:util'
import { cutTo, fitRows, wrapTo } from './fit.ts'

test('a text that fits is left as it is, another ends with an ellipsis at the edge', () => {
  assert.equal(cutTo(5, 'abcde'), 'abcde')
  assert.equal(cutTo(4, 'abcde'), 'abc…')
  assert.equal(cutTo(1, 'abcde'), '…')
})

test('wide characters take two columns', () => {
  assert.equal(cutTo(4, '日本'), '日本')
  assert.equal(cutTo(4, '日本語'), '日…')
  assert.equal(cutTo(5, '日本語'), '日本…')
})

test('escapes take no room, and a style that was begun is ended', () => {
  const text = 'a\u001b[2mbcdef\u001b[22m'
  assert.equal(cutTo(6, text), text)
  assert.equal(cutTo(3, text), 'a\u001b[2mb…\u001b[22m')
})

test('words go to the next line, indented; one that is too long for any is cut', () => {
  assert.deepEqual(wrapTo(8, '! aa bbb cc'), ['! aa bbb', '  cc'])
  assert.deepEqual(wrapTo(6, '! abcdefgh i'), ['!', '  abc…', '  i'])
  for (const line of wrapTo(3, '! a long sentence')) assert.ok(stripVTControlCharacters(line).length <= 3)
})

test('rows go by rank, the last of a rank first; those that stay are cut at the end', () => {
  const lines = [0, 2, 1, 2, 0].map((rank, at) => ({ text: String(at), rank }))
  const left = (rows: number) =>
    fitRows(lines, rows)
      .map(({ text }) => text)
      .join('')
  assert.deepEqual([5, 4, 3, 2, 1, 0].map(left), ['01234', '0124', '024', '04', '0', '0'])
})
