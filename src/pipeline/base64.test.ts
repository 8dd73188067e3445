import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { bytesOfBase64, isBase64 } from './base64.ts'

test('bytes go there and back', () =>
  always(
    fc.property(fc.uint8Array({ maxLength: 9 }), (bytes) => {
      assert.deepEqual(bytesOfBase64(Buffer.from(bytes).toString('base64')), Buffer.from(bytes))
    }),
  ))

test('what is base64 is seen without its bytes', () => {
  // Those that matter at the end of a text, those of the other alphabet, and what is in none.
  const characters = fc.constantFrom(...Array.from('AQgwEIJz4+/-_ =\n'), '=', '=')
  let right = 0
  always(
    fc.property(fc.array(characters, { maxLength: 9 }), (some) => {
      const text = some.join('')
      const is = bytesOfBase64(text) !== undefined
      if (is) right += 1
      assert.equal(isBase64(text, Buffer.from(text, 'base64').length), is, JSON.stringify(text))
    }),
    20_000,
  )
  assert.ok(right > 1000, `${right} were right`)
})
