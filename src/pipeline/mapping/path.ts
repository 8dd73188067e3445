import { preview } from '#core/preview.ts'
import { similarName } from '#core/similar.ts'
import type { FieldPath, MetadataPath, Path } from './mapping.ts'
import { metadataNames } from './mapping.ts'

export interface PathFault {
  /** The end of a sentence about the path. */
  readonly what: string
  readonly fix?: string
}

export type ParsedPath = { readonly path: Path } | { readonly fault: PathFault }

/**
 * `customer.id`, `items[0].sku`, `customer."first.name"`, `$publishTime`, `$attributes.NAME`: names divided by dots, indexes
 * in brackets, and `$` before what is not a field. A name in double quotes is a JSON string.
 */
export function parsePath(text: string): ParsedPath {
  try {
    return {
      path: text.startsWith('$') ? dollarPath(text) : { from: 'element', segments: segments(text, 0) },
    }
  } catch (error) {
    if (error instanceof NoPath) return { fault: error.fault }
    throw error
  }
}

/** As a person would write it: what {@link parsePath} makes the same path of. */
export function pathText(path: Path): string {
  if (path.from === 'attributes') return `$attributes.${nameText(path.name)}`
  if (!isFieldPath(path)) return `$${path.from}`
  const text = path.segments
    .map((segment) => (typeof segment === 'number' ? `[${segment}]` : `.${nameText(segment)}`))
    .join('')
  // An index alone would be a list in YAML.
  return path.from === 'element' && text.startsWith('.') ? text.slice(1) : `$${path.from}${text}`
}

export function isFieldPath(path: Path): path is FieldPath {
  return path.from === 'element' || path.from === 'message'
}

/** Whether a path names what only messages of several records have: the element, and the message around it. */
export const needsSplit = (text: string) => /^\$(?:element|message)(?!\w)/.test(text)

/** What needs no quotes: nothing that divides names, that cannot be seen, or that other languages put around names. */
const bareName = /[^.[\]"'\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/uy
const quotedName = /"[^"\\]*(?:\\.[^"\\]*)*"/suy
const index = /\[(0|[1-9]\d{0,8})\]/y

class NoPath extends Error {
  readonly fault: PathFault

  constructor(what: string, fix?: string) {
    super(what)
    this.fault = { what, ...(fix === undefined ? {} : { fix }) }
  }
}

function dollarPath(text: string): Path {
  const [prefix, word = ''] = /^\$(\w*)/.exec(text) ?? ['']
  if (word === 'element' || word === 'message') return { from: word, segments: segments(text, prefix.length) }
  if (word === 'attributes') return attributePath(text, prefix.length)
  const from = metadataNames.find((name) => name === word)
  if (from === undefined) throw unknownWord(text, word)
  if (text === prefix) return { from }
  throw new NoPath(`is not a path: ${prefix} has no members`, `write ${prefix}`)
}

function attributePath(text: string, start: number): MetadataPath {
  const wanted = 'write $attributes.NAME, or $attributes."a.b" for a name with dots, brackets or quotes'
  if (text[start] !== '.') throw new NoPath('is not a path: it names no attribute', wanted)
  const [name, end] = nameAt(text, start + 1)
  if (end < text.length)
    throw new NoPath('is not a path: an attribute is a text, which has no members', wanted)
  return { from: 'attributes', name }
}

function unknownWord(text: string, word: string): NoPath {
  if (word === '') {
    // As in JSONPath.
    const rest = text.slice(text.startsWith('$.') ? 2 : 1)
    return new NoPath(
      'is not a path: nothing stands after $',
      rest === '' ? 'all of the message is $data' : `a path to a field begins with its name: ${rest}`,
    )
  }
  const known = [...metadataNames, 'attributes', 'message', 'element']
  const similar = similarName(word, known)
  return new NoPath(
    `is not a path: $${word} is unknown`,
    similar === undefined
      ? `write one of ${known.map((name) => `$${name}`).join(', ')}; or, for a field of that name, '"$${word}"' with both quotes`
      : `did you mean $${similar}?`,
  )
}

/** What stands from `start` on: at the beginning of a text a name follows, after that a dot or a bracket. */
function segments(text: string, start: number): (string | number)[] {
  const found: (string | number)[] = []
  let at = start
  while (at < text.length || at === 0) {
    if (text[at] === '[') {
      const [, digits = ''] = matchAt(index, text, at) ?? fail(indexFault(text.slice(at)))
      found.push(Number(digits))
      at += digits.length + 2
      continue
    }
    if (at > 0 && text[at] !== '.') throw strayCharacter(text, at)
    const [name, end] = nameAt(text, at === 0 ? 0 : at + 1)
    found.push(name)
    at = end
  }
  return found
}

/** The name that begins there, and where it ends. */
function nameAt(text: string, start: number): readonly [string, number] {
  const quoted = matchAt(quotedName, text, start)?.[0]
  const written = quoted ?? matchAt(bareName, text, start)?.[0] ?? fail(noName(text, start))
  const name = quoted === undefined ? checkedBareName(written) : unquoted(quoted)
  if (name === '__proto__') throw new NoPath('is refused: no path may name __proto__')
  return [name, start + written.length]
}

function checkedBareName(name: string): string {
  if (isBare(name)) return name
  const trimmed = name.trim()
  if (trimmed !== '' && trimmed !== name)
    throw new NoPath(
      `is not a path: there are spaces around ${preview(trimmed)}`,
      'remove them, or put the name with its blanks in double quotes',
    )
  throw new NoPath(`is not a path: the name ${preview(name)} needs quotes`, inQuotes(name))
}

const isBare = (name: string) =>
  matchAt(bareName, name, 0)?.[0] === name && name.trim() === name && name[0] !== '$'

const nameText = (name: string) => (isBare(name) ? name : JSON.stringify(name))

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string
  } catch {
    throw new NoPath(
      `is not a path: ${preview(text)} is not a JSON string`,
      'escape as in JSON: \\" and \\\\',
    )
  }
}

function noName(text: string, start: number): NoPath {
  const next = text[start]
  if (text === '') return new NoPath('is not a path: it is empty')
  if (next === undefined)
    return new NoPath('is not a path: nothing stands after its last dot', 'remove the dot')
  if (next === '.') return new NoPath('is not a path: a name is missing beside a dot', 'remove the dot')
  if (next === '[')
    return new NoPath('is not a path: an index stands after a dot', 'remove the dot: items[0]')
  if (next === '"') return new NoPath('is not a path: a double quote is not closed')
  return strayCharacter(text, start)
}

const strayCharacter = (text: string, at: number) =>
  new NoPath(
    `is not a path: ${preview(String.fromCodePoint(text.codePointAt(at) ?? 0))} cannot stand there`,
    'put a name with dots, brackets, quotes or invisible characters in double quotes: customer."first.name"',
  )

function indexFault(rest: string): NoPath {
  const [shown, inside = ''] = /^\[([^\]]*)\]?/.exec(rest) ?? [rest]
  const name = /^(["'])(.*)\1$/s.exec(inside)?.[2]
  const what = `is not a path: ${preview(shown)} is not an index`
  if (name !== undefined) return new NoPath(what, `write a name after a dot: .${nameText(name)}`)
  if (/^\*?$/.test(inside))
    return new NoPath(what, 'to make a record of each element, name the array in split')
  return new NoPath(what, 'an index counts from 0: items[0]')
}

const inQuotes = (name: string) => `write ${JSON.stringify(name)}`

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function fail(error: NoPath): never {
  throw error
}
