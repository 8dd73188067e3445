/** A number in decimal notation, taken apart: `digits` times ten to the `exponent`. */
export interface Decimal {
  readonly isNegative: boolean
  /** Without zeros at either end; empty for zero. */
  readonly digits: string
  readonly exponent: number
  /** How many digits are written after the point, zeros included; below 0 where the exponent leaves zeros before it. */
  readonly scale: number
  /** The exponent as it is written; 0 where there is none. */
  readonly writtenExponent: number
}

/** No spaces, underscores or other bases, all of which PostgreSQL takes; and neither `NaN` nor `Infinity`. */
const notation = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/

/** Undefined where it is not decimal notation. */
export function parseDecimal(text: string): Decimal | undefined {
  const [, sign, whole = '', fraction = '', power = '0'] = notation.exec(text) ?? []
  const written = whole + fraction
  if (written === '') return undefined
  const writtenExponent = Number(power)
  const scale = fraction.length - writtenExponent
  let start = 0
  let end = written.length
  while (written[start] === '0') start += 1
  while (end > start && written[end - 1] === '0') end -= 1
  return {
    isNegative: sign === '-',
    digits: written.slice(start, end),
    exponent: written.length - end - scale,
    scale,
    writtenExponent,
  }
}

/** How many digits are before the point; 0 and less for what is smaller than 1. */
export function digitsBeforePoint({ digits, exponent }: Decimal): number {
  return digits.length + exponent
}

/** The longest run of zeros that is written out. */
const maxZeros = 20

/** The one text of a value: plain, or with an exponent where there would be many zeros. Zero has no sign. */
export function canonicalDecimal(decimal: Decimal): string {
  const { isNegative, digits, exponent } = decimal
  if (digits === '') return '0'
  return `${isNegative ? '-' : ''}${unsigned(digits, exponent, digitsBeforePoint(decimal))}`
}

function unsigned(digits: string, exponent: number, before: number): string {
  if (exponent > maxZeros || before < -maxZeros) return `${digits}e${exponent}`
  if (exponent >= 0) return digits + '0'.repeat(exponent)
  if (before <= 0) return `0.${'0'.repeat(-before)}${digits}`
  return `${digits.slice(0, before)}.${digits.slice(before)}`
}
