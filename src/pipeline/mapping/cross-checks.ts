import type { z } from 'zod'
import { preview } from '#core/preview.ts'
import type { FileColumnSource } from './column-schema.ts'
import { columnSource } from './column-schema.ts'
import type { FileCondition, FileRule } from './condition-schema.ts'
import type { MemberFault, MemberPath } from './mapping-error.ts'
import { mappingMembers } from './mapping-schema.ts'
import { isOfMode, modeOf } from './mode-rules.ts'
import { needsSplit, parsePath, pathText } from './path.ts'
import { columnNameFault, resource } from './value-schemas.ts'

type Members = typeof mappingMembers

/** The members of a file that are right by themselves. */
interface Draft {
  readonly given: Readonly<Record<string, unknown>>
  readonly key: readonly NamedColumn[]
  readonly version: readonly NamedColumn[]
  readonly deleted: readonly NamedColumn[]
  /** Undefined: something is wrong with it. */
  readonly columns: ReadonlyMap<string, FileColumnSource | undefined>
  readonly rules: readonly (readonly [MemberPath, FileRule])[]
  readonly when: FileCondition | undefined
}

/** A column, and the member that names it. */
interface NamedColumn {
  readonly name: string
  readonly path: MemberPath
}

/** What members show only together. Whatever is wrong by itself is left out, so that all faults are found at once. */
export function crossFaults(given: unknown): MemberFault[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return []
  const draft = draftOf(given as Readonly<Record<string, unknown>>)
  return [
    ...topicFaults(draft),
    ...twiceFaults(draft.key, 'names'),
    ...twiceFaults(draft.version, 'names'),
    ...roleFaults(draft),
    ...columnFaults(draft),
    ...sumFaults(draft),
    ...ruleFaults(draft),
    ...splitFaults(draft),
  ]
}

function draftOf(given: Readonly<Record<string, unknown>>): Draft {
  const read = <Name extends keyof Members>(name: Name) =>
    mappingMembers[name].safeParse(given[name]).data as z.infer<Members[Name]> | undefined
  const mode = modeOf(given)
  const named = (member: 'key' | 'version'): NamedColumn[] => {
    const names = isOfMode(mode, member) ? (read(member) ?? []) : []
    if (typeof names === 'string') return [{ name: names, path: [member] }]
    return names.map((name, at) => ({ name, path: [member, at] }))
  }
  const deletes = isOfMode(mode, 'delete') ? read('delete') : undefined
  const mark = typeof deletes?.mode === 'object' ? deletes.mode.column : undefined
  const where = read('where') ?? []
  return {
    given,
    key: named('key'),
    version: named('version'),
    deleted: mark === undefined ? [] : [{ name: mark, path: ['delete', 'mode', 'column'] }],
    columns: new Map(
      Object.entries(Object(given['columns'])).map(([name, source]) => [
        name,
        columnSource.safeParse(source).data,
      ]),
    ),
    rules: Array.isArray(where)
      ? where.map((rule, at) => [['where', at], rule] as const)
      : [[['where'], where] as const],
    when: deletes?.when,
  }
}

function topicFaults({ given: { name, topic } }: Draft): MemberFault[] {
  const isWrong = topic === undefined && mappingMembers.name.safeParse(name).success && !isTopic(name)
  const what = `is missing: without it the topic is ${preview(name)}, and an id of a topic has 3 to 255 characters, and does not begin with goog`
  return isWrong ? [{ path: ['topic'], what, fix: 'name the topic' }] : []
}

const isTopic = (name: unknown) => resource('topics').safeParse(name).success

function twiceFaults(names: readonly NamedColumn[], verb: string): MemberFault[] {
  const seen = new Set<string>()
  return names
    .filter(({ name }) => {
      const isThere = seen.has(name)
      seen.add(name)
      return isThere
    })
    .map(({ name, path }) => ({ path, what: `${verb} ${preview(name)} twice`, fix: 'remove one of them' }))
}

/** A column that means one thing cannot mean another. */
function roleFaults({ key, version, deleted }: Draft): MemberFault[] {
  const both = (
    ones: readonly NamedColumn[],
    others: readonly NamedColumn[],
    role: string,
  ): MemberFault[] => {
    const taken = new Set(others.map(({ name }) => name))
    return ones
      .filter(({ name }) => taken.has(name))
      .map(({ name, path }) => ({
        path,
        what: `names ${preview(name)}, which is part of the ${role}`,
        // One of several can be left out.
        fix: typeof path.at(-1) === 'number' && ones.length > 1 ? 'remove it' : 'name another column',
      }))
  }
  return [...both(version, key, 'key'), ...both(deleted, key, 'key'), ...both(deleted, version, 'version')]
}

function columnFaults({ key, version, deleted, columns }: Draft): MemberFault[] {
  const needed = [...key, ...version, ...deleted]
  return [
    ...[...columns.keys()].flatMap((name): MemberFault[] => {
      const what = columnNameFault(name)
      return what === undefined ? [] : [{ path: ['columns', name], what }]
    }),
    ...needed
      .filter(({ name }) => isSkipped(columns.get(name)))
      .map(({ name, path }) => ({
        path: ['columns', name, 'skip'],
        what: `is refused: ${String(path[0])} needs this column`,
        fix: 'write its path',
      })),
  ]
}

const isSkipped = (source: FileColumnSource | undefined) =>
  typeof source === 'object' && !Array.isArray(source) && source.skip === true

/** What is written beside the key is added up. */
function sumFaults({ given, key, columns }: Draft): MemberFault[] {
  // Where something is wrong with the key, it is not known which columns these are.
  if (modeOf(given) !== 'sum' || key.length === 0) return []
  const isKey = (name: string) => key.some((one) => one.name === name)
  return [...columns].flatMap(([name, source]): MemberFault[] => {
    const at = isKey(name) ? undefined : optionalAt(source)
    if (at === undefined) return []
    const what = `${preview(name)} is added up, and nothing can be added to a sum that is NULL`
    return [{ path: ['columns', name, ...at, 'optional'], what, fix: 'write default: 0 instead' }]
  })
}

/** Where a source says that its value may be missing. */
function optionalAt(source: FileColumnSource | undefined): MemberPath | undefined {
  if (typeof source !== 'object') return undefined
  if (!Array.isArray(source)) return source.optional === true ? [] : undefined
  const last = source.at(-1)
  return typeof last === 'object' && last.optional === true ? [source.length - 1] : undefined
}

/** The name under which a rule is counted. */
export function ruleName(rule: FileRule, at: number | undefined): string {
  return rule.name ?? (at === undefined ? 'where' : `where-${at + 1}`)
}

function ruleFaults({ rules }: Draft): MemberFault[] {
  const names = rules.map(
    ([path, rule], at): NamedColumn => ({
      name: ruleName(rule, at),
      path: rule.name === undefined ? path : [...path, 'name'],
    }),
  )
  return twiceFaults(names, 'has the name').map((fault) => ({ ...fault, fix: 'give it another name' }))
}

function splitFaults({ given, columns, rules, when }: Draft): MemberFault[] {
  if (given['split'] !== undefined) return []
  const paths = [
    ...[...columns].flatMap(([name, source]) => sourcePaths(source, ['columns', name])),
    ...rules.flatMap(([at, rule]) => conditionPaths(rule, at)),
    ...conditionPaths(when, ['delete', 'when']),
  ]
  return paths
    .filter(([text]) => needsSplit(text))
    .map(([text, path]) => ({
      path,
      what: `${preview(text)} means something only with split`,
      fix: withoutSplit(text),
    }))
}

type PathAt = readonly [text: string, at: MemberPath]

function sourcePaths(source: FileColumnSource | undefined, at: MemberPath): PathAt[] {
  if (source === undefined) return []
  if (typeof source === 'string') return [[source, at]]
  if (Array.isArray(source)) return source.flatMap((one, index) => sourcePaths(one, [...at, index]))
  return source.path === undefined ? [] : [[source.path, [...at, 'path']]]
}

function conditionPaths(condition: FileCondition | undefined, at: MemberPath): PathAt[] {
  if (condition === undefined) return []
  const { path, not, all = [], any = [] } = condition
  return [
    ...(path === undefined ? [] : [[path, [...at, 'path']] as const]),
    ...conditionPaths(not, [...at, 'not']),
    ...all.flatMap((one, index) => conditionPaths(one, [...at, 'all', index])),
    ...any.flatMap((one, index) => conditionPaths(one, [...at, 'any', index])),
  ]
}

function withoutSplit(text: string): string {
  const parsed = parsePath(text)
  const segments = 'path' in parsed && 'segments' in parsed.path ? parsed.path.segments : []
  return segments.length === 0
    ? 'all of the message is $data'
    : `write ${pathText({ from: 'element', segments })}`
}
