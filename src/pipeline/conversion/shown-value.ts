import { ascii } from '#core/preview.ts'
import { valueKinds } from '../json/syntax.ts'

const maxShown = 60

/** A value as its message has it, for people: cut, and in ASCII. */
export function shownValue(kind: number, bytes: Buffer, start: number, end: number): string {
  switch (kind) {
    case valueKinds.null:
      return 'null'
    case valueKinds.object:
      return 'an object'
    case valueKinds.array:
      return 'an array'
    case valueKinds.plainText:
    case valueKinds.text:
      return `"${cut(bytes, start, end, maxShown - 2)}"`
    default:
      return cut(bytes, start, end, maxShown)
  }
}

function cut(bytes: Buffer, start: number, end: number, length: number): string {
  // No character takes more than four bytes.
  const text = bytes.toString('utf8', start, Math.min(end, start + 4 * length))
  const isCut = text.length > length || end > start + 4 * length
  return isCut ? `${ascii(text.slice(0, length))}...` : ascii(text)
}
