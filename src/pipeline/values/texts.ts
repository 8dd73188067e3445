import type { Encode } from './value-codec.ts'
import { ValueFault, wrongKind } from './value-codec.ts'

/** PostgreSQL stores no NUL, and a lone surrogate would silently become U+FFFD. */
export function textFault(text: string): ValueFault | undefined {
  if (text.includes('\0')) return new ValueFault('bad-value', 'contains a NUL character')
  if (text.isWellFormed()) return undefined
  return new ValueFault('bad-value', 'contains a lone surrogate, which is not valid Unicode')
}

export const encodeText: Encode = (value) => {
  if (typeof value !== 'string') return wrongKind(value, 'a string')
  return textFault(value) ?? value
}

/** `varchar(n)`. PostgreSQL would cut spaces at the end of a longer text without a word; here it is refused. */
export function varcharEncoder(length: number): Encode {
  return (value) => {
    const text = encodeText(value)
    return typeof text === 'string' ? (lengthFault(text, length) ?? text) : text
  }
}

/** `char(n)`, whose trailing spaces do not count: two texts that differ in them only are equal. */
export function charEncoder(length: number): Encode {
  return (value) => {
    const text = encodeText(value)
    if (typeof text !== 'string') return text
    const unpadded = withoutTrailingSpaces(text)
    return lengthFault(unpadded, length) ?? unpadded
  }
}

const maxNameBytes = 63

/** `name`, an identifier. PostgreSQL would cut a longer one without a word; here it is refused. */
export const encodeName: Encode = (value) => {
  const text = encodeText(value)
  if (typeof text !== 'string') return text
  const bytes = Buffer.byteLength(text)
  if (bytes <= maxNameBytes) return text
  return new ValueFault('bad-value', `has ${bytes} bytes; a name has at most ${maxNameBytes}`)
}

/** Characters are code points, as PostgreSQL counts them. */
function lengthFault(text: string, length: number): ValueFault | undefined {
  // No text has more code points than UTF-16 units.
  if (text.length <= length) return undefined
  const characters = Array.from(text).length
  if (characters <= length) return undefined
  return new ValueFault('bad-value', `has ${characters} characters; the type holds ${length}`)
}

function withoutTrailingSpaces(text: string): string {
  let end = text.length
  while (text[end - 1] === ' ') end -= 1
  return text.slice(0, end)
}
