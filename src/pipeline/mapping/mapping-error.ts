import { ConfigurationError } from '#core/command-error.ts'
import { ascii } from '#core/preview.ts'

/** Names of members and indexes of elements, from the outside in. */
export type MemberPath = readonly (string | number)[]

/** What is wrong with a member, before its place is known. */
export interface MemberFault {
  readonly path: MemberPath
  readonly what: string
  readonly fix?: string | undefined
}

/** Both count from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

export interface MappingFault extends Place {
  /** As in `columns.total.unit` or `key[1]`; empty: the file as a whole. */
  readonly member: string
  readonly what: string
  readonly fix?: string
}

/** Everything that is wrong with a mapping file. */
export class MappingError extends ConfigurationError {
  /** In the file's order. */
  readonly faults: readonly MappingFault[]

  constructor(fileName: string, faults: readonly MappingFault[]) {
    const ordered = faults.toSorted((one, other) => one.line - other.line || one.column - other.column)
    super(ordered.map((fault) => faultText(fileName, fault)).join('\n'))
    this.faults = ordered
  }
}

function faultText(fileName: string, { line, column, member, what, fix }: MappingFault): string {
  const about = member === '' ? '' : `${member}: `
  return `${fileName}:${line}:${column}: ${about}${what}${fix === undefined ? '' : `; ${fix}`}`
}

/** A member as faults name it. */
export function memberText(path: MemberPath): string {
  const text = path
    .map((part) =>
      typeof part === 'number' ? `[${part}]` : `.${/^[\w$-]+$/.test(part) ? part : quoted(part)}`,
    )
    .join('')
  return text.startsWith('.') ? text.slice(1) : text
}

const quoted = (name: string) => ascii(JSON.stringify(name))

export function faultAt(place: Place, { path, what, fix }: MemberFault): MappingFault {
  return { ...place, member: memberText(path), what, ...(fix === undefined ? {} : { fix }) }
}
