/** Control characters, and what turns the direction of text: a message must not draw on the reader's terminal. */
const unsafe = /\p{Cc}|[\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/gu

/** A stranger's text for a terminal, with escapes in place of what is not plain; of lines, one or all. */
export function plain(text: string, lines: 'one line' | 'lines'): string {
  return text.replace(unsafe, (unit) => {
    if (lines === 'lines' && (unit === '\n' || unit === '\t')) return unit
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Deeper than any message that is meant; indented, each level costs its depth once more. */
const maxDepth = 64

/**
 * JSON with a line for each value; undefined for what is no JSON object or array, or nested too deep. Its tokens stay
 * as they are: parsed and printed again, large numbers would be rounded and repeated keys lost.
 */
export function prettyJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text) || !isJson(text)) return undefined
  let depth = 0
  let pretty = ''
  const line = () => `\n${'  '.repeat(depth)}`
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') {
      depth += 1
      pretty += token + line()
    } else if (token === '}' || token === ']') {
      depth -= 1
      pretty += line() + token
    } else if (token === ',') pretty += token + line()
    else if (token === ':') pretty += ': '
    else pretty += token.startsWith('"') ? token : token.replaceAll(/\s/g, '')
    if (depth > maxDepth) return undefined
  }
  return pretty
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** `2026-01-31 23:59:59`, in UTC. */
export function utc(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ')
}
