import { valueKinds } from '../json/syntax.ts'
import { textOf } from '../json/values.ts'
import { microsOfTimestamptz, timestampEncoder, timestampText, timestamptzEncoder } from '../values/times.ts'
import { ValueFault, badValue, outOfRange } from '../values/value-codec.ts'
import { unixMicros } from '../version-rank.ts'
import type { TimeUnit } from './epoch-time.ts'
import { earliestMicros, latestMicros, microsOfCount, microsOfWhole } from './epoch-time.ts'
import type { ReadValue } from './json-value.ts'
import { microsOfRfc3339 } from './rfc3339.ts'
import { shownValue } from './shown-value.ts'
import type { Timezone } from './timezone.ts'
import { wholeNumberAt } from './integers.ts'

export interface TimeOptions {
  /** What a number counts since 1970. */
  readonly unit?: TimeUnit
  /** Of times without an offset. */
  readonly timezone?: Timezone
  /** Digits of a second that the column keeps. */
  readonly precision?: number
}

type Micros = number | bigint

const encodeMoment = timestamptzEncoder()
const encodeLocal = timestampEncoder()
const maxPrecision = 6

/** A timestamptz, as microseconds since 1970. Digits that the column does not keep are cut, towards the past. */
export function timestamptzReader({ unit, timezone, precision = maxPrecision }: TimeOptions): ReadValue {
  const step = 10 ** (maxPrecision - precision)
  const cut = (micros: Micros): Micros =>
    step === 1
      ? micros
      : typeof micros === 'number'
        ? floorTo(micros, step)
        : floorToBig(micros, BigInt(step))
  const read = unit === undefined ? momentReader(timezone) : countReader(unit)
  return (kind, bytes, start, end) => {
    const micros = read(kind, bytes, start, end)
    return typeof micros === 'number' || typeof micros === 'bigint' ? cut(micros) : micros
  }
}

type ReadMicros = (kind: number, bytes: Buffer, start: number, end: number) => Micros | null | ValueFault

function momentReader(timezone: Timezone | undefined): ReadMicros {
  return (kind, bytes, start, end) => {
    if (kind === valueKinds.plainText) {
      const micros = microsOfRfc3339(bytes, start, end)
      if (micros !== undefined) return micros
    }
    if (kind === valueKinds.plainText || kind === valueKinds.text)
      return microsOfText(textOf(bytes, kind, start, end), timezone)
    if (kind === valueKinds.null) return null
    const shown = shownValue(kind, bytes, start, end)
    if (kind === valueKinds.number)
      return new ValueFault(
        'wrong-kind',
        `is the number ${shown}: say what it counts since 1970 with unit: s, ms, us or ns`,
      )
    return new ValueFault('wrong-kind', `is ${shown}, not a time as RFC 3339 has it`)
  }
}

function microsOfText(text: string, timezone: Timezone | undefined): Micros | ValueFault {
  const encoded = encodeMoment(text)
  if (typeof encoded === 'string') return narrowed(unixMicros(encoded), text)
  const local = encodeLocal(text)
  if (typeof local !== 'string')
    return timezone ? badValue(text, 'a date and time, as RFC 3339 has it') : encoded
  if (!timezone)
    return new ValueFault(
      'bad-value',
      `${badValue(text, 'a time with its offset').what}: say whose clock that is with timezone:`,
    )
  const shown = microsOfTimestamptz(`${local}Z`) + microsTo2000
  return narrowed(shown - BigInt(timezone.offsetOfLocal(Number(shown / 1_000_000n))) * 1_000_000n, text)
}

const microsTo2000 = 946_684_800_000_000n

function countReader(unit: TimeUnit): ReadMicros {
  return (kind, bytes, start, end) => {
    switch (kind) {
      case valueKinds.null:
        return null
      case valueKinds.number: {
        const whole = wholeNumberAt(bytes, start, end)
        const micros = whole === undefined ? undefined : microsOfWhole(whole, unit)
        return micros === undefined || micros < earliestMicros
          ? microsOf(bytes.toString('latin1', start, end), unit)
          : micros
      }
      case valueKinds.plainText:
        return microsOf(bytes.toString('latin1', start, end), unit)
      case valueKinds.text:
        return microsOf(textOf(bytes, kind, start, end), unit)
      default:
        return new ValueFault(
          'wrong-kind',
          `is ${shownValue(kind, bytes, start, end)}, not a number (of ${unit} since 1970)`,
        )
    }
  }
}

function microsOf(text: string, unit: TimeUnit): Micros | ValueFault {
  const micros = microsOfCount(text, unit)
  if (micros === undefined) return badValue(text, `a number (of ${unit} since 1970)`)
  return micros === 'too-far' ? outOfRange(text, 'a time') : narrowed(micros, text)
}

function narrowed(micros: bigint, given: string): Micros | ValueFault {
  if (micros < earliestMicros || micros > latestMicros) return outOfRange(given, 'a time')
  const number = Number(micros)
  return Number.isSafeInteger(number) ? number : micros
}

/** A timestamp without time zone: what a clock shows. With `timezone` it is that one's, also of times that have an offset. */
export function timestampReader({ unit, timezone, precision = maxPrecision }: TimeOptions): ReadValue {
  const encode = timestampEncoder(precision)
  const read = unit === undefined ? momentReader(timezone) : countReader(unit)
  return (kind, bytes, start, end) => {
    if (kind === valueKinds.null) return null
    const isText = kind === valueKinds.plainText || kind === valueKinds.text
    if (isText && unit === undefined) {
      const text = textOf(bytes, kind, start, end)
      const local = encode(text)
      if (typeof local === 'string') return local
    }
    if (!timezone) return withoutTimezone(shownValue(kind, bytes, start, end), isText)
    const micros = read(kind, bytes, start, end)
    if (micros === null || micros instanceof ValueFault) return micros
    const shown =
      BigInt(micros) + BigInt(timezone.offsetAt(Math.floor(Number(micros) / 1_000_000))) * 1_000_000n
    return timestampText(shown, precision) ?? outOfRange(shownValue(kind, bytes, start, end), 'timestamp')
  }
}

function withoutTimezone(shown: string, isText: boolean): ValueFault {
  const what = `is ${shown}, not a time without offset as RFC 3339 has it`
  return isText
    ? new ValueFault(
        'bad-value',
        `${what}: to store a moment say whose clock the column shows with timezone:`,
      )
    : new ValueFault('wrong-kind', what)
}

function floorTo(micros: number, step: number): number {
  return Math.floor(micros / step) * step
}

function floorToBig(micros: bigint, step: bigint): bigint {
  const rest = micros % step
  return micros - (rest < 0n ? rest + step : rest)
}

/** A timestamptz as the text that PostgreSQL reads, where it cannot travel as a number: in arrays and keys. */
export function inText(read: ReadValue): ReadValue {
  return (kind, bytes, start, end) => {
    const micros = read(kind, bytes, start, end)
    if (typeof micros !== 'number' && typeof micros !== 'bigint') return micros
    return `${timestampText(BigInt(micros))}Z`
  }
}
