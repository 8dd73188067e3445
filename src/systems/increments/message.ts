import { badValue, tooLarge } from '#core/dead-letter.ts'
import { ascii, preview } from '#core/preview.ts'
import { Rejection } from '#core/rejection.ts'
import { faultText } from '#pipeline/json/scan-fault.ts'
import { JsonScanner } from '#pipeline/json/scanner.ts'
import { valueKinds } from '#pipeline/json/syntax.ts'
import { namesOf, textOf } from '#pipeline/json/values.ts'
import { encodeUuid } from '#pipeline/values/hexadecimal.ts'

/** By how much the sum of a key grows: a request's body, and the data of the message that becomes of it. */
export interface Increment {
  /** A UUID in lower case, never the nil one. */
  readonly key: string
  /** 1 to 2^63 - 1. */
  readonly value: bigint
}

/** Why a message is none. Few and fixed, since each is the value of a metric's label. */
export const incrementReasons = [
  'no-data',
  tooLarge,
  'not-utf8',
  'too-deep',
  'not-json',
  'not-an-object',
  'duplicate-key',
  'unknown-member',
  'bad-key',
  badValue,
] as const

/**
 * The canonical form has 74 bytes at most, and 330 with each character of its texts as an escape. The rest is for white
 * space, and so that a number that is far too large is told apart from a body that is.
 */
export const maxIncrementBytes = 1024

const maxValue = 2n ** 63n - 1n
const maxDigits = 19
const nilKey = '00000000-0000-0000-0000-000000000000'
const maxNameShown = 40

const members = ['key', 'value'] as const
const scanner = new JsonScanner([[], ...members.map((name) => [name])])
const places = { message: 0, key: 1, value: 2 } as const

/**
 * Reads `{"key": <uuid>, "value": <integer>}` between `from` and `to`. Both members, once each, and no other. Values are
 * exact: no number becomes a double.
 *
 * - The key has hyphens, 8-4-4-4-12 hexadecimal digits in either case, which make the same key. It is not the nil UUID.
 * - The value is written in digits, 1 to 2^63 - 1: no sign, fraction or exponent (`1.0`, `1e3`), and no string.
 *
 * @param what the bytes are, for the details of rejections
 */
export function readIncrement(
  bytes: Buffer,
  from: number,
  to: number,
  what: 'the body' | 'the data',
): Increment | Rejection {
  const fault = scan(bytes, from, to, what)
  if (fault) return fault
  const unknown = unknownMember(bytes)
  if (unknown !== undefined) return new Rejection('unknown-member', `unknown member ${quoted(unknown)}`)
  const key = keyIn(bytes)
  if (key === undefined) return badKey()
  const value = valueIn(bytes)
  if (value === undefined) return new Rejection(badValue, "missing or invalid 'value'")
  return { key, value }
}

/** The key alone: of messages that are rejected for something else, too. */
export function readIncrementKey(...message: Parameters<typeof readIncrement>): Increment['key'] | Rejection {
  return scan(...message) ?? keyIn(message[0]) ?? badKey()
}

function badKey(): Rejection {
  return new Rejection('bad-key', "missing or invalid 'key'")
}

/** Notes where the members are. Undefined: it is a JSON object. */
function scan(...[bytes, from, to, what]: Parameters<typeof readIncrement>): Rejection | undefined {
  if (from === to) return new Rejection('no-data', `${what} is empty`)
  if (to - from > maxIncrementBytes)
    return new Rejection(tooLarge, `${what} has ${to - from} bytes; the limit is ${maxIncrementBytes}`)
  const fault = scanner.scan(bytes, from, to)
  if (fault?.kind === 'duplicate-key')
    return new Rejection(fault.kind, `duplicate member ${quoted(String(fault.path[0]))}`)
  if (fault) return new Rejection(fault.kind, faultText(fault, bytes, from, to, what))
  if (scanner.kinds[places.message] === valueKinds.object) return undefined
  return new Rejection(
    'not-an-object',
    `${what} is not a JSON object: ${preview(bytes.toString('utf8', from, to))}`,
  )
}

/** The one form of each increment, in which equal ones have equal bytes. */
export function writeIncrement({ key, value }: Increment): Buffer {
  return Buffer.from(`{"key":"${key}","value":${value}}`, 'latin1')
}

// Of the message that was scanned last.

function unknownMember(bytes: Buffer): string | undefined {
  const { message } = places
  const names = namesOf(bytes, scanner.starts[message] as number, scanner.ends[message] as number)
  return names.find((name) => !members.some((known) => known === name))
}

function keyIn(bytes: Buffer): string | undefined {
  const kind = scanner.kinds[places.key] as number
  if (kind !== valueKinds.plainText && kind !== valueKinds.text) return undefined
  const [start, end] = [scanner.starts[places.key] as number, scanner.ends[places.key] as number]
  const key = encodeUuid(textOf(bytes, kind, start, end))
  return typeof key === 'string' && key !== nilKey ? key : undefined
}

function valueIn(bytes: Buffer): bigint | undefined {
  if (scanner.kinds[places.value] !== valueKinds.number) return undefined
  const [start, end] = [scanner.starts[places.value] as number, scanner.ends[places.value] as number]
  if (end - start > maxDigits) return undefined
  const text = bytes.toString('latin1', start, end)
  if (!/^[1-9]\d*$/.test(text)) return undefined
  const value = BigInt(text)
  return value <= maxValue ? value : undefined
}

/** For people: cut, and in ASCII. */
function quoted(name: string): string {
  return name.length > maxNameShown ? `'${ascii(name.slice(0, maxNameShown))}...'` : `'${ascii(name)}'`
}
