import type { MemberFault, MemberPath } from '#pipeline/mapping/mapping-error.ts'
import { memberText } from '#pipeline/mapping/mapping-error.ts'
import type { Definition } from './definition.ts'

/** Something about a definition that is wrong, or that its author should know. */
export interface DefinitionFault {
  /** From 1; null where the file is a module. */
  readonly line: number | null
  readonly column: number | null
  /** As in `columns.total.unit`; empty: it is about no single one. */
  readonly member: string
  readonly what: string
  readonly fix: string | null
}

/** What was found, each at the place of its member, in the file's order. */
export function placed(
  { parsed }: Pick<Definition, 'parsed'>,
  findings: readonly MemberFault[],
): DefinitionFault[] {
  const faults = findings.map(({ path, what, fix = null }): DefinitionFault => {
    if (!parsed) return { line: null, column: null, member: memberText(inModule(path)), what, fix }
    return { ...parsed.placeOf(path), member: memberText(path), what, fix }
  })
  return faults.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
}

/** What a mapping file has at its top, `definePipeline` takes in `table`. */
function inModule(path: MemberPath): MemberPath {
  const [first, ...rest] = path
  if (first === 'table') return ['table', 'name', ...rest]
  return first === 'mode' ||
    first === 'key' ||
    first === 'version' ||
    first === 'columns' ||
    first === 'delete'
    ? ['table', ...path]
    : path
}

/** One line, as editors and people read it. */
export function faultLine(file: string, { line, column, member, what, fix }: DefinitionFault): string {
  const place = line === null ? file : `${file}:${line}:${column}`
  const about = member === '' ? '' : `${member}: `
  return `${place}: ${about}${what}${fix === null ? '' : `; ${fix}`}`.replaceAll(/\s*\n\s*/g, ' ')
}
