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
  for (const token of tokensOf(text)) {
    const opens = token === '{' || token === '['
    if (opens) depth += 1
    if (token === '}' || token === ']') {
      depth -= 1
      pretty += `\n${'  '.repeat(depth)}`
    }
    pretty += token === ':' ? ': ' : token
    if (opens || token === ',') pretty += `\n${'  '.repeat(depth)}`
    if (depth > maxDepth) return undefined
  }
  return pretty
}

/** Of JSON: strings, brackets (a pair that holds nothing is one), colons, commas, and what stands between them. */
function* tokensOf(json: string): Generator<string> {
  const others = /[{[]\s*[}\]]|[{}[\],:"]|[^\s{}[\],:"]+/g
  for (let match = others.exec(json); match; match = others.exec(json)) {
    if (match[0] === '"') others.lastIndex = endOfString(json, match.index)
    const token = json.slice(match.index, others.lastIndex)
    yield /^[{[]\s/.test(token) ? `${token[0]}${token.at(-1)}` : token
  }
}

/** Not by a regular expression: on strings of megabytes they run out of stack. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === '\\') at += 1
    else if (json[at] === '"') return at + 1
  }
  return json.length
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
