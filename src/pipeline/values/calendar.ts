// The Gregorian calendar, also for the time before it, as PostgreSQL counts. JavaScript's own Date ends in 275760.

export interface CalendarDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

const daysOfMonths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

export function isCalendarDate({ year, month, day }: CalendarDate): boolean {
  return day >= 1 && day <= daysOfMonth(year, month)
}

/** 0 where there is no such month. */
function daysOfMonth(year: number, month: number): number {
  return month === 2 && isLeapYear(year) ? 29 : (daysOfMonths[month - 1] ?? 0)
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

// A year that begins in March ends with the leap day, so that the days before a month are the same in all years.
// https://howardhinnant.github.io/date_algorithms.html
const yearsOfEra = 400
const daysOfEra = 146_097

/** Of 1 March of the year 0, counted from 2000-01-01. */
const dayOfFirstEra = -730_425

/** Days since 2000-01-01, the day from which PostgreSQL counts. */
export function dayOf({ year, month, day }: CalendarDate): number {
  const marchYear = month > 2 ? year : year - 1
  const era = Math.floor(marchYear / yearsOfEra)
  const yearOfEra = marchYear - era * yearsOfEra
  const dayOfYear = daysBeforeMonth((month + 9) % 12) + day - 1
  return dayOfFirstEra + era * daysOfEra + daysBeforeYear(yearOfEra) + dayOfYear
}

/** The date of a day as {@link dayOf} counts them. */
export function dateOf(day: number): CalendarDate {
  const sinceFirst = day - dayOfFirstEra
  const era = Math.floor(sinceFirst / daysOfEra)
  const dayOfEra = sinceFirst - era * daysOfEra
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - daysBeforeYear(yearOfEra)
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = ((marchMonth + 2) % 12) + 1
  const year = era * yearsOfEra + yearOfEra + (month > 2 ? 0 : 1)
  return { year, month, day: dayOfYear - daysBeforeMonth(marchMonth) + 1 }
}

function daysBeforeYear(yearOfEra: number): number {
  return yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
}

/** @param marchMonth 0 for March */
function daysBeforeMonth(marchMonth: number): number {
  return Math.floor((153 * marchMonth + 2) / 5)
}
