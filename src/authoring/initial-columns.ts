import type { CatalogColumn, CatalogTable } from '#core/catalog.ts'
import { typeText } from '#core/column-type.ts'
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
  readonly timezone?: string
}

/** As a person writes it: `timestamptz(3)`. */
export function shortType(column: Pick<CatalogColumn, 'name' | 'type'>): string {
  return typeText(typeOf(column))
}

/** Each takes the field of its own name, if a message is to have it. */
export function initialColumns(
  { columns }: CatalogTable,
  needed: { readonly key: readonly string[]; readonly version: readonly string[] },
): readonly InitialColumn[] {
  const always = new Set([...needed.key, ...needed.version])
  return columns.map((column) => {
    const { name, isNullable } = column
    return { name, type: shortType(column), isNullable, source: sourceOf(column, always.has(name)) }
  })
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
