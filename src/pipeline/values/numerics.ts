import type { Decimal } from './decimal.ts'
import { canonicalDecimal, digitsBeforePoint, parseDecimal } from './decimal.ts'
import type { Encode } from './value-codec.ts'
import { ValueFault, badValue, outOfRange, wrongKind } from './value-codec.ts'

// Of a numeric without modifiers. https://www.postgresql.org/docs/18/datatype-numeric.html
const maxBeforePoint = 131_072
const maxAfterPoint = 16_383
/** PostgreSQL reads none beyond, not even of zero. */
const maxExponent = 1_073_741_823

/**
 * `numeric` and `numeric(p,s)`. Digits are kept as they are given, since PostgreSQL shows a numeric without modifiers with
 * as many digits after the point. What PostgreSQL would round is refused.
 */
export function numericEncoder([precision, scale = 0]: readonly number[]): Encode {
  const faultOf = (value: unknown, decimal: Decimal) =>
    rangeFault(decimal) ?? (precision === undefined ? undefined : roomFault(value, decimal, precision, scale))
  return (value) => {
    const text = decimalText(value)
    if (typeof text !== 'string') return text
    const decimal = parseDecimal(text)
    if (decimal === undefined) return badValue(value, 'a number in decimal notation')
    return faultOf(value, decimal) ?? (typeof value === 'number' ? value : text)
  }
}

/** The text of what may stand for a number; a string may still be none. */
function decimalText(value: unknown): string | ValueFault {
  if (typeof value === 'string') return value
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'number') return wrongKind(value, 'a number')
  return Number.isFinite(value) ? String(value) : badValue(value, 'a finite number')
}

/** The key text of an encoded numeric. */
export function numericKeyText(encoded: string | number | bigint): string {
  const text = String(encoded)
  const decimal = parseDecimal(text)
  return decimal === undefined ? text : canonicalDecimal(decimal)
}

/** Whether PostgreSQL can represent it at all; told from the exponent, without writing its digits out. */
export function rangeFault(decimal: Decimal): ValueFault | undefined {
  const { digits, scale, writtenExponent } = decimal
  if (digits !== '' && digitsBeforePoint(decimal) > maxBeforePoint)
    return new ValueFault('bad-value', `has more than ${maxBeforePoint} digits before the point`)
  if (scale > maxAfterPoint)
    return new ValueFault('bad-value', `has more than ${maxAfterPoint} digits after the point`)
  if (Math.abs(writtenExponent) <= maxExponent) return undefined
  return new ValueFault('bad-value', `has an exponent beyond ${maxExponent}`)
}

/** The scale may be negative, which keeps multiples of a power of ten, or greater than the precision. */
function roomFault(
  value: unknown,
  decimal: Decimal,
  precision: number,
  scale: number,
): ValueFault | undefined {
  if (decimal.digits === '') return undefined
  const type = `numeric(${precision},${scale})`
  if (digitsBeforePoint(decimal) > precision - scale) return outOfRange(value, type)
  if (-decimal.exponent > scale)
    return new ValueFault('bad-value', `has more decimal places than ${type} keeps`)
  return undefined
}
