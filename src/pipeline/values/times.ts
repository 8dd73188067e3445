// Dates and times, in RFC 3339. PostgreSQL's other spellings, and its words (`now`, `infinity`), are refused: some mean
// another moment each time they are read, others another one in each session.
import type { CalendarDate } from './calendar.ts'
import { dateOf, dayOf, isCalendarDate } from './calendar.ts'
import type { Encode } from './value-codec.ts'
import { badValue, outOfRange, wrongKind } from './value-codec.ts'

/** Years beyond 9999 have more digits; ECMAScript writes them as `+012026`. */
const date = String.raw`(\+\d{6}|\d{4,7})-(\d\d)-(\d\d)`
const time = String.raw`(\d\d):(\d\d):(\d\d)(?:\.(\d+))?`
const dates = new RegExp(`^${date}$`)
const times = new RegExp(`^${time}$`)
const timestamps = new RegExp(`^${date}[Tt ]${time}$`)
const timestampsWithOffset = new RegExp(String.raw`^${date}[Tt ]${time}(?:[Zz]|([+-])(\d\d):(\d\d))$`)

type Words = readonly (string | undefined)[]

const maxDateYear = 5_874_897
const maxTimestampYear = 294_276
const maxPrecision = 6
const secondsOfDay = 86_400
const microsOfDay = 86_400_000_000n

export const encodeDate: Encode = (value) => {
  if (typeof value !== 'string') return wrongKind(value, 'a string')
  const words = dates.exec(value)
  const found = words ? calendarDate(words) : undefined
  if (found === undefined) return badValue(value, 'a date as YYYY-MM-DD')
  return found.year > maxDateYear ? outOfRange(value, 'date') : dateText(found)
}

/** @param precision how many digits of a second are kept: further ones are cut, not rounded */
export function timeEncoder(precision = maxPrecision): Encode {
  return (value) => {
    if (typeof value !== 'string') return wrongKind(value, 'a string')
    const words = times.exec(value)
    const seconds = words ? secondOfDay(words, 1) : undefined
    if (seconds === undefined) return badValue(value, 'a time as HH:MM:SS')
    return timeText(seconds, words?.[4], precision)
  }
}

/** @param precision as of {@link timeEncoder} */
export function timestampEncoder(precision = maxPrecision): Encode {
  return (value) => {
    // A Date is a moment: what a clock without a time zone shows then, it does not say.
    if (typeof value !== 'string') return wrongKind(value, 'a string')
    const moment = parseMoment(timestamps.exec(value))
    if (moment === undefined) return badValue(value, 'a date and time without offset, as YYYY-MM-DDTHH:MM:SS')
    return momentText(moment, precision) ?? outOfRange(value, 'timestamp')
  }
}

/** @param precision as of {@link timeEncoder} */
export function timestamptzEncoder(precision = maxPrecision): Encode {
  const encoded = encodedTimestamptz(precision)
  return (value) => {
    if (typeof value === 'string' && encoded.test(value)) return value
    if (typeof value !== 'string' && !(value instanceof Date)) return wrongKind(value, 'a string or a Date')
    const moment =
      typeof value === 'string' ? parseMoment(timestampsWithOffset.exec(value)) : momentOfDate(value)
    if (moment === undefined) return badValue(value, 'a date and time with offset, as RFC 3339 has it')
    const utc = momentText(moment, precision)
    return utc === undefined ? outOfRange(value, 'timestamptz') : `${utc}Z`
  }
}

/** Most of those that are encoded already: to take one apart and put it together again costs ten times as much. */
function encodedTimestamptz(precision: number): RegExp {
  const day = String.raw`(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])`
  const clock = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d`
  const kept = Math.min(precision, maxPrecision)
  const fraction = kept === 0 ? '' : String.raw`(?:\.\d{0,${kept - 1}}[1-9])?`
  return new RegExp(`^${day}T${clock}${fraction}Z$`)
}

/**
 * Of an encoded timestamptz: microseconds since 2000-01-01 UTC, as PostgreSQL itself keeps it.
 *
 * @throws Error where the text is not an encoded timestamptz
 */
export function microsOfTimestamptz(encoded: string): bigint {
  const moment = parseMoment(timestampsWithOffset.exec(encoded))
  if (moment === undefined) throw new Error(`not an encoded timestamptz: ${encoded}`)
  const { day, second, fraction } = moment
  const micros = Number(fraction.slice(0, maxPrecision).padEnd(maxPrecision, '0'))
  return (BigInt(day) * BigInt(secondsOfDay) + BigInt(second)) * 1_000_000n + BigInt(micros)
}

/**
 * What a clock in UTC shows, as an encoded timestamp. Undefined where the year is out of range, or before 1.
 *
 * @param micros since 1970
 */
export function timestampText(micros: bigint, precision = maxPrecision): string | undefined {
  const ofDay = ((micros % microsOfDay) + microsOfDay) % microsOfDay
  const day = dayOfUnixEpoch + Number((micros - ofDay) / microsOfDay)
  const second = Number(ofDay / 1_000_000n)
  return momentText({ day, second, fraction: String(ofDay % 1_000_000n).padStart(6, '0') }, precision)
}

/** A moment, in UTC where it has an offset. */
interface Moment {
  /** Since 2000-01-01. */
  readonly day: number
  /** Of the day. */
  readonly second: number
  /** Digits after the point of the second. */
  readonly fraction: string
}

const dayOfUnixEpoch = -10_957

/** Undefined where the Date is invalid. */
function momentOfDate(date: Date): Moment | undefined {
  const ms = date.getTime()
  if (Number.isNaN(ms)) return undefined
  const days = Math.floor(ms / (secondsOfDay * 1000))
  const ofDay = ms - days * secondsOfDay * 1000
  const second = Math.floor(ofDay / 1000)
  return { day: dayOfUnixEpoch + days, second, fraction: String(ofDay % 1000).padStart(3, '0') }
}

function parseMoment(words: Words | null): Moment | undefined {
  if (words === null) return undefined
  const found = calendarDate(words)
  const second = secondOfDay(words, 4)
  const offset = offsetSeconds(words)
  if (found === undefined || second === undefined || offset === undefined) return undefined
  const utc = second - offset
  const days = Math.floor(utc / secondsOfDay)
  return { day: dayOf(found) + days, second: utc - days * secondsOfDay, fraction: words[7] ?? '' }
}

/** The year 0 is 1 BC. */
function calendarDate(words: Words): CalendarDate | undefined {
  const found = { year: Number(words[1]), month: Number(words[2]), day: Number(words[3]) }
  return found.year >= 1 && isCalendarDate(found) ? found : undefined
}

/** Neither hour 24 nor second 60: PostgreSQL would take them for the beginning of the next day or minute. */
function secondOfDay(words: Words, at: number): number | undefined {
  const hour = Number(words[at])
  const minute = Number(words[at + 1])
  const second = Number(words[at + 2])
  if (hour > 23 || minute > 59 || second > 59) return undefined
  return hour * 3600 + minute * 60 + second
}

/** PostgreSQL's greatest offset is 15:59. */
function offsetSeconds(words: Words): number | undefined {
  const hours = Number(words[9] ?? 0)
  const minutes = Number(words[10] ?? 0)
  if (hours > 15 || minutes > 59) return undefined
  return (words[8] === '-' ? -1 : 1) * (hours * 3600 + minutes * 60)
}

/** Undefined where the year is out of range, or before 1. */
function momentText({ day, second, fraction }: Moment, precision: number): string | undefined {
  const found = dateOf(day)
  if (found.year < 1 || found.year > maxTimestampYear) return undefined
  return `${dateText(found)}T${timeText(second, fraction, precision)}`
}

function dateText({ year, month, day }: CalendarDate): string {
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}`
}

function timeText(second: number, fraction = '', precision: number): string {
  const clock = `${twoDigits(Math.floor(second / 3600))}:${twoDigits(Math.floor(second / 60) % 60)}:${twoDigits(second % 60)}`
  return clock + cutFraction(fraction, precision)
}

/** With its point, and without zeros at the end; empty for whole seconds. */
function cutFraction(digits: string, precision: number): string {
  let end = Math.min(digits.length, precision, maxPrecision)
  while (digits[end - 1] === '0') end -= 1
  return end === 0 ? '' : `.${digits.slice(0, end)}`
}

function twoDigits(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}
