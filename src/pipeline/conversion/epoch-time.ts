import { parseDecimal } from '../values/decimal.ts'

/** What a number of a time may count, since 1970. */
export const timeUnits = ['s', 'ms', 'us', 'ns'] as const
export type TimeUnit = (typeof timeUnits)[number]

/** How many digits of a count of the unit are whole microseconds, before its point; of seconds six behind it. */
const shiftOf: Readonly<Record<TimeUnit, number>> = { s: 6, ms: 3, us: 0, ns: -3 }

/** Digits before the point that a time may have, in any unit and with any exponent; beyond that it is out of every range. */
const maxDigits = 40

/**
 * A count of units since 1970 in microseconds; what is less than one is cut, towards the past. Undefined where the text is no
 * number; `too-far` where it is beyond all times.
 */
export function microsOfCount(text: string, unit: TimeUnit): bigint | undefined | 'too-far' {
  const decimal = parseDecimal(text)
  if (decimal === undefined) return undefined
  const { digits, isNegative } = decimal
  if (digits === '') return 0n
  const exponent = decimal.exponent + shiftOf[unit]
  if (digits.length + exponent > maxDigits) return 'too-far'
  if (exponent >= 0) return signed(BigInt(digits + '0'.repeat(exponent)), isNegative)
  const whole = digits.length + exponent <= 0 ? 0n : BigInt(digits.slice(0, exponent))
  // There are digits behind it, and none of them at the end is 0.
  return isNegative ? -whole - 1n : whole
}

function signed(value: bigint, isNegative: boolean): bigint {
  return isNegative ? -value : value
}

/** The same of a whole number that is exact, where its microseconds are, too; undefined where they may not be. */
export function microsOfWhole(count: number, unit: TimeUnit): number | undefined {
  const micros = unit === 'ns' ? Math.floor(count / 1000) : count * 10 ** shiftOf[unit]
  return Number.isSafeInteger(micros) ? micros : undefined
}

/** The year 1, before which no time is taken, and the last microsecond of a bigint. */
export const earliestMicros = -62_135_596_800_000_000n
export const latestMicros = 2n ** 63n - 1n
