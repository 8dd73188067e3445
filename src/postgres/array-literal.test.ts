import assert from 'node:assert/strict'
import { test } from 'vitest'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.ts'

test('strings are quoted, so that NULL, braces and commas are literal', () => {
  assert.equal(arrayLiteral(['NULL', '{a,b}', '']), '{"NULL","{a,b}",""}')
  assert.equal(arrayLiteral(['say "x"', 'C:\\', '\\"']), String.raw`{"say \"x\"","C:\\","\\\""}`)
})

test('null and integers are not quoted', () => {
  assert.equal(arrayLiteral([null, 0, -1, 2n ** 63n - 1n]), '{NULL,0,-1,9223372036854775807}')
})

test('a column of any mixture', () => {
  assert.equal(arrayLiteral(['a', null, 'say "x"', 7]), String.raw`{"a",NULL,"say \"x\"",7}`)
  assert.equal(arrayLiteral([1, null]), '{1,NULL}')
  assert.equal(arrayLiteral(['plain', '"']), String.raw`{"plain","\""}`)
})

test('bytes are in hexadecimal form', () => {
  assert.equal(byteaArrayLiteral([Buffer.from([0, 255]), Buffer.alloc(0)]), String.raw`{"\\x00ff","\\x"}`)
})

test('an empty array', () => {
  assert.equal(arrayLiteral([]), '{}')
  assert.equal(byteaArrayLiteral([]), '{}')
})
