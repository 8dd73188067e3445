import type { ParsedNode, YAMLError } from 'yaml'
import { CST, Composer, Lexer, Parser, isAlias, isMap, isScalar, isSeq } from 'yaml'
import { ascii, preview } from '#core/preview.ts'
import { jsonSyntaxFault } from './json-syntax.ts'
import type { MemberPath } from './mapping-error.ts'
import type { SourceNode } from './source-tree.ts'

export interface SourceFault {
  readonly offset: number
  readonly path: MemberPath
  readonly what: string
  readonly fix?: string
}

export interface Source {
  readonly root: SourceNode
  /** Beside them the rest of the file can be checked. */
  readonly faults: readonly SourceFault[]
}

/**
 * What a text says in YAML or JSON, as far as both can: objects, lists, and values. What YAML has beyond that would make a
 * file mean something else than it seems to, or grow when it is read: that is a fault.
 *
 * @returns without a root where nothing can be made of the text
 */
export function readSource(
  text: string,
  format: 'yaml' | 'json',
): Source | { readonly faults: readonly SourceFault[] } {
  const broken = brokenText(text) ?? (format === 'json' ? jsonSyntaxFault(text) : undefined)
  if (broken) return { faults: [{ path: [], ...broken }] }
  const tokens = tokensOf(text)
  if ('tooDeep' in tokens) return { faults: [tokens.tooDeep] }
  const [first, second] = [...new Composer(options).compose(tokens.tokens, true, text.length)]
  if (first === undefined) throw new Error('a composer makes one document at least')
  const syntax = firstOfEachLine(text, first.errors).map(syntaxFault)
  if (syntax.length > 0) return { faults: [...tokens.faults, ...syntax] }
  if (second !== undefined)
    return { faults: [fault(second.range[0], [], 'has more than one document', 'remove what follows ---')] }
  const { contents } = first
  if (contents === null || isEmpty(contents)) {
    return { faults: [fault(0, [], 'is empty', 'see docs/MAPPING.md for what a mapping needs')] }
  }
  const faults: SourceFault[] = [...tokens.faults]
  return { root: nodeOf(contents, [], contents.range[0], faults), faults }
}

/** Names that are there twice are found below: the library compares each with all. */
const options = {
  version: '1.2',
  schema: 'core',
  merge: false,
  uniqueKeys: false,
  prettyErrors: false,
} as const

/** Far more than a mapping needs, and far less than a recursive function can follow. */
const maxDepth = 64
/** Of a file that is something else nobody reads more. */
const maxSyntaxFaults = 100

function fault(offset: number, path: MemberPath, what: string, fix?: string): SourceFault {
  return { offset, path, what, ...(fix === undefined ? {} : { fix }) }
}

/** Characters that nobody means, and line ends that only some count as such. */
function brokenText(text: string): Omit<SourceFault, 'path'> | undefined {
  const offset = text.search(/[^\P{Cc}\t\n\r]|\r(?!\n)/u)
  if (offset < 0) return undefined
  if (text[offset] === '\r')
    return { offset, what: 'has a line that ends with CR alone', fix: 'end lines with LF or CR LF' }
  return {
    offset,
    what: `has the control character ${ascii(text[offset] ?? '')}`,
    fix: 'remove it, or write its escape in double quotes',
  }
}

interface Tokens {
  readonly tokens: readonly CST.Token[]
  readonly faults: readonly SourceFault[]
}

/** Nothing here or in the library that does this recurses; what follows does. */
function tokensOf(text: string): Tokens | { readonly tooDeep: SourceFault } {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  const faults: SourceFault[] = []
  let isScalarNext = false
  for (const lexeme of new Lexer().lex(text)) {
    const type: CST.TokenType | null = isScalarNext ? null : CST.tokenType(lexeme)
    const refused = refusedTokens[type ?? '']
    if (refused && faults.length < maxSyntaxFaults)
      faults.push(fault(parser.offset, [], `has ${refused.what} ${preview(lexeme.trimEnd())}`, refused.fix))
    isScalarNext = type === 'scalar'
    tokens.push(...parser.next(lexeme))
    if (parser.stack.length > maxDepth)
      return { tooDeep: fault(parser.offset, [], `is nested more than ${maxDepth} levels deep`) }
  }
  tokens.push(...parser.end())
  return { tokens, faults }
}

const refusedTokens: Readonly<Record<string, { readonly what: string; readonly fix: string }>> = {
  anchor: { what: 'the anchor', fix: 'remove it; mapping files have no anchors' },
  alias: { what: 'the alias', fix: 'write what it stands for, or put a text that begins with * in quotes' },
  tag: { what: 'the tag', fix: 'remove it, or put a text that begins with ! in quotes' },
  'directive-line': { what: 'the directive', fix: 'remove it' },
}

/** One fault of syntax mostly causes others beside it. */
function firstOfEachLine(text: string, errors: readonly YAMLError[]): YAMLError[] {
  let end = -1
  return errors
    .toSorted((one, other) => one.pos[0] - other.pos[0])
    .filter(({ pos: [offset] }) => {
      if (offset <= end) return false
      const next = text.indexOf('\n', offset)
      end = next < 0 ? text.length : next
      return true
    })
    .slice(0, maxSyntaxFaults)
}

function syntaxFault({ pos: [offset], code, message }: YAMLError): SourceFault {
  const [, what, fix] = wordings.find(([pattern]) => pattern.test(message)) ?? []
  return fault(offset, [], `is not YAML: ${what ?? ascii(lowerFirst(message))}`, fix ?? hints[code])
}

const lowerFirst = (text: string) => text.replace(/^./u, (first) => first.toLowerCase())

/** Where the library's words are those of YAML's specification. */
const wordings: readonly (readonly [RegExp, what: string, fix: string])[] = [
  [/^Implicit map keys need/, 'a name without a colon', 'write name: value'],
  [
    /^Implicit keys need to be on a single line/,
    'a text where a name should be',
    'look for a missing colon above',
  ],
  [/^Nested mappings are not/, 'a second colon with a blank', 'put a text that has one in quotes'],
  [/^Flow (?:map|sequence) in block/, '{ or [ is not closed, or its lines are not indented', 'close it'],
  [/^Missing closing/, 'a quote is not closed', 'close it'],
]

const hints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent by blanks',
  BAD_SCALAR_START: 'put the text in quotes',
  BAD_INDENT: 'indent the members of one object equally',
  BAD_DQ_ESCAPE: 'write \\\\ for a backslash, or use single quotes',
}

/** @param offset where a person would look for it: of a member its name */
function nodeOf(
  node: ParsedNode | null,
  path: MemberPath,
  offset: number,
  faults: SourceFault[],
): SourceNode {
  const faulty = (what: string, fix?: string): SourceNode => {
    faults.push(fault(offset, path, what, fix))
    return { kind: 'faulty', offset }
  }
  if (isEmpty(node)) return faulty('is empty', 'write a value, or leave it out')
  if (isAlias(node)) return { kind: 'faulty', offset }
  if (isMap(node)) return { kind: 'object', offset, members: membersOf(node, path, faults) }
  if (isSeq(node)) {
    const elements = node.items.map((item, at) => nodeOf(item, [...path, at], item.range[0], faults))
    return { kind: 'list', offset, elements }
  }
  const { value, source = '' } = node as ParsedNode & { readonly value: unknown; readonly source?: string }
  if (typeof value === 'number') {
    if (jsonNumber.test(source)) return { kind: 'scalar', offset, value, json: source }
    return faulty(`is ${ascii(source)}, a number that JSON does not have`, numberFix(source, value))
  }
  const scalar = value as string | boolean | null
  return { kind: 'scalar', offset, value: scalar, json: JSON.stringify(scalar) }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/

function numberFix(source: string, value: number): string {
  const text = `${JSON.stringify(source)} for a text`
  return Number.isSafeInteger(value) ? `write ${value}, or ${text}` : `write its digits, or ${text}`
}

function membersOf(node: ParsedNode & { readonly items: unknown }, path: MemberPath, faults: SourceFault[]) {
  const members = new Map<string, SourceNode>()
  for (const { key, value } of node.items as { key: ParsedNode | null; value: ParsedNode | null }[]) {
    const offset = key?.range[0] ?? value?.range[0] ?? node.range[0]
    const name = nameOf(key)
    if (typeof name !== 'string') {
      faults.push(fault(offset, path, name.what, name.fix))
      continue
    }
    const member = [...path, name]
    if (members.has(name)) faults.push(fault(offset, member, 'is there twice', 'remove one of them'))
    else if (name === '__proto__') faults.push(fault(offset, member, 'is refused as a name'))
    else members.set(name, nodeOf(value, member, offset, faults))
  }
  return members
}

function nameOf(key: ParsedNode | null): string | { readonly what: string; readonly fix?: string } {
  if (isScalar(key) && typeof key.value === 'string') {
    if (key.value === '<<' && key.type === 'PLAIN')
      return { what: 'has the merge key <<', fix: 'write the members that it stands for' }
    return key.value
  }
  if (isScalar(key) && !isEmpty(key)) {
    const text = key.source ?? ''
    return { what: `has the name ${ascii(text)}, which is not a string`, fix: `write ${preview(text)}` }
  }
  return { what: 'has a member whose name is not a string' }
}

/** Nothing is written there: a name without a value, or a comment only. */
function isEmpty(node: ParsedNode | null): node is null {
  return node === null || (isScalar(node) && node.value === null && node.source === '')
}
