import type { Encode, ValueFault } from './value-codec.ts'
import { badValue, outOfRange, wrongKind } from './value-codec.ts'

const bitsOf = { smallint: 16, integer: 32, bigint: 64 } as const

/** The longest that can be in range: 19 digits and a sign. */
const maxLength = 20
/** Any integer of so few characters is safe. */
const maxSafeLength = 15

/** Each value has one encoding: a number where that is exact, else a bigint. */
export function integerEncoder(type: keyof typeof bitsOf): Encode {
  const max = 2n ** BigInt(bitsOf[type] - 1) - 1n
  const min = -max - 1n
  const checked = (integer: number | bigint, value: unknown): number | bigint | ValueFault =>
    integer < min || integer > max ? outOfRange(value, type) : integer
  return (value) => {
    switch (typeof value) {
      case 'number':
        if (Number.isSafeInteger(value)) return checked(unsigned(value), value)
        // Beyond that a number may stand for its neighbours, too.
        return badValue(value, `a whole number of at most ${Number.MAX_SAFE_INTEGER}`)
      case 'bigint':
        return checked(narrowed(value), value)
      case 'string': {
        const text = withoutLeadingZeros(value)
        if (text === undefined) return badValue(value, 'a whole number in decimal digits')
        if (text.length > maxLength) return outOfRange(value, type)
        return checked(text.length > maxSafeLength ? narrowed(BigInt(text)) : unsigned(Number(text)), value)
      }
      default:
        return wrongKind(value, 'a whole number')
    }
  }
}

/** Zero has no sign in PostgreSQL. */
function unsigned(value: number): number {
  return value === 0 ? 0 : value
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** PostgreSQL would also take spaces around it, `0x10`, `0o17`, `0b11` and `1_000`. */
const notation = /^([+-]?)(\d+)$/

/** Undefined where it is no integer. */
function withoutLeadingZeros(text: string): string | undefined {
  const [, sign, digits] = notation.exec(text) ?? []
  if (digits === undefined) return undefined
  let start = 0
  // A pattern would try each of many zeros as the first digit.
  while (start < digits.length - 1 && digits[start] === '0') start += 1
  return `${sign === '-' ? '-' : ''}${digits.slice(start)}`
}
