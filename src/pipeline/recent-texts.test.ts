import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../test/support/seed.ts'
import { RecentTexts } from './recent-texts.ts'

test('whatever came before, a text is the one that lies there', () => {
  const recent = new RecentTexts()
  const bytes = fc.uint8Array({ maxLength: 12, max: 3 }).map((array) => Buffer.from(array))
  const range = fc.tuple(bytes, fc.nat(12), fc.nat(12))
  always(
    fc.property(range, ([all, a, b]) => {
      const [from, to] = [Math.min(a, b, all.length), Math.min(Math.max(a, b), all.length)]
      assert.equal(recent.between(all, from, to), all.toString('latin1', from, to))
    }),
    5000,
  )
})
