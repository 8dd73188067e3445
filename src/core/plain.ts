/** What a terminal would obey, and what changes how the rest is read: a text must not draw on the reader's terminal. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A stranger's text for people, with escapes in place of what is not plain; of lines, one or all. */
export function plain(text: string, lines: 'one line' | 'lines'): string {
  return text.replace(unsafe, (one) => {
    if (lines === 'lines' && (one === '\n' || one === '\t')) return one
    const code = (one.codePointAt(0) as number).toString(16)
    return short[one] ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`)
  })
}

/** As {@link plain}, one line of it, and no more than so many characters. */
export function plainLine(text: string, maxLength: number): string {
  const line = plain(text.slice(0, maxLength), 'one line')
  return text.length > maxLength ? `${line}...` : line
}
