import assert from 'node:assert/strict'
import { test } from 'vitest'
import fc from 'fast-check'
import { always } from '../../../test/support/seed.ts'
import { dateOf, dayOf, isCalendarDate } from './calendar.ts'

const msOfDay = 86_400_000
/** JavaScript's own calendar, which ends in 275760. */
const jsDay = fc.integer({ min: -100_000_000, max: 100_000_000 })

test('days are those of JavaScript', () => {
  const property = fc.property(jsDay, (day) => {
    const js = new Date(day * msOfDay)
    const date = { year: js.getUTCFullYear(), month: js.getUTCMonth() + 1, day: js.getUTCDate() }
    const since2000 = day - Date.UTC(2000, 0, 1) / msOfDay
    assert.deepEqual(dateOf(since2000), date)
    assert.equal(dayOf(date), since2000)
    assert.ok(isCalendarDate(date))
  })
  always(property, 2000)
})

test('every day of 400 years, and those of them that are none', () => {
  let day = dayOf({ year: 1900, month: 1, day: 1 })
  for (let year = 1900; year < 2300; year++)
    for (let month = 0; month <= 13; month++)
      for (let ofMonth = 0; ofMonth <= 32; ofMonth++) {
        const js = new Date(Date.UTC(year, month - 1, ofMonth))
        const date = { year, month, day: ofMonth }
        const isOne =
          js.getUTCMonth() === month - 1 && js.getUTCDate() === ofMonth && js.getUTCFullYear() === year
        assert.equal(isCalendarDate(date), isOne)
        if (!isOne) continue
        assert.deepEqual(dateOf(day), date)
        assert.equal(dayOf(date), day)
        day += 1
      }
})

test('beyond the end of JavaScript', () => {
  assert.equal(dayOf({ year: 5_874_897, month: 12, day: 31 }), 2_145_031_948)
  assert.deepEqual(dateOf(2_145_031_948), { year: 5_874_897, month: 12, day: 31 })
})
