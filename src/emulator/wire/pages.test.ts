import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../../test/support/seed.ts'
import { pageOf } from './pages.ts'

const names = (count: number) => Array.from({ length: count }, (_, i) => `n${String(i).padStart(5, '0')}`)
const same = (name: string) => name

describe('pages', () => {
  test('without a size a page has 1000 items, and never more', () => {
    for (const pageSize of [null, 0, -1, 1000, 1001, 5000]) {
      const { page, nextPageToken } = pageOf(names(1001), same, { pageSize })
      assert.equal(page.length, 1000, `page size ${pageSize}`)
      assert.equal(nextPageToken, 'n01000')
    }
  })

  test('what fits one page has no next page', () => {
    assert.deepEqual(pageOf([], same, {}), { page: [], nextPageToken: '' })
    assert.deepEqual(pageOf(['a', 'b'], same, { pageSize: 2 }), { page: ['a', 'b'], nextPageToken: '' })
    assert.deepEqual(pageOf(['a', 'b'], same, { pageSize: 1 }), { page: ['a'], nextPageToken: 'b' })
  })

  test('a page continues where the previous one ended, even if that name is gone by now', () => {
    const { nextPageToken: pageToken } = pageOf(['a', 'c', 'e'], same, { pageSize: 1 })
    assert.deepEqual(pageOf(['a', 'e'], same, { pageToken }).page, ['e'])
    assert.deepEqual(pageOf(['a', 'b'], same, { pageToken }), { page: [], nextPageToken: '' })
  })

  test('page by page everything is returned, once and in order', () => {
    always(
      fc.property(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 20 }), (count, pageSize) => {
        const all = names(count).map((name) => ({ name }))
        const came: string[] = []
        let pageToken = ''
        do {
          const part = pageOf(all, ({ name }) => name, { pageSize, pageToken })
          assert.ok(part.page.length <= pageSize)
          came.push(...part.page.map(({ name }) => name))
          pageToken = part.nextPageToken
        } while (pageToken)
        assert.deepEqual(came, names(count))
      }),
    )
  })
})
