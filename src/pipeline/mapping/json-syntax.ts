import { preview } from '#core/preview.ts'

export interface SyntaxFault {
  readonly offset: number
  readonly what: string
  readonly fix?: string
}

type Token = 'value' | 'string' | '{' | '}' | '[' | ']' | ':' | ',' | 'end'
type Collection = '{' | '['

const values: readonly Token[] = ['value', 'string', '{', '[']

/** What may come next, and how to say it. */
const states = {
  value: { tokens: values, words: 'a value' },
  firstElement: { tokens: [...values, ']'], words: 'a value or ]' },
  firstName: { tokens: ['string', '}'], words: 'a name in double quotes or }' },
  name: { tokens: ['string'], words: 'a name in double quotes' },
  colon: { tokens: [':'], words: 'a colon' },
  nextElement: { tokens: [',', ']'], words: 'a comma or ]' },
  nextMember: { tokens: [',', '}'], words: 'a comma or }' },
  end: { tokens: ['end'], words: 'the end of the file' },
} satisfies Record<string, { readonly tokens: readonly Token[]; readonly words: string }>
type State = keyof typeof states

/**
 * Why a text is not JSON, and where: `JSON.parse` does not always say where, and YAML takes more than JSON. Keeps its own
 * stack, so that nesting costs memory only.
 */
export function jsonSyntaxFault(text: string): SyntaxFault | undefined {
  const open: Collection[] = []
  let state: State = 'value'
  let offset = 0
  for (;;) {
    offset += matchAt(blanks, text, offset).length
    const token = tokenAt(text, offset)
    if (token === undefined) return { offset, ...unreadable(text, offset) }
    const [kind, length] = token
    const { tokens, words }: { readonly tokens: readonly Token[]; readonly words: string } = states[state]
    if (!tokens.includes(kind)) return { offset, ...unexpected(words, text, offset) }
    if (kind === 'end') return undefined
    state = stateAfter(state, kind, open)
    offset += length
  }
}

/** Opens and closes collections in `open`. */
function stateAfter(state: State, kind: Token, open: Collection[]): State {
  if (kind === '{' || kind === '[') {
    open.push(kind)
    return kind === '{' ? 'firstName' : 'firstElement'
  }
  if (kind === ':') return 'value'
  if (kind === ',') return open.at(-1) === '{' ? 'name' : 'value'
  if (kind === 'string' && (state === 'firstName' || state === 'name')) return 'colon'
  if (kind === '}' || kind === ']') open.pop()
  const inside = open.at(-1)
  if (inside === undefined) return 'end'
  return inside === '{' ? 'nextMember' : 'nextElement'
}

const blanks = /[ \t\n\r]*/y
/** Other control characters are no part of the text. */
const string = /"[^"\\\t\n\r]*(?:\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})[^"\\\t\n\r]*)*"/y
const word = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y

function tokenAt(text: string, offset: number): readonly [Token, number] | undefined {
  const next = text[offset]
  if (next === undefined) return ['end', 0]
  if ('{}[]:,'.includes(next)) return [next as Token, 1]
  const kind = next === '"' ? 'string' : 'value'
  const { length } = matchAt(kind === 'string' ? string : word, text, offset)
  return length === 0 ? undefined : [kind, length]
}

function unreadable(text: string, offset: number): Omit<SyntaxFault, 'offset'> {
  const next = text[offset]
  if (next === '"')
    return { what: 'is not JSON: this string is not closed, or has a character that must be escaped' }
  if (next === '/' || next === '#')
    return { what: 'is not JSON, which has no comments', fix: 'remove it, or write the file as .yaml' }
  const [shown = ''] = /^[\w.+-]+|^./su.exec(text.slice(offset, offset + 80)) ?? []
  const isName = /^['A-Za-z_]/.test(shown)
  return {
    what: `is not JSON: ${preview(shown)} cannot stand there`,
    ...(isName ? { fix: 'texts and names stand in double quotes' } : {}),
  }
}

function unexpected(words: string, text: string, offset: number): Omit<SyntaxFault, 'offset'> {
  const next = text[offset]
  const isTrailingComma = /[}\]]/.test(next ?? '') && text.slice(0, offset).trimEnd().endsWith(',')
  return {
    what: `is not JSON: must be ${words}, not ${next === undefined ? 'the end of the file' : preview(next)}`,
    ...(isTrailingComma ? { fix: 'remove the comma before it' } : {}),
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? ''
}
