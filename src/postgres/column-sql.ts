/** How a column's values get into a statement: as one array parameter, whose elements may need a cast. */
import pg from 'pg'
import type { ColumnType } from '#core/column-type.ts'
import { isCollated, isSimple, typeText } from '#core/column-type.ts'
import type { Column, PostgresTable } from '#core/pipeline.ts'
import { columnNamed, typeOf } from '#core/pipeline.ts'

/** In SQL these mean a length of 1, to which a cast cuts without a word. */
const withoutLength: ReadonlyMap<string, string> = new Map([
  ['character', 'bpchar'],
  ['bit', '"bit"'],
])

/** A type without its modifiers: a cast to these would cut or round where an assignment refuses. */
export function bareType({ name, isArray }: ColumnType): string {
  return `${withoutLength.get(name) ?? name}${isArray ? '[]' : ''}`
}

/** The parameter of a column's values: `$3::numeric[]`. `unnest` flattens arrays of arrays, so these travel as texts. */
export function parameter(column: Column, index: number): string {
  const type = typeOf(column)
  const element = column.from !== undefined ? 'bigint' : type.isArray ? 'text' : bareType(type)
  return `$${index + 1}::${element}[]`
}

/** The values of some columns as the relation `r`, a row for each record. */
export function givenRows(columns: readonly Column[]): string {
  const names = columns.map(({ name }) => pg.escapeIdentifier(name))
  if (columns.every((column) => isSimple(typeOf(column))))
    return `unnest(${columns.map(parameter).join(', ')}) AS r(${names.join(', ')})`
  // In a FROM clause a composite would become the columns that it has.
  const each = columns.map((column, index) => `unnest(${parameter(column, index)}) AS ${names[index]}`)
  return `(SELECT ${each.join(', ')}) AS r`
}

/** A value of that parameter, as the column takes it. */
export function selected(column: Column, prefix = 'r.'): string {
  const value = `${prefix}${pg.escapeIdentifier(column.name)}`
  if (column.from === 'unix-seconds') return `to_timestamp(${value})`
  if (column.from === 'unix-micros') return timeOfMicros(value)
  const type = typeOf(column)
  return type.isArray ? `${value}::${bareType(type)}` : value
}

/**
 * An interval is multiplied as a double, which has 53 bits: so the microseconds are taken in two parts, of 32 bits each. (To
 * read a text takes 130 ns, this 40.)
 */
function timeOfMicros(micros: string): string {
  const [high, low] = [`(${micros} >> 32)`, `(${micros} & 4294967295)`]
  return `timestamptz 'epoch' + ${high} * interval '4294.967296 s' + ${low} * interval '0.000001 s'`
}

/** Columns for a comparison or an ORDER BY. Texts are compared as bytes, whatever the database's locale. */
export function ordered(table: PostgresTable, prefix: string, columns: readonly string[]): string {
  return columns
    .map((name) => `${prefix}${pg.escapeIdentifier(name)}${collation(columnNamed(table, name))}`)
    .join(', ')
}

/** As {@link ordered}, of the rows of the parameters, in which arrays are still texts. */
export function orderedSelection(table: PostgresTable, columns: readonly string[]): string {
  return columns
    .map((name) => columnNamed(table, name))
    .map((column) => `${selected(column)}${collation(column)}`)
    .join(', ')
}

const integers: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint'])

/** A value as `record_image_gt` may compare it with one of the table, whose integers may be wider than the definition's. */
export function asImage(column: Column, value: string): string {
  const type = typeOf(column)
  return `${value}::${integers.has(type.name) && !type.isArray ? 'bigint' : typeText(type)}`
}

function collation(column: Column): string {
  return isCollated(typeOf(column)) ? ' COLLATE "C"' : ''
}
