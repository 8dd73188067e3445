import { codecOf } from './column-codec.ts'
import type { ValueCodec } from './value-codec.ts'
import { ValueFault, badValue } from './value-codec.ts'

const integer = codecOf({ name: 'bigint', modifiers: [], isArray: false })

/** PostgreSQL's timestamps begin in 4713 BC and end with the year 294276. */
const [earliest, latest] = [-210_866_803_200n, 9_224_318_015_999n]

/** Whole seconds since 1970, which become a timestamptz. */
export const secondsCodec: ValueCodec = {
  encode: (value) => {
    const seconds = integer.encode(value)
    if (seconds === null || seconds instanceof ValueFault) return seconds
    const isInRange = BigInt(seconds) >= earliest && BigInt(seconds) <= latest
    return isInRange ? seconds : badValue(value, 'a time that a timestamptz can hold, in seconds since 1970')
  },
  isCanonical: true,
  keyText: integer.keyText,
}
