// Times as RFC 3339 writes them, read from bytes into microseconds since 1970: what most messages have, and nothing else.

import { dayOf } from '../values/calendar.ts'

const zero = 0x30
const dayOfUnixEpoch = dayOf({ year: 1970, month: 1, day: 1 })
const daysOfMonths = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

/** Most messages are of the day of the one before. */
let lastDate = Number.NaN
let lastDay = 0

/**
 * The microseconds since 1970 of a time of the years 1690 to 2254, which a number holds exactly; digits beyond the microsecond are
 * cut. Undefined for whatever else there is: it may still be a time.
 */
export function microsOfRfc3339(bytes: Buffer, from: number, to: number): number | undefined {
  // The shortest is 2026-01-31T12:00:00Z.
  if (to - from < 20 || bytes[from + 4] !== 0x2d || bytes[from + 7] !== 0x2d) return undefined
  if (!isTimeMark(bytes[from + 10]) || bytes[from + 13] !== 0x3a || bytes[from + 16] !== 0x3a)
    return undefined
  const year = pair(bytes, from) * 100 + pair(bytes, from + 2)
  const day = dayOfDate(year, pair(bytes, from + 5), pair(bytes, from + 8))
  const [hour, minute, second] = [pair(bytes, from + 11), pair(bytes, from + 14), pair(bytes, from + 17)]
  if (!(hour < 24 && minute < 60 && second < 60) || day === undefined) return undefined
  let at = from + 19
  let micros = 0
  if (bytes[at] === 0x2e) {
    const first = at + 1
    at = first
    let scale = 100_000
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at)) {
      micros += digit * scale
      scale = scale > 1 ? scale / 10 : 0
    }
    if (at === first) return undefined
  }
  const offset = offsetMinutes(bytes, at, to)
  if (offset === undefined) return undefined
  const seconds = day * 86_400 + hour * 3600 + (minute - offset) * 60 + second
  return seconds * 1_000_000 + micros
}

/** `T`, `t`, or a space. */
function isTimeMark(byte: number | undefined): boolean {
  return byte === 0x54 || byte === 0x74 || byte === 0x20
}

/** Days since 1970. */
function dayOfDate(year: number, month: number, day: number): number | undefined {
  const date = (year * 100 + month) * 100 + day
  if (date === lastDate) return lastDay
  if (!(year >= 1690 && year < 2255 && month >= 1 && month <= 12 && day >= 1)) return undefined
  const isLeapDay = month === 2 && day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (day > (daysOfMonths[month] as number) && !isLeapDay) return undefined
  lastDate = date
  lastDay = dayOf({ year, month, day }) - dayOfUnixEpoch
  return lastDay
}

/** `Z`, or `±hh:mm`; in minutes. The end of the text must be its end. */
function offsetMinutes(bytes: Buffer, at: number, to: number): number | undefined {
  const mark = bytes[at]
  if (at === to - 1) return mark === 0x5a || mark === 0x7a ? 0 : undefined
  if (at !== to - 6 || (mark !== 0x2b && mark !== 0x2d) || bytes[at + 3] !== 0x3a) return undefined
  const [hours, minutes] = [pair(bytes, at + 1), pair(bytes, at + 4)]
  if (!(hours < 16 && minutes < 60)) return undefined
  return (mark === 0x2d ? -1 : 1) * (hours * 60 + minutes)
}

/** Two digits; NaN where they are none. */
function pair(bytes: Buffer, at: number): number {
  const [tens, ones] = [digitAt(bytes, at), digitAt(bytes, at + 1)]
  return tens < 0 || ones < 0 ? Number.NaN : tens * 10 + ones
}

/** -1 where there is none. */
function digitAt(bytes: Buffer, at: number): number {
  const digit = (bytes[at] as number) - zero
  return digit >= 0 && digit <= 9 ? digit : -1
}
