import { parseDecimal } from './decimal.ts'
import { rangeFault } from './numerics.ts'
import { textFault } from './texts.ts'
import type { Encode } from './value-codec.ts'
import { ValueFault, wrongKind } from './value-codec.ts'

/**
 * Far less than what any stack bears. PostgreSQL reads it with one of 2 MB, unless configured otherwise, which is enough for more
 * than 10,000 levels.
 */
const maxDepth = 1000

/** A string is JSON text, so that its numbers keep their digits; anything else becomes JSON. */
export const encodeJson: Encode = (value) => {
  const text = jsonText(value)
  return typeof text === 'string' ? (escapeFault(text) ?? scanFault(text) ?? text) : text
}

/**
 * As {@link encodeJson}, but a number in JSON text must be one of numeric: that is how PostgreSQL keeps it. JavaScript's
 * own all are.
 */
export const encodeJsonb: Encode = (value) => {
  const text = jsonText(value)
  if (typeof text !== 'string') return text
  return escapeFault(text) ?? scanFault(text, typeof value === 'string' ? numberFault : undefined) ?? text
}

/** What is wrong with JSON text that is known to be valid: its characters, its depth, its numbers. */
export function jsonTextFault(text: string, type: 'json' | 'jsonb'): ValueFault | undefined {
  return escapeFault(text) ?? scanFault(text, type === 'jsonb' ? numberFault : undefined)
}

function jsonText(value: unknown): string | ValueFault {
  return typeof value === 'string' ? checkedText(value) : stringified(value)
}

function checkedText(text: string): string | ValueFault {
  const fault = textFault(text)
  if (fault) return fault
  try {
    JSON.parse(text)
    return text
  } catch {
    return new ValueFault(
      'bad-value',
      'is a string, but not JSON text; JSON.stringify makes one of any value',
    )
  }
}

function stringified(value: unknown): string | ValueFault {
  try {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) return wrongKind(value, 'a value that JSON can hold')
    // JSON.stringify writes it for a number that it cannot write.
    return text.includes('null') && losesNumber(value)
      ? new ValueFault('bad-value', 'contains NaN, an infinity or an invalid Date, which JSON cannot hold')
      : text
  } catch (error) {
    // A RangeError is the end of the stack.
    if (error instanceof RangeError) return tooDeep()
    return new ValueFault(
      'wrong-kind',
      'cannot become JSON: it is cyclic, contains a bigint, or its toJSON throws',
    )
  }
}

/** Whether a number or the time of a Date becomes null. */
function losesNumber(value: unknown): boolean {
  let loses = false
  JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key, inner: unknown) {
    const isInvalidDate = inner === null && this[key] instanceof Date
    loses ||= isInvalidDate || (typeof inner === 'number' && !Number.isFinite(inner))
    return inner
  })
  return loses
}

/** PostgreSQL's jsonb takes no escape of NUL, and surrogates in pairs only; its json cannot be read for what it takes. */
function escapeFault(text: string): ValueFault | undefined {
  if (!text.includes('\\u')) return undefined
  /** Where the other half of a pair must begin. */
  let expectedAt = -1
  for (const { index, 0: escape } of text.matchAll(/\\(?:u[\da-fA-F]{4}|.)/g)) {
    const unit = escape.length === 6 ? Number.parseInt(escape.slice(2), 16) : undefined
    if (unit === 0) return new ValueFault('bad-value', 'contains an escaped NUL character')
    const isLow = unit !== undefined && unit >= 0xdc00 && unit <= 0xdfff
    if (isLow !== (index === expectedAt) || (expectedAt >= 0 && !isLow)) return loneSurrogate()
    const isHigh = unit !== undefined && unit >= 0xd800 && unit <= 0xdbff
    expectedAt = isHigh ? index + escape.length : -1
  }
  return expectedAt >= 0 ? loneSurrogate() : undefined
}

function loneSurrogate(): ValueFault {
  return new ValueFault('bad-value', 'contains a lone surrogate, escaped, which is not valid Unicode')
}

function tooDeep(): ValueFault {
  return new ValueFault('bad-value', `is nested more than ${maxDepth} levels deep`)
}

/** Of one pass over valid JSON: whether it is too deep, and what is wrong with its numbers where that is asked. */
function scanFault(text: string, faultOfNumber?: typeof numberFault): ValueFault | undefined {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === quote) at = endOfString(text, at)
    else if (isOpening(character)) {
      depth += 1
      if (depth > maxDepth) return tooDeep()
    } else if (isClosing(character)) depth -= 1
    else if (faultOfNumber && isOfNumber(character)) {
      const end = endOfNumber(text, at)
      const fault = faultOfNumber(text.slice(at, end))
      if (fault) return fault
      at = end - 1
    }
  }
  return undefined
}

const quote = 0x22

function isOpening(character: number): boolean {
  return character === 0x5b || character === 0x7b
}

function isClosing(character: number): boolean {
  return character === 0x5d || character === 0x7d
}

/** Digits, signs and the point: outside of strings, these are of numbers only. */
function isOfNumber(character: number): boolean {
  return character >= 0x2b && character <= 0x39 && character !== 0x2c
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1
  while (isOfNumber(text.charCodeAt(end)) || isExponentMark(text.charCodeAt(end))) end += 1
  return end
}

function isExponentMark(character: number): boolean {
  return character === 0x65 || character === 0x45
}

/** Without an exponent, a short number is in range. */
const shortNumber = /^[^eE]{1,16000}$/

function numberFault(number: string): ValueFault | undefined {
  if (shortNumber.test(number)) return undefined
  const decimal = parseDecimal(number)
  const fault = decimal && rangeFault(decimal)
  return fault && new ValueFault('bad-value', `contains a number that ${fault.what}`)
}

/** Where the string ends that begins here: its closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  for (;;) {
    at = text.indexOf('"', at)
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return at
    at += 1
  }
}
