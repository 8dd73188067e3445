import type { ColumnType } from '#core/column-type.ts'
import type { ColumnSource } from './mapping.ts'

/** A column that is written, and where its values come from. */
export interface PlannedColumn {
  readonly name: string
  readonly type: ColumnType
  /** What its values are read as: of a domain the type that it restricts. */
  readonly readAs: ColumnType
  /** As in SQL. */
  readonly typeName: string
  readonly isNullable: boolean
  readonly part?: 'key' | 'version'
  /** It marks rows that are gone, and is NULL in all others. */
  readonly isMark: boolean
  readonly source: Exclude<ColumnSource, { readonly kind: 'skip' }>
}
