import type { CatalogColumn, CatalogTable } from '#core/catalog.ts'
import { isSummable, typeText } from '#core/column-type.ts'
import type { TableMode } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'
import { memberPath } from './member-path.ts'

/** What a mapping does with a column. */
export interface InitialColumn {
  readonly name: string
  /** For people. */
  readonly type: string
  readonly isNullable: boolean
  readonly source:
    | FieldSource
    /** The database's default fills it. */
    | { readonly skip: true; readonly instead: FieldSource }
    /** It cannot be named. */
    | { readonly leftAlone: string }
}

/** A message's field. */
export interface FieldSource {
  readonly path: string
  readonly optional?: true
  /** Of sums: what is missing adds nothing. */
  readonly default?: 0
  readonly timezone?: string
}

/** As a person writes it: `timestamptz(3)`. */
export function shortType(column: Pick<CatalogColumn, 'name' | 'type'>): string {
  return typeText(typeOf(column))
}

/** Each takes the field of its own name, if a message is to have it. */
export function initialColumns(
  { columns }: CatalogTable,
  {
    mode,
    key,
    version,
  }: { readonly mode: TableMode; readonly key: readonly string[]; readonly version: readonly string[] },
): readonly InitialColumn[] {
  const always = new Set([...key, ...version])
  return columns.map((column) => {
    const { name, isNullable } = column
    const source =
      mode === 'sum' && !always.has(name) ? sourceOfSum(column) : sourceOf(column, always.has(name))
    return { name, type: shortType(column), isNullable, source }
  })
}

/** Columns that can be added up. */
export function summableColumns({ columns }: CatalogTable, key: readonly string[]): readonly CatalogColumn[] {
  return columns.filter(
    (column) => !key.includes(column.name) && column.generated === 'never' && isSummable(typeOf(column)),
  )
}

function sourceOfSum(column: CatalogColumn): InitialColumn['source'] {
  const source = sourceOf(column, true)
  if ('leftAlone' in source || 'skip' in source) return source
  if (!isSummable(typeOf(column)))
    return {
      leftAlone:
        column.isNullable || column.hasDefault
          ? 'it cannot be added up'
          : 'it cannot be added up: give it a default, or make it part of the key',
    }
  return column.isNullable ? { path: source.path, default: 0 } : source
}

function sourceOf(column: CatalogColumn, isNeeded: boolean): InitialColumn['source'] {
  const { generated, hasDefault, isNullable } = column
  if (generated === 'identity') return { leftAlone: 'GENERATED ALWAYS AS IDENTITY' }
  if (generated === 'expression') return { leftAlone: 'generated from other columns' }
  const path = memberPath(column.name)
  if (path === undefined) return { leftAlone: 'no path can have this name' }
  const { name, isArray } = typeOf(column)
  const field: FieldSource = {
    path,
    ...(name === 'timestamp' && !isArray ? { timezone: 'UTC' } : {}),
    ...(isNullable && !isNeeded ? { optional: true } : {}),
  }
  return hasDefault && !isNeeded ? { skip: true, instead: field } : field
}
