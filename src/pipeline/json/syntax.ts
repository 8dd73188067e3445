// The grammar of JSON over bytes. Each function goes past something that begins at `at`, or inside of which `at` stands,
// and gives where it ends; where it is not what it should be, the complement (`~`) of the first byte that is wrong, which
// is negative. No byte at or beyond `to` is read: it belongs to another message.

/** What stands at a place. The order is relied on: those from `object` on are no scalars. */
export const valueKinds = {
  missing: 0,
  null: 1,
  true: 2,
  false: 3,
  number: 4,
  /** A text of printable ASCII without escapes: its bytes are its characters. */
  plainText: 5,
  /** Any other text. */
  text: 6,
  object: 7,
  array: 8,
  /** Something on the way to it is neither null nor of the right kind: `customer.id` where customer is a string. */
  blocked: 9,
} as const

export type ValueKind = (typeof valueKinds)[keyof typeof valueKinds]

/** Far more than any message needs. It bounds the recursion, too. */
export const maxDepth = 64

const space = 0x20
export const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const colon = 0x3a
export const openBracket = 0x5b
export const backslash = 0x5c
export const closeBracket = 0x5d
export const openBrace = 0x7b
export const closeBrace = 0x7d

/** Printable ASCII without quotes and escapes: what stands for itself in a text. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= space && byte < 0x7f && byte !== quote && byte !== backslash ? 1 : 0,
)
/** What may stand after a backslash, apart from `u`. */
const simpleEscape = Uint8Array.from({ length: 256 }, (_, byte) =>
  '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0,
)
const words = {
  null: Uint8Array.from(Buffer.from('null')),
  true: Uint8Array.from(Buffer.from('true')),
  false: Uint8Array.from(Buffer.from('false')),
}

/** The byte at `at`; -1 at the end. */
export function byteAt(bytes: Buffer, at: number, to: number): number {
  return at < to ? (bytes[at] as number) : -1
}

export function pastSpace(bytes: Buffer, at: number, to: number): number {
  let end = at
  while (end < to) {
    const byte = bytes[end] as number
    if (byte > space || (byte !== space && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break
    end += 1
  }
  return end
}

/** From inside a text to the first byte that does not stand for itself, its closing quote in most texts. */
export function pastPlain(bytes: Buffer, at: number, to: number): number {
  let end = at
  while (end < to && plain[bytes[end] as number] === 1) end += 1
  return end
}

/** From inside a text to its closing quote. */
export function pastText(bytes: Buffer, at: number, to: number): number {
  let end = pastPlain(bytes, at, to)
  while (byteAt(bytes, end, to) !== quote) {
    end = pastOther(bytes, end, to)
    if (end < 0) return end
    end = pastPlain(bytes, end, to)
  }
  return end
}

/** Past one character of a text that does not stand for itself. */
function pastOther(bytes: Buffer, at: number, to: number): number {
  const byte = byteAt(bytes, at, to)
  if (byte === backslash) return pastEscape(bytes, at, to)
  if (byte >= 0x80) return pastNonAscii(bytes, at, to)
  return byte === 0x7f ? at + 1 : ~at
}

function pastEscape(bytes: Buffer, at: number, to: number): number {
  const escaped = byteAt(bytes, at + 1, to)
  if (escaped < 0) return ~to
  if (simpleEscape[escaped] === 1) return at + 2
  if (escaped !== 0x75) return ~(at + 1)
  for (let i = at + 2; i < at + 6; i++) if (!isHex(byteAt(bytes, i, to))) return ~i
  return at + 6
}

/** Past a character beyond ASCII, as table 3-7 of the Unicode standard has it. */
export function pastNonAscii(bytes: Buffer, at: number, to: number): number {
  const lead = bytes[at] as number
  if (lead < 0xc2 || lead > 0xf4) return ~at
  const second = byteAt(bytes, at + 1, to)
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < least || second > most) return ~at
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  for (let i = at + 2; i < at + length; i++) if (byteAt(bytes, i, to) >> 6 !== 2) return ~at
  return at + length
}

/** What follows the number is the caller's question: the `1` of `01`. */
function pastNumber(bytes: Buffer, at: number, to: number): number {
  let end = byteAt(bytes, at, to) === minus ? at + 1 : at
  end = byteAt(bytes, end, to) === zero ? end + 1 : pastDigits(bytes, end, to)
  if (end < 0) return end
  if (byteAt(bytes, end, to) === 0x2e) {
    end = pastDigits(bytes, end + 1, to)
    if (end < 0) return end
  }
  const mark = byteAt(bytes, end, to)
  if (mark !== 0x65 && mark !== 0x45) return end
  const sign = byteAt(bytes, end + 1, to)
  return pastDigits(bytes, sign === minus || sign === 0x2b ? end + 2 : end + 1, to)
}

/** At least one. */
function pastDigits(bytes: Buffer, at: number, to: number): number {
  let end = at
  while (end < to && isDigit(bytes[end] as number)) end += 1
  return end === at ? ~at : end
}

/** Past `null`, `true`, `false` or a number, whichever kind {@link scalarKind} says that it is. */
export function pastScalar(bytes: Buffer, kind: ValueKind, at: number, to: number): number {
  if (kind === valueKinds.number) return pastNumber(bytes, at, to)
  const word = kind === valueKinds.null ? words.null : kind === valueKinds.true ? words.true : words.false
  for (let i = 0; i < word.length; i++) if (byteAt(bytes, at + i, to) !== word[i]) return ~(at + i)
  return at + word.length
}

/** The kind of a value that is not a string, object or array, by its first byte. */
export function scalarKind(first: number): ValueKind {
  if (first === 0x6e) return valueKinds.null
  if (first === 0x74) return valueKinds.true
  return first === 0x66 ? valueKinds.false : valueKinds.number
}

/** Past any value, which `depth` objects and arrays surround. */
export function pastValue(bytes: Buffer, at: number, to: number, depth: number): number {
  const first = byteAt(bytes, at, to)
  if (first === quote) {
    const end = pastText(bytes, at + 1, to)
    return end < 0 ? end : end + 1
  }
  if (first !== openBrace && first !== openBracket) return pastScalar(bytes, scalarKind(first), at, to)
  if (depth >= maxDepth) return ~at
  return first === openBrace ? pastObject(bytes, at, to, depth + 1) : pastArray(bytes, at, to, depth + 1)
}

function pastObject(bytes: Buffer, at: number, to: number, depth: number): number {
  let next = pastOpening(bytes, at, to, closeBrace)
  while (next >= 0 && bytes[next - 1] !== closeBrace) {
    if (byteAt(bytes, next, to) !== quote) return ~next
    next = pastText(bytes, next + 1, to)
    if (next >= 0) next = pastColon(bytes, next + 1, to)
    if (next >= 0) next = pastValue(bytes, next, to, depth)
    if (next >= 0) next = pastSeparator(bytes, next, to, closeBrace)
  }
  return next
}

function pastArray(bytes: Buffer, at: number, to: number, depth: number): number {
  let next = pastOpening(bytes, at, to, closeBracket)
  while (next >= 0 && bytes[next - 1] !== closeBracket) {
    next = pastValue(bytes, next, to, depth)
    if (next >= 0) next = pastSeparator(bytes, next, to, closeBracket)
  }
  return next
}

// These stop at the next member or element, or past the closing bracket: which, the byte before tells.

/** From an opening bracket. */
export function pastOpening(bytes: Buffer, at: number, to: number, close: number): number {
  const next = pastSpace(bytes, at + 1, to)
  return byteAt(bytes, next, to) === close ? next + 1 : next
}

/** From the end of a member or an element. */
export function pastSeparator(bytes: Buffer, at: number, to: number, close: number): number {
  const next = pastSpace(bytes, at, to)
  const byte = byteAt(bytes, next, to)
  if (byte === comma) return pastSpace(bytes, next + 1, to)
  return byte === close ? next + 1 : ~next
}

/** From the end of a member's name to its value. */
export function pastColon(bytes: Buffer, at: number, to: number): number {
  const next = pastSpace(bytes, at, to)
  return byteAt(bytes, next, to) === colon ? pastSpace(bytes, next + 1, to) : ~next
}

/** A byte order mark at the start is ignored, as RFC 8259 section 8.1 allows. */
export function pastByteOrderMark(bytes: Buffer, at: number, to: number): number {
  const isThere =
    byteAt(bytes, at, to) === 0xef && byteAt(bytes, at + 1, to) === 0xbb && byteAt(bytes, at + 2, to) === 0xbf
  return isThere ? at + 3 : at
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= zero + 9
}

function isHex(byte: number): boolean {
  const lower = byte | 0x20
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66)
}
