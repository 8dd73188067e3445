import type { Decimal } from './decimal.ts'
import { parseDecimal } from './decimal.ts'
import type { Encode } from './value-codec.ts'
import { ValueFault, badValue, outOfRange, wrongKind } from './value-codec.ts'

/** The number of the type nearest to a value, as PostgreSQL reads its text; `double` is the double nearest to it. */
type Nearest = (double: number, value: unknown) => number

export const encodeDouble: Encode = floatEncoder('double precision', (double) => double)
export const encodeReal: Encode = floatEncoder('real', nearestReal)

/** PostgreSQL refuses what overflows, and what underflows to zero. NaN and infinities are refused here. */
function floatEncoder(type: string, nearest: Nearest): Encode {
  return (value) => {
    const double = doubleOf(value)
    if (double instanceof ValueFault) return double
    const float = nearest(double, value)
    if (!Number.isFinite(float) || (float === 0 && !isZero(value))) return outOfRange(value, type)
    // PostgreSQL keeps the sign of zero, which JavaScript does not write.
    return Object.is(float, -0) ? '-0' : float
  }
}

/** Infinity where it is beyond all doubles. */
function doubleOf(value: unknown): number | ValueFault {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : badValue(value, 'a finite number')
    case 'bigint':
      return Number(value)
    case 'string':
      return parseDecimal(value) ? Number(value) : badValue(value, 'a number in decimal notation')
    default:
      return wrongKind(value, 'a number')
  }
}

function isZero(value: unknown): boolean {
  return typeof value === 'string' ? parseDecimal(value)?.digits === '' : Number(value) === 0
}

/** The key text of an encoded double: the shortest text that means it, without the sign of zero. */
export function doubleKeyText(encoded: string | number | bigint): string {
  return String(Number(encoded))
}

/** The key text of an encoded real: in as few digits as mean this real, six or more. */
export function realKeyText(encoded: string | number | bigint): string {
  const real = Number(encoded)
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(real.toPrecision(digits))
    if (Math.fround(rounded) === real) return String(rounded)
  }
  return String(Number(real.toPrecision(9)))
}

/**
 * The real nearest to a decimal number. A double on the way to it would be rounded a second time: where that lies half way
 * between two reals, and the decimal number does not, the real may be the wrong neighbor.
 */
function nearestReal(double: number, value: unknown): number {
  const nearer = Math.fround(double)
  if (nearer === double) return nearer
  const size = Math.abs(double)
  const even = Math.abs(nearer)
  const other = neighborOf(even, size > even)
  if (size - finite(even) !== finite(other) - size) return nearer
  const decimal = parseDecimal(String(value))
  const order = decimal === undefined ? 0 : compareSize(decimal, size)
  const closest = order === 0 ? even : order > 0 ? Math.max(even, other) : Math.min(even, other)
  return double < 0 ? -closest : closest
}

const real = new Float32Array(1)
const bits = new Int32Array(real.buffer)

/** The next real, up or down; that after the greatest is Infinity. */
function neighborOf(positive: number, isUp: boolean): number {
  real[0] = positive
  bits[0] = (bits[0] as number) + (isUp ? 1 : -1)
  return real[0]
}

/** Where rounding to Infinity begins is half way between the greatest real and what would be next. */
function finite(positive: number): number {
  return positive === Infinity ? 2 ** 128 : positive
}

/** Compares a decimal number without its sign to a double half way between two reals; exactly. */
function compareSize({ digits, exponent }: Decimal, double: number): number {
  // The least distance of two reals is 2^-149, and half of it makes a whole number here.
  const power = 150
  const left = BigInt(digits) * 2n ** BigInt(power) * 10n ** BigInt(Math.max(exponent, 0))
  const right = BigInt(double * 2 ** power) * 10n ** BigInt(Math.max(-exponent, 0))
  return left < right ? -1 : left > right ? 1 : 0
}
