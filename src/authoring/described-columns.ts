import type { CatalogColumn, CatalogTable } from '#core/catalog.ts'
import type { Pipeline } from '#core/pipeline.ts'
import type { ColumnSource, Mapping, ValuePath } from '#pipeline/mapping/mapping.ts'
import { pathText } from '#pipeline/mapping/path.ts'
import type { PlannedColumn } from '#pipeline/mapping/planned-column.ts'

/** A column of the table, and what becomes of it. */
export interface DescribedColumn {
  readonly name: string
  /** As in SQL. */
  readonly type: string
  /** Where its values come from: paths and their options, or a constant. Null: it is left alone. */
  readonly from: string | null
  readonly leftAlone: string | null
}

/** All columns of a mapping's table, in its order. */
export function describedColumns(
  mapping: Mapping,
  { columns }: CatalogTable,
  planned: readonly PlannedColumn[],
): DescribedColumn[] {
  return columns.map((column) => {
    const { name, type } = column
    const found = planned.find((one) => one.name === name)
    return found
      ? { name, type, from: valueText(found), leftAlone: null }
      : { name, type, from: null, leftAlone: whyLeftAlone(mapping, column) }
  })
}

/** Of a module, whose code makes the values. */
export function describedByModule(
  { sink }: Pick<Pipeline, 'sink'>,
  { columns }: CatalogTable,
): DescribedColumn[] {
  return columns.map(({ name, type }) =>
    sink.columns.some((one) => one.name === name)
      ? { name, type, from: 'the module', leftAlone: null }
      : { name, type, from: null, leftAlone: 'not in the definition' },
  )
}

function valueText({ source, part }: PlannedColumn): string {
  return part === 'sum' ? `${sourceText(source)} (added up)` : sourceText(source)
}

function sourceText(source: Exclude<ColumnSource, { readonly kind: 'skip' }>): string {
  if (source.kind === 'value') return `${source.value.json}, always`
  const { paths, missing } = source
  const instead = missing === 'rejected' ? [] : [missing === 'null' ? 'else NULL' : `else ${missing.json}`]
  const [first, ...others] = paths.map(valuePathText)
  return [first, ...others.map((one) => `else ${one}`), ...instead].join(', ')
}

function valuePathText({ path, unit, timezone, encoding }: ValuePath): string {
  const options = [unit, timezone, encoding].filter((one) => one !== undefined)
  return options.length === 0 ? pathText(path) : `${pathText(path)} (${options.join(', ')})`
}

function whyLeftAlone({ columns, takesOthers }: Mapping, column: CatalogColumn): string {
  if (column.generated === 'identity') return 'the database numbers it'
  if (column.generated === 'expression') return 'the database computes it from other columns'
  if (columns.get(column.name)?.kind === 'skip') return 'skip'
  if (!takesOthers) return 'others: skip'
  return column.hasDefault ? 'it has a default' : `mappings cannot write ${column.type}`
}
