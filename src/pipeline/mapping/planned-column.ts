import type { ColumnType } from '#core/column-type.ts'
import type { ColumnSource, Mapping } from './mapping.ts'

/** What a column is to its row; `sum`: its values are added up. */
export type ColumnPart = 'key' | 'version' | 'sum'

export function partIn({ mode, key, version }: Mapping, name: string): ColumnPart | undefined {
  if (key.includes(name)) return 'key'
  if (mode === 'sum') return 'sum'
  return version.includes(name) ? 'version' : undefined
}

/** Why it takes no NULL, as in a sentence after its name; undefined where it does. */
export function whyNotNull({ part, isNullable }: PlannedColumn): string | undefined {
  if (part === 'sum') return 'added up'
  if (part !== undefined) return `part of the ${part}`
  return isNullable ? undefined : 'NOT NULL'
}

/** A column that is written, and where its values come from. */
export interface PlannedColumn {
  readonly name: string
  readonly type: ColumnType
  /** What its values are read as: of a domain the type that it restricts. */
  readonly readAs: ColumnType
  /** As in SQL. */
  readonly typeName: string
  readonly isNullable: boolean
  /** Absent: it is stored as it is. */
  readonly part?: ColumnPart
  /** It marks rows that are gone, and is NULL in all others. */
  readonly isMark: boolean
  readonly source: Exclude<ColumnSource, { readonly kind: 'skip' }>
}
