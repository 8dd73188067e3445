/** What YAML 1.1 or 1.2 takes for something else than a text. Numbers do not begin with a letter. */
const reserved: ReadonlySet<string> = new Set(['null', 'true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n'])

const plainScalar = /^[\p{L}_][\p{L}\p{N}_.-]*$/u

/** Characters that YAML has to have escaped, or that change how a line is read. */
const escaped = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** A text as a key or a value, also inside of `{ }` and `[ ]`: in quotes only where it needs them. */
export function yamlText(text: string): string {
  if (plainScalar.test(text) && !reserved.has(text.toLowerCase())) return text
  if (text.search(escaped) === -1) return `'${text.replaceAll("'", "''")}'`
  return JSON.stringify(text).replace(escaped, (one) => {
    const code = (one.codePointAt(0) as number).toString(16)
    return code.length > 4 ? `\\U${code.padStart(8, '0')}` : `\\u${code.padStart(4, '0')}`
  })
}

/** One as it is, several in brackets. */
export function yamlList(texts: readonly string[]): string {
  const [only = '', ...more] = texts.map(yamlText)
  return more.length === 0 ? only : `[${[only, ...more].join(', ')}]`
}
