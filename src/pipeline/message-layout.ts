/** What messages that look alike have in common: the same fields in the same order, with values of the same types. */
export interface MessageLayout {
  readonly members: readonly Member[]
  /** What follows the last value. */
  readonly end: Uint8Array
}

/** A value, and what stands before it. */
export interface Member {
  /** The bytes between this value and the one before it, with {@link mayBeSpace} where a space may stand. */
  readonly before: Uint8Array
  readonly kind: 'text' | 'number' | 'word'
  /** Where it stands among the wanted values; -1: it is not wanted. */
  readonly place: number
}

/** Stands for a space or nothing: after a colon, and after a comma. No byte of a message that a layout matches. */
const mayBeSpace = 0xff
const space = 0x20
const quote = 0x22
const backslash = 0x5c
const minus = 0x2d
const zero = 0x30

/** Printable ASCII without quotes and escapes: what stands for itself in a text. */
const plain = /^[ !#-[\]-~]*$/
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= space && byte < 0x7f && byte !== quote && byte !== backslash ? 1 : 0,
)
const gap = String.fromCharCode(mayBeSpace)
const words = ['true', 'false', 'null'].map((word) => Uint8Array.from(Buffer.from(word)))

const maxDepth = 4
/** Bytes between the values: some fifty fields. Messages come from anyone, and one of 20,000 fields is worth no memory. */
const maxBytes = 1024

/** The layout of a message; undefined where it is no object, or has something that no layout has. */
export function layoutOf(message: unknown, paths: readonly string[]): MessageLayout | undefined {
  const members: Member[] = []
  let bytes = 0
  let fixed = ''
  const take = () => {
    const taken = Uint8Array.from(Buffer.from(fixed, 'latin1'))
    bytes += taken.length
    fixed = ''
    return taken
  }
  /** False where it has something that no layout has. */
  const addObject = (value: unknown, path: string, depth: number): boolean => {
    if (value === null || typeof value !== 'object' || Array.isArray(value) || depth > maxDepth) return false
    let separator = '{'
    for (const [name, inner] of Object.entries(value)) {
      // The one name that decoders reject; and one with a dot would be taken for a path.
      if (!plain.test(name) || name === '__proto__' || name.includes('.')) return false
      fixed += `${separator}"${name}":${gap}`
      if (bytes + fixed.length > maxBytes || !addValue(inner, `${path}${name}`, depth)) return false
      separator = `,${gap}`
    }
    fixed += separator === '{' ? '{}' : '}'
    return true
  }
  const addValue = (value: unknown, path: string, depth: number): boolean => {
    const place = paths.indexOf(path)
    const kind = kindOf(value)
    if (kind === undefined) return place < 0 && addObject(value, `${path}.`, depth + 1)
    if (kind === 'word' && place >= 0) return false
    if (kind === 'text') fixed += '"'
    members.push({ before: take(), kind, place })
    if (kind === 'text') fixed += '"'
    return true
  }
  return addObject(message, '', 1) ? { members, end: take() } : undefined
}

function kindOf(value: unknown): Member['kind'] | undefined {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : undefined
  return value === null || typeof value === 'boolean' ? 'word' : undefined
}

// Each of these goes past something that begins at `at`, and gives where it ends; -1 where it is not there. Beyond the
// end of `bytes` all bytes are undefined, and the last thing of a layout is checked to end where the message does.

export function pastFixed(fixed: Uint8Array, bytes: Buffer, at: number): number {
  let end = at
  for (let i = 0; i < fixed.length; i++) {
    const expected = fixed[i]
    if (expected === mayBeSpace) {
      if (bytes[end] === space) end += 1
    } else if (bytes[end] === expected) end += 1
    else return -1
  }
  return end
}

export function pastValue(kind: Member['kind'], bytes: Buffer, at: number): number {
  if (kind === 'text') return pastText(bytes, at)
  return kind === 'number' ? pastNumber(bytes, at) : pastWord(bytes, at)
}

function pastText(bytes: Buffer, at: number): number {
  let end = at
  while (isPlain[bytes[end] as number] === 1) end += 1
  return end
}

/** A whole number. */
function pastNumber(bytes: Buffer, at: number): number {
  const first = bytes[at] === minus ? at + 1 : at
  let end = first
  while (isDigit(bytes[end])) end += 1
  return end === first || (bytes[first] === zero && end > first + 1) ? -1 : end
}

function pastWord(bytes: Buffer, at: number): number {
  const word = words.find((one) => pastFixed(one, bytes, at) >= 0)
  return word ? at + word.length : -1
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= zero + 9
}

/** Whole numbers of up to so many digits are exact, however they are computed. */
const exactDigits = 15

/** The number that stands between `at` and `end`, as `JSON.parse` reads it. */
export function numberBetween(bytes: Buffer, at: number, end: number): number {
  if (end - at > exactDigits) return Number(bytes.toString('latin1', at, end))
  const isNegative = bytes[at] === minus
  let value = 0
  for (let i = isNegative ? at + 1 : at; i < end; i++) value = value * 10 + (bytes[i] as number) - zero
  return isNegative ? -value : value
}
