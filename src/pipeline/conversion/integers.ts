import { valueKinds } from '../json/syntax.ts'
import { textOf } from '../json/values.ts'
import { parseDecimal } from '../values/decimal.ts'
import { integerEncoder } from '../values/integers.ts'
import { ValueFault } from '../values/value-codec.ts'
import type { ReadValue } from './json-value.ts'
import { shownValue } from './shown-value.ts'

/** Whole numbers of up to so many digits are exact, however they are computed. */
const exactDigits = 15
/** More than any bigint has. */
const maxDigits = 20
const [minus, zero] = [0x2d, 0x30]

const maxOf = { smallint: 2 ** 15 - 1, integer: 2 ** 31 - 1, bigint: Number.MAX_SAFE_INTEGER } as const

/** A number whose value is whole (`5`, `5.0`, `5e3`), or a string of digits. */
export function integerReader(type: keyof typeof maxOf): ReadValue {
  const encode = integerEncoder(type)
  const max = maxOf[type]
  return (kind, bytes, start, end) => {
    switch (kind) {
      case valueKinds.null:
        return null
      case valueKinds.number: {
        const whole = wholeNumberAt(bytes, start, end)
        if (whole !== undefined && whole <= max && whole >= -max) return whole
        const shown = shownValue(kind, bytes, start, end)
        const digits = wholeDigits(bytes.toString('latin1', start, end))
        if (digits === undefined) return new ValueFault('bad-value', `is ${shown}, not a whole number`)
        const value = encode(digits)
        return value instanceof ValueFault
          ? new ValueFault('bad-value', `is ${shown}, out of range for ${type}`)
          : value
      }
      case valueKinds.plainText:
      case valueKinds.text:
        return encode(textOf(bytes, kind, start, end))
      default:
        return new ValueFault('wrong-kind', `is ${shownValue(kind, bytes, start, end)}, not a whole number`)
    }
  }
}

/** A JSON number that is written as a whole one, of so few digits that it is exact; undefined where it is not. */
export function wholeNumberAt(bytes: Buffer, start: number, end: number): number | undefined {
  const isNegative = bytes[start] === minus
  const first = isNegative ? start + 1 : start
  if (end - first > exactDigits) return undefined
  let value = 0
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] as number) - zero
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  // Zero has no sign.
  return isNegative && value !== 0 ? -value : value
}

/** All digits of a number in decimal notation; undefined where its value is not whole. */
function wholeDigits(text: string): string | undefined {
  const decimal = parseDecimal(text)
  if (decimal === undefined) return undefined
  const { isNegative, digits, exponent } = decimal
  if (digits === '') return '0'
  if (exponent < 0) return undefined
  // With more zeros it is as far out of range.
  return `${isNegative ? '-' : ''}${digits}${'0'.repeat(Math.min(exponent, maxDigits))}`
}
