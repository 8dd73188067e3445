/** Characters that a terminal obeys, or that change how the rest is read: foreign text must not control the terminal. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Foreign text made safe to print: unsafe characters are escaped; line breaks and tabs are kept for `lines`. */
export function plain(text: string, lines: 'one line' | 'lines'): string {
  return text.replace(unsafe, (one) => {
    if (lines === 'lines' && (one === '\n' || one === '\t')) return one
    const code = (one.codePointAt(0) as number).toString(16)
    return short[one] ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`)
  })
}

/** As {@link plain}, as one line of at most `maxLength` characters. */
export function plainLine(text: string, maxLength: number): string {
  const line = plain(text.slice(0, maxLength), 'one line')
  return text.length > maxLength ? `${line}...` : line
}
