/** The values of an env file, and its faults. */
export interface EnvFile {
  readonly values: ReadonlyMap<string, string>
  /** Where each name stands last; from 1. */
  readonly lines: ReadonlyMap<string, number>
  readonly faults: readonly EnvFileFault[]
}

/** Without the line's text, of which any part may be a secret. */
export interface EnvFileFault {
  readonly line: number
  readonly problem: string
  readonly advice?: string
}

const assignment = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)[ \t]*=(.*)$/
const isQuote = (text: string) => text === '"' || text === "'" || text === '`'
const isBlankOrComment = (text: string) => /^\s*(?:#|$)/.test(text)

/**
 * Reads `NAME=value` lines as `node --env-file` does, but reports every line that it cannot read, and a `#` begins a
 * comment only at the beginning of a line or after a blank. A value may be in quotes of one kind (`"`, `'`, `` ` ``),
 * over several lines; in double quotes `\n` is a line break. `export` may precede the name. If a name appears twice,
 * the last value wins.
 */
export function parseEnvFile(text: string): EnvFile {
  const values = new Map<string, string>()
  const lines = new Map<string, number>()
  const faults: EnvFileFault[] = []
  const all = text.split(/\r\n|\n|\r/)
  let next = 0
  while (next < all.length) {
    const at = next++
    const line = at + 1
    const here = all[at] as string
    if (isBlankOrComment(here)) continue
    const [, name, raw = ''] = assignment.exec(here) ?? []
    if (name === undefined) {
      faults.push({
        line,
        problem: whyNoAssignment(here),
        advice: 'write NAME=value, or # in front of a comment',
      })
      continue
    }
    lines.set(name, line)
    const quote = raw.trimStart()[0] ?? ''
    if (!isQuote(quote)) {
      values.set(name, unquoted(raw))
      continue
    }
    const found = inQuotes(all, at, raw, quote)
    if (!found) {
      faults.push({ line, problem: `the quote ${quote} is not closed${beforeWhat(all, at)}` })
      // Not guessed at: as if it were empty.
      values.set(name, '')
      continue
    }
    values.set(name, quote === '"' ? found.value.replaceAll('\\n', '\n') : found.value)
    next = found.end + 1
    if (isBlankOrComment(found.after)) continue
    faults.push({
      line,
      problem: `there is text after the closing ${quote}`,
      advice: 'put quotes of another kind around it',
    })
  }
  return { values, lines, faults }
}

/** Blanks alone are cut off: what looks like one is part of the value, and for its reader to refuse. */
function unquoted(raw: string): string {
  return raw.replace(/[ \t]#.*$/, '').replace(/^[ \t]+|[ \t]+$/g, '')
}

interface Quoted {
  readonly value: string
  /** The index of the line on which it ends, and what stands there behind it. */
  readonly end: number
  readonly after: string
}

/**
 * Undefined where the quote is not closed. What looks like an assignment may be part of the value, as a line of base64 with
 * its `=`; but a quote that opens another assignment's value closes none.
 */
function inQuotes(all: readonly string[], at: number, raw: string, quote: string): Quoted | undefined {
  const parts: string[] = []
  for (let end = at; end < all.length; end++) {
    const text = end === at ? raw.trimStart().slice(1) : (all[end] as string)
    const close = text.indexOf(quote)
    if (close >= 0) {
      const after = text.slice(close + 1)
      if (end > at && opensAnother(text, quote) && after.trim() !== '') return undefined
      return { value: [...parts, text.slice(0, close)].join('\n'), end, after }
    }
    parts.push(text)
  }
  return undefined
}

/** Also of the last line of base64, `AbCd="`, behind whose quote nothing stands. */
function opensAnother(text: string, quote: string): boolean {
  const [, , raw = ''] = assignment.exec(text) ?? []
  return raw.trimStart().startsWith(quote)
}

/** Where the missing quote may have been meant to stand. */
function beforeWhat(all: readonly string[], at: number): string {
  const next = all.findIndex((text, index) => index > at && assignment.test(text))
  return next < 0 ? '' : ` before line ${next + 1}, which looks like the next assignment`
}

function whyNoAssignment(line: string): string {
  if (!line.includes('=')) return 'it is not an assignment'
  const name = line.slice(0, line.indexOf('=')).trim()
  if (name === '') return 'there is no name in front of the ='
  if (/\s/.test(name)) return 'there is a blank in the name'
  return 'a name is made of letters, digits and _, and begins with no digit'
}
