import { RecentTexts } from '../recent-texts.ts'
import type { ValueKind } from './syntax.ts'
import {
  byteAt,
  closeBrace,
  closeBracket,
  openBrace,
  openBracket,
  pastColon,
  pastOpening,
  pastPlain,
  pastSeparator,
  pastText,
  pastValue,
  quote,
  scalarKind,
  valueKinds,
} from './syntax.ts'

// Of values that a scanner found valid, by their kinds and spans. A text's quotes are outside of its span.

const recent = new RecentTexts()

/** The characters of a text, with its escapes replaced. It may have lone surrogates and NUL, as JSON may. */
export function textOf(bytes: Buffer, kind: number, start: number, end: number): string {
  if (kind === valueKinds.plainText) return recent.between(bytes, start, end)
  const written = bytes.toString('utf8', start, end)
  return written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written
}

/** A value as it stands in the message: a number with its digits, a text with its quotes and escapes. */
export function sourceOf(bytes: Buffer, kind: number, start: number, end: number): string {
  if (kind === valueKinds.number) return recent.between(bytes, start, end)
  const quotes = isText(kind) ? 1 : 0
  return bytes.toString('utf8', start - quotes, end + quotes)
}

/** Visits the elements of an array, in order. */
export function elementsOf(
  bytes: Buffer,
  start: number,
  end: number,
  visit: (kind: ValueKind, start: number, end: number) => void,
): void {
  let next = pastOpening(bytes, start, end, closeBracket)
  while (bytes[next - 1] !== closeBracket) {
    // The depth is known to be all right.
    const past = pastValue(bytes, next, end, 0)
    const kind = kindAt(bytes, next, past)
    if (isText(kind)) visit(kind, next + 1, past - 1)
    else visit(kind, next, past)
    next = pastSeparator(bytes, past, end, closeBracket)
  }
}

/** The names of an object's members, in order, with each that is there twice. */
export function namesOf(bytes: Buffer, start: number, end: number): string[] {
  const names: string[] = []
  let next = pastOpening(bytes, start, end, closeBrace)
  while (bytes[next - 1] !== closeBrace) {
    const past = pastText(bytes, next + 1, end)
    names.push(textOf(bytes, kindAt(bytes, next, past + 1), next + 1, past))
    // The depth is known to be all right.
    next = pastValue(bytes, pastColon(bytes, past + 1, end), end, 0)
    next = pastSeparator(bytes, next, end, closeBrace)
  }
  return names
}

/** Of the value that lies between `start` and `end`, there with its quotes. */
function kindAt(bytes: Buffer, start: number, end: number): ValueKind {
  const first = byteAt(bytes, start, end)
  if (first === openBrace) return valueKinds.object
  if (first === openBracket) return valueKinds.array
  if (first !== quote) return scalarKind(first)
  return pastPlain(bytes, start + 1, end) === end - 1 ? valueKinds.plainText : valueKinds.text
}

function isText(kind: number): boolean {
  return kind === valueKinds.plainText || kind === valueKinds.text
}
