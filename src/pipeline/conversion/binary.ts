import { isUtf8 } from 'node:buffer'
import { isBase64 } from '../base64.ts'
import { valueKinds } from '../json/syntax.ts'
import { textOf } from '../json/values.ts'
import type { Encode } from '../values/value-codec.ts'
import { ValueFault } from '../values/value-codec.ts'
import type { ReadValue } from './json-value.ts'
import { shownValue } from './shown-value.ts'

/** How bytes may be written in a string. */
export const binaryEncodings = ['base64', 'base64url', 'hex'] as const
export type BinaryEncoding = (typeof binaryEncodings)[number]

/** Bytes that are written in a string, for a bytea. */
export function byteaReader(encoding: BinaryEncoding): ReadValue {
  return bytesReader(encoding, (bytes) => `\\x${bytes.toString('hex')}`)
}

/** The same for a text: the bytes are its UTF-8. */
export function encodedTextReader(encoding: BinaryEncoding, encode: Encode): ReadValue {
  return bytesReader(encoding, (bytes) =>
    isUtf8(bytes)
      ? encode(bytes.toString('utf8'))
      : new ValueFault('bad-value', `has bytes that are not valid UTF-8`),
  )
}

const names: Readonly<Record<BinaryEncoding, string>> = {
  base64: 'base64 with padding, in the standard alphabet',
  base64url: 'base64 in the alphabet of URLs',
  hex: 'pairs of hexadecimal digits',
}

function bytesReader(
  encoding: BinaryEncoding,
  take: (bytes: Buffer) => string | ReturnType<Encode>,
): ReadValue {
  return (kind, bytes, start, end) => {
    if (kind === valueKinds.null) return null
    if (kind !== valueKinds.plainText && kind !== valueKinds.text)
      return new ValueFault('wrong-kind', `is ${shownValue(kind, bytes, start, end)}, not a string of bytes`)
    const decoded = bytesOf(textOf(bytes, kind, start, end), encoding)
    if (decoded) return take(decoded)
    return new ValueFault('bad-value', `is ${shownValue(kind, bytes, start, end)}, not ${names[encoding]}`)
  }
}

/** Undefined where it is written in another way. */
function bytesOf(text: string, encoding: BinaryEncoding): Buffer | undefined {
  switch (encoding) {
    case 'base64': {
      const bytes = Buffer.from(text, 'base64')
      return isBase64(text, bytes.length) ? bytes : undefined
    }
    case 'base64url': {
      const unpadded = text.replace(/={1,2}$/, '')
      const bytes = Buffer.from(unpadded, 'base64url')
      return bytes.toString('base64url') === unpadded ? bytes : undefined
    }
    case 'hex':
      return text.length % 2 === 0 && /^[\da-fA-F]*$/.test(text) ? Buffer.from(text, 'hex') : undefined
  }
}
