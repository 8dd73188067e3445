import type { FileAlternative, FileColumnSource } from './column-schema.ts'
import type { FileCondition } from './condition-schema.ts'
import { ruleName } from './cross-checks.ts'
import type {
  ColumnSource,
  Condition,
  Constant,
  FieldPath,
  Mapping,
  Path,
  Rule,
  ValuePath,
} from './mapping.ts'
import type { MemberPath } from './mapping-error.ts'
import type { MappingFile } from './mapping-schema.ts'
import { parsePath } from './path.ts'
import type { SourceNode } from './source-tree.ts'
import { jsonText, nodeAt } from './source-tree.ts'

/** From a file without faults to what it means. */
export function buildMapping(file: MappingFile, root: SourceNode): Mapping {
  const constants = (path: MemberPath): Constant => {
    const node = nodeAt(root, path)
    if (node === undefined) throw new Error(`there is no ${path.join('.')}`)
    return { json: jsonText(node) }
  }
  const { name, topic = name, subscription, table, split } = file
  return {
    name,
    topic,
    subscription,
    table,
    mode: file.mode ?? 'newest',
    key: listOf(file.key),
    version: listOf(file.version),
    takesOthers: file.others !== 'skip',
    columns: columnsOf(file, root, constants),
    ...(split === undefined ? {} : { split: fromMessage(pathOf(split)) }),
    where: rulesOf(file, constants),
    ...deletesOf(file, constants),
  }
}

type Constants = (path: MemberPath) => Constant

const listOf = (names: string | readonly string[] = []) => (typeof names === 'string' ? [names] : names)

function pathOf(text: string): Path {
  const parsed = parsePath(text)
  if ('fault' in parsed) throw new Error(`${text} ${parsed.fault.what}`)
  return parsed.path
}

function fromMessage(path: Path): FieldPath {
  if (!('segments' in path)) throw new Error(`${path.from} is no field`)
  return { from: 'message', segments: path.segments }
}

/** An object of JavaScript's would have names that are numbers before all others. */
function columnsOf(
  { columns = {} }: MappingFile,
  root: SourceNode,
  constants: Constants,
): Mapping['columns'] {
  const node = nodeAt(root, ['columns'])
  const names = node?.kind === 'object' ? [...node.members.keys()] : []
  return new Map(names.map((name) => [name, sourceOf(columns[name] ?? name, ['columns', name], constants)]))
}

function sourceOf(source: FileColumnSource, at: MemberPath, constants: Constants): ColumnSource {
  if (typeof source === 'string')
    return { kind: 'paths', paths: [{ path: pathOf(source) }], missing: 'rejected' }
  if (Array.isArray(source)) {
    const [first, ...others] = source.map(valuePath)
    const last = source.at(-1)
    if (first === undefined || last === undefined) throw new Error('a list of paths is empty')
    const missing =
      typeof last === 'string' ? 'rejected' : missingOf(last, [...at, source.length - 1], constants)
    return { kind: 'paths', paths: [first, ...others], missing }
  }
  if (source.skip === true) return { kind: 'skip' }
  const { path } = source
  if (path === undefined) return { kind: 'value', value: constants([...at, 'value']) }
  return { kind: 'paths', paths: [valuePath({ ...source, path })], missing: missingOf(source, at, constants) }
}

function valuePath(source: FileAlternative): ValuePath {
  if (typeof source === 'string') return { path: pathOf(source) }
  const { path, unit, timezone, encoding } = source
  return {
    path: pathOf(path),
    ...(unit === undefined ? {} : { unit }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(encoding === undefined ? {} : { encoding }),
  }
}

function missingOf(
  source: Pick<Exclude<FileAlternative, string>, 'default' | 'optional'>,
  at: MemberPath,
  constants: Constants,
): 'rejected' | 'null' | Constant {
  if (source.default !== undefined) return constants([...at, 'default'])
  return source.optional === true ? 'null' : 'rejected'
}

function rulesOf({ where = [] }: MappingFile, constants: Constants): Rule[] {
  if (!Array.isArray(where))
    return [{ name: ruleName(where, undefined), condition: conditionOf(where, ['where'], constants) }]
  return where.map((rule, at) => ({
    name: ruleName(rule, at),
    condition: conditionOf(rule, ['where', at], constants),
  }))
}

function deletesOf(file: MappingFile, constants: Constants): Pick<Mapping, 'delete'> {
  if (file.delete === undefined) return {}
  const { when, mode } = file.delete
  const condition = conditionOf(when, ['delete', 'when'], constants)
  return { delete: { when: condition, ...(typeof mode === 'object' ? { column: mode.column } : {}) } }
}

function conditionOf(condition: FileCondition, at: MemberPath, constants: Constants): Condition {
  const list = (name: 'all' | 'any', conditions: readonly FileCondition[]): Condition => ({
    kind: name,
    conditions: conditions.map((one, index) => conditionOf(one, [...at, name, index], constants)),
  })
  const { path = '', not, all, any } = condition
  if (not) return { kind: 'not', condition: conditionOf(not, [...at, 'not'], constants) }
  if (all) return list('all', all)
  if (any) return list('any', any)
  if (condition.in)
    return {
      kind: 'in',
      path: pathOf(path),
      values: condition.in.map((_, index) => constants([...at, 'in', index])),
    }
  if (condition.equals !== undefined)
    return { kind: 'in', path: pathOf(path), values: [constants([...at, 'equals'])] }
  const exists: Condition = { kind: 'exists', path: pathOf(path) }
  return condition.exists === false ? { kind: 'not', condition: exists } : exists
}
