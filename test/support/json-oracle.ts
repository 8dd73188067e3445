// What a scan of a JSON text must find, as tokens and JSON.parse say it: another way to read than the scanner's.
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { anyCharacter } from './text.ts'

type Path = readonly (string | number)[]

/** A value, with what a JavaScript value loses: digits, order, and members that are there twice. */
export type Read =
  | { readonly kind: 'null' | 'true' | 'false' | 'number' | 'text'; readonly source: string }
  | {
      readonly kind: 'object'
      readonly members: readonly (readonly [name: string, value: Read])[]
      readonly source: string
    }
  | { readonly kind: 'array'; readonly elements: readonly Read[]; readonly source: string }

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/** The value of a text that JSON.parse accepts. */
export function readOf(text: string): Read {
  const tokens = [...text.matchAll(token)].map(({ 0: word, index }) => ({
    word,
    end: index + word.length,
    index,
  }))
  let next = 0
  const take = () => {
    const taken = tokens[next++]
    if (!taken) throw new Error(`${text} ends too early`)
    return taken
  }
  const isWord = (word: string) => tokens[next]?.word === word && ++next > 0
  const value = (): Read => {
    const { word, index } = take()
    const source = () => text.slice(index, tokens[next - 1]?.end)
    if (word === '{') {
      const members: [string, Read][] = []
      while (!isWord('}')) {
        isWord(',')
        const name = JSON.parse(take().word) as string
        take()
        members.push([name, value()])
      }
      return { kind: 'object', members, source: source() }
    }
    if (word === '[') {
      const elements: Read[] = []
      while (!isWord(']')) {
        isWord(',')
        elements.push(value())
      }
      return { kind: 'array', elements, source: source() }
    }
    if (word === 'null' || word === 'true' || word === 'false') return { kind: word, source: word }
    return { kind: word.startsWith('"') ? 'text' : 'number', source: word }
  }
  return value()
}

/** What stands at a path, and whether a member on the way is there twice. */
export function at(whole: Read, path: Path): { value: Read | 'missing' | 'blocked'; isTwice: boolean } {
  let value = whole
  for (const segment of path) {
    if (value.kind === 'null') return { value: 'missing', isTwice: false }
    if (value.kind !== (typeof segment === 'string' ? 'object' : 'array'))
      return { value: 'blocked', isTwice: false }
    const found =
      value.kind === 'object'
        ? value.members.filter(([name]) => name === segment).map(([, inner]) => inner)
        : value.kind === 'array'
          ? value.elements.slice(segment as number, (segment as number) + 1)
          : []
    if (found.length > 1) return { value: 'missing', isTwice: true }
    if (!found[0]) return { value: 'missing', isTwice: false }
    value = found[0]
  }
  return { value, isTwice: false }
}

/** How deep objects and arrays are within each other. */
export function depthOf(value: Read): number {
  if (value.kind === 'object') return 1 + Math.max(0, ...value.members.map(([, inner]) => depthOf(inner)))
  if (value.kind === 'array') return 1 + Math.max(0, ...value.elements.map(depthOf))
  return 0
}

/** The text that JSON.parse accepts in these bytes, without a byte order mark; else why there is none. */
export function jsonIn(bytes: Buffer): { text: string } | 'not-utf8' | 'not-json' {
  if (!isUtf8(bytes)) return 'not-utf8'
  const decoded = bytes.toString('utf8')
  const text = decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded
  try {
    JSON.parse(text)
    return { text }
  } catch {
    return 'not-json'
  }
}

const names = [
  'a',
  'b',
  'id',
  '',
  'é',
  '0',
  '__proto__',
  'first.name',
  '"',
  '\\',
  '\n',
  '\ud800',
  '日本',
  'aXb',
  'aYb',
  'toString',
]

const space = fc.oneof(
  { weight: 8, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 }) },
)
const anyOf = (units: string) => fc.constantFrom(...units.split(''))
const digits = fc.string({ unit: anyOf('0123456789'), minLength: 1, maxLength: 20 })
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(
      fc.constant('0'),
      digits.map((text) => `1${text}`),
      anyOf('123456789'),
    ),
    fc.oneof(
      fc.constant(''),
      digits.map((text) => `.${text}`),
    ),
    fc.oneof(
      fc.constant(''),
      fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits).map((all) => all.join('')),
    ),
  )
  .map((parts) => parts.join(''))

/** A character as JSON may write it. */
const written = fc
  .tuple(
    fc.oneof(anyOf('abc"\\/\b\f\n\r\t\u007f\0 é\u{FFFF}😀\ud83d\ude00'), anyCharacter),
    fc.constantFrom('plainly', 'plainly', 'plainly', 'short', 'lower', 'upper'),
  )
  .map(([character, how]) => spelled(character, how))
const text = fc.oneof(
  fc.string({ unit: anyOf('abc 019{}[],:'), maxLength: 12 }).map((all) => JSON.stringify(all)),
  fc.array(written, { maxLength: 8 }).map((all) => `"${all.join('')}"`),
)
const name = fc
  .tuple(
    fc.constantFrom(...names),
    fc.constantFrom('plainly', 'plainly', 'plainly', 'short', 'lower', 'upper'),
  )
  .map(
    ([all, how]) =>
      `"${Array.from(all, (character) => character)
        .map((character) => spelled(character, how))
        .join('')}"`,
  )

function spelled(character: string, how: string): string {
  const json = JSON.stringify(character).slice(1, -1)
  const code = (unit: string) => unit.charCodeAt(0).toString(16).padStart(4, '0')
  const escapes = character
    .split('')
    .map((unit) => `\\u${how === 'upper' ? code(unit).toUpperCase() : code(unit)}`)
  if (how === 'lower' || how === 'upper') return escapes.join('')
  return how === 'short' && character === '/' ? '\\/' : json
}

const between = (open: string, inner: fc.Arbitrary<string>, close: string) =>
  fc
    .tuple(
      space,
      fc.array(
        fc.tuple(space, inner, space).map((all) => all.join('')),
        { maxLength: 5 },
      ),
      space,
    )
    .map(([before, all, after]) => `${open}${all.join(',') || before}${after}${close}`)

const { value } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false'),
    number,
    text,
    tie('object'),
    tie('object'),
    tie('array'),
  ),
  object: between(
    '{',
    fc.tuple(name, space, fc.constant(':'), space, tie('value')).map((all) => all.join('')),
    '}',
  ),
  array: between('[', tie('value'), ']'),
}))

/** A JSON text, spaced and escaped at random; its names are few, some of them twice in an object. */
export const jsonText = fc
  .tuple(fc.constantFrom('', '', '', '\uFEFF'), space, value, space)
  .map((all) => all.join(''))

/** Paths to what may be in such a text. */
export const jsonPaths = fc.array(
  fc.array(
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: fc.nat(2) }),
    { maxLength: 3 },
  ),
  { maxLength: 8 },
)
