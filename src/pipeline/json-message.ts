import { isUtf8 } from 'node:buffer'
import { tooLarge } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import { ascii, preview } from '#core/preview.ts'
import { maxDepth } from './json/syntax.ts'
import { reject } from './rejection.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/**
 * A message's data as a JSON object. Size, encoding and depth are checked before anything is parsed. A byte order
 * mark at the start is ignored, as RFC 8259 section 8.1 allows.
 *
 * @throws DecodeError
 */
export function parseJsonMessage({ data, attributes }: Delivery, maxBytes: number): JsonObject {
  if (data.length === 0) reject('no-data', 'the message has no data')
  if (data.length > maxBytes) {
    reject(tooLarge, `the message has ${data.length} bytes; the limit is ${maxBytes}`)
  }
  checkAttributes(attributes)
  if (!isUtf8(data)) reject('not-utf8', 'the data is not valid UTF-8')
  const text = data.toString('utf8')
  checkDepth(text)
  return asObject(parse(text), 'the message')
}

/** The value as an object. What is not one, or has a key that could reach a prototype, is rejected. */
export function asObject(value: unknown, what: string): JsonObject {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    reject('not-an-object', `${what} is not a JSON object: ${preview(value)}`)
  }
  if (Object.hasOwn(value, '__proto__')) reject('forbidden-key', `${what} has a key "__proto__"`)
  return value as JsonObject
}

/** The named own field, which must be there. Null is not a value. */
export function fieldOf(object: JsonObject, name: string): unknown {
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  if (value === undefined) reject('missing-field', `"${name}" is missing`)
  if (value === null) reject('wrong-type', `"${name}" is null`)
  return value
}

/** A field that must be a string that PostgreSQL can store and compare. */
export function textOf(object: JsonObject, name: string): string {
  const value = fieldOf(object, name)
  if (typeof value !== 'string') reject('wrong-type', `"${name}" must be a string, not ${preview(value)}`)
  return checkText(value, name)
}

/** PostgreSQL stores no NUL, and a lone surrogate would silently become U+FFFD. */
export function checkText(text: string, name: string): string {
  if (text.includes('\0')) reject('bad-text', `"${name}" contains a NUL character`)
  if (!text.isWellFormed())
    reject('bad-text', `"${name}" contains a lone surrogate, which is not valid Unicode`)
  return text
}

/** A field that must be a number. Whether it is the right one is the caller's question. */
export function numberOf(object: JsonObject, name: string): number {
  const value = fieldOf(object, name)
  if (typeof value !== 'number') reject('wrong-type', `"${name}" must be a number, not ${preview(value)}`)
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
  } catch (error) {
    // The parser quotes the input at length; its first words say what is wrong.
    const why = error instanceof Error ? ascii(error.message.slice(0, 100)) : String(error)
    return reject('not-json', `the data is not JSON: ${why}`)
  }
}

function checkAttributes(attributes: Delivery['attributes']): void {
  const name = unstorableAttribute(attributes)
  if (name === undefined) return
  reject('bad-attribute', `the attribute ${preview(name)} contains a NUL character or a lone surrogate`)
}

/** The name of an attribute that PostgreSQL could not store; undefined where there is none. */
export function unstorableAttribute(attributes: Delivery['attributes']): string | undefined {
  for (const name in attributes) {
    // Each by itself: joined, a lone surrogate at the end of one and at the start of the other would make a pair.
    if (!isStorable(name) || !isStorable(attributes[name] as string)) return name
  }
  return undefined
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

const quote = 0x22
const backslash = 0x5c

/** Text with few brackets cannot be deep, and to count them costs a tenth of reading it by character. */
function checkDepth(text: string): void {
  if (count(text, '{') + count(text, '[') > maxDepth && depthOf(text) > maxDepth) {
    reject('too-deep', `the data is nested more than ${maxDepth} levels deep`)
  }
}

/** Counts no further than what is of interest here. */
function count(text: string, bracket: string): number {
  let found = 0
  for (let at = text.indexOf(bracket); at >= 0 && found <= maxDepth; at = text.indexOf(bracket, at + 1)) {
    found += 1
  }
  return found
}

/** One pass over the text; ends where it is known to be too deep. */
function depthOf(text: string): number {
  let depth = 0
  let inString = false
  for (let i = 0; i < text.length && depth <= maxDepth; i++) {
    const unit = text.charCodeAt(i)
    if (inString) {
      if (unit === backslash) i += 1
      else if (unit === quote) inString = false
    } else if (unit === quote) inString = true
    else if (unit === 0x5b || unit === 0x7b) depth += 1
    else if (unit === 0x5d || unit === 0x7d) depth -= 1
  }
  return depth
}
