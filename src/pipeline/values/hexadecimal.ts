import type { Encode } from './value-codec.ts'
import { badValue, wrongKind } from './value-codec.ts'

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** In the spelling of RFC 9562. PostgreSQL would also take braces, and hyphens after any four digits or none. */
export const encodeUuid: Encode = (value) => {
  if (typeof value !== 'string') return wrongKind(value, 'a string')
  return uuid.test(value) ? value.toLowerCase() : badValue(value, 'a UUID')
}

const hexadecimal = /^\\x[\da-fA-F]*$/

/** Bytes, or PostgreSQL's hexadecimal form of them; its other form, with escapes, takes nearly any text for bytes. */
export const encodeBytea: Encode = (value) => {
  if (value instanceof Uint8Array)
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (typeof value !== 'string') return wrongKind(value, 'a Uint8Array')
  const isBytes = hexadecimal.test(value) && value.length % 2 === 0
  return isBytes ? value.toLowerCase() : badValue(value, 'bytes as "\\x" and hexadecimal digits')
}
