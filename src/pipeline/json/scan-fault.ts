import { isUtf8 } from 'node:buffer'
import { ascii, preview } from '#core/preview.ts'
import {
  backslash,
  closeBrace,
  closeBracket,
  maxDepth,
  openBrace,
  openBracket,
  pastNonAscii,
  quote,
} from './syntax.ts'
import type { Segments } from './wanted.ts'

/** Why a text is rejected, and at which byte that was seen. */
export type ScanFault =
  | { readonly kind: 'not-utf8' | 'too-deep' | 'not-json'; readonly at: number }
  /** A wanted value, or one around it, is there twice; `path` leads to it, and `at` is its second name. */
  | { readonly kind: 'duplicate-key'; readonly at: number; readonly path: Segments }

/** Why the text between `from` and `to` is rejected, which is JSON as far as `at`. That is rare, so it may read it all again. */
export function faultAt(bytes: Buffer, from: number, to: number, at: number): ScanFault {
  if (!isUtf8(bytes.subarray(from, to))) return { kind: 'not-utf8', at: firstNotUtf8(bytes, from, to) }
  return { kind: isTooDeep(bytes, from, to, at) ? 'too-deep' : 'not-json', at }
}

/**
 * The fault for people, in ASCII, with a short quotation of the text at most.
 *
 * @param what the text is
 */
export function faultText(
  fault: ScanFault,
  bytes: Buffer,
  from: number,
  to: number,
  what = 'the data',
): string {
  switch (fault.kind) {
    case 'not-utf8':
      return `${what} is not valid UTF-8`
    case 'too-deep':
      return `${what} is nested more than ${maxDepth} levels deep`
    case 'not-json':
      return `${what} is not JSON: ${parserMessage(bytes.toString('utf8', from, to))}`
    case 'duplicate-key':
      return `${preview(shownPath(fault.path))} occurs twice`
  }
}

function firstNotUtf8(bytes: Buffer, from: number, to: number): number {
  let at = from
  while (at >= 0 && at < to) at = (bytes[at] as number) < 0x80 ? at + 1 : pastNonAscii(bytes, at, to)
  return at < 0 ? ~at : at
}

/** Whether a bracket at `at` opens one level too many. All before it is known to be JSON. */
function isTooDeep(bytes: Buffer, from: number, to: number, at: number): boolean {
  if (at >= to || (bytes[at] !== openBrace && bytes[at] !== openBracket)) return false
  let depth = 0
  let isInText = false
  for (let i = from; i < at; i++) {
    const byte = bytes[i]
    if (isInText) {
      if (byte === backslash) i += 1
      else if (byte === quote) isInText = false
    } else if (byte === quote) isInText = true
    else if (byte === openBrace || byte === openBracket) depth += 1
    else if (byte === closeBrace || byte === closeBracket) depth -= 1
  }
  return depth === maxDepth
}

function parserMessage(text: string): string {
  try {
    JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
  } catch (error) {
    // The parser quotes the input at length; its first words say what is wrong.
    return error instanceof Error ? ascii(error.message.slice(0, 100)) : String(error)
  }
  return 'unexpected byte'
}

/** As in `items[0].customer.id`; a name that is not so simple is quoted. */
function shownPath(path: Segments): string {
  const parts = path.map((segment) => {
    if (typeof segment === 'number') return `[${segment}]`
    return `.${/^\w+$/.test(segment) ? segment : JSON.stringify(segment)}`
  })
  return parts.join('').replace(/^\./, '')
}
