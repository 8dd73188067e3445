// Values that are strings, numbers or booleans in JSON, and texts on their way to the database.

import { valueKinds } from '../json/syntax.ts'
import { textOf } from '../json/values.ts'
import type { Encode } from '../values/value-codec.ts'
import { ValueFault } from '../values/value-codec.ts'
import type { ReadValue } from './json-value.ts'
import { shownValue } from './shown-value.ts'

/** Of texts, and of types whose values only PostgreSQL can check: a number is the text that it is written with. */
export function textReader(encode: Encode): ReadValue {
  return (kind, bytes, start, end) => {
    switch (kind) {
      case valueKinds.plainText:
      case valueKinds.text:
        return encode(textOf(bytes, kind, start, end))
      case valueKinds.number:
      case valueKinds.true:
      case valueKinds.false:
        return encode(bytes.toString('latin1', start, end))
      case valueKinds.null:
        return null
      default:
        return new ValueFault('wrong-kind', `is ${shownValue(kind, bytes, start, end)}, not a string`)
    }
  }
}

/** The text of printable ASCII is one that every column of texts takes. */
export function plainTextReader(encode: Encode): ReadValue {
  const read = textReader(encode)
  return (kind, bytes, start, end) =>
    kind === valueKinds.plainText ? textOf(bytes, kind, start, end) : read(kind, bytes, start, end)
}

/** Of types that are written as strings only: addresses, UUIDs, dates. */
export function stringReader(encode: Encode, expected: string): ReadValue {
  return (kind, bytes, start, end) => {
    if (kind === valueKinds.plainText || kind === valueKinds.text)
      return encode(textOf(bytes, kind, start, end))
    if (kind === valueKinds.null) return null
    return new ValueFault('wrong-kind', `is ${shownValue(kind, bytes, start, end)}, not ${expected}`)
  }
}

/** Digit by digit, of numbers and of numbers in strings. */
export function numberReader(encode: Encode): ReadValue {
  return (kind, bytes, start, end) => {
    switch (kind) {
      case valueKinds.number:
        return encode(bytes.toString('latin1', start, end))
      case valueKinds.plainText:
      case valueKinds.text:
        return encode(textOf(bytes, kind, start, end))
      case valueKinds.null:
        return null
      default:
        return new ValueFault('wrong-kind', `is ${shownValue(kind, bytes, start, end)}, not a number`)
    }
  }
}

/** `true` and `false`, 1 and 0, and the words that PostgreSQL writes. */
export function booleanReader(encode: Encode): ReadValue {
  return (kind, bytes, start, end) => {
    switch (kind) {
      case valueKinds.true:
        return 'true'
      case valueKinds.false:
        return 'false'
      case valueKinds.number: {
        const text = bytes.toString('latin1', start, end)
        if (text === '1') return 'true'
        if (text === '0') return 'false'
        return new ValueFault(
          'bad-value',
          `is ${shownValue(kind, bytes, start, end)}, not true, false, 1 or 0`,
        )
      }
      case valueKinds.plainText:
      case valueKinds.text:
        return encode(textOf(bytes, kind, start, end))
      case valueKinds.null:
        return null
      default:
        return new ValueFault('wrong-kind', `is ${shownValue(kind, bytes, start, end)}, not a boolean`)
    }
  }
}
