import { textFault } from './texts.ts'
import type { Encode } from './value-codec.ts'
import { badValue, wrongKind } from './value-codec.ts'

/** Of types whose values only PostgreSQL can check: their text as it is. */
export const encodeAsText: Encode = (value) => {
  switch (typeof value) {
    case 'string':
      return textFault(value) ?? value
    case 'number':
      return Number.isFinite(value) ? String(value) : badValue(value, 'a finite number')
    case 'bigint':
    case 'boolean':
      return String(value)
    default:
      return wrongKind(value, 'a string')
  }
}
