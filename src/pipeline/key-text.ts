import type { Column, PostgresTable, Scalar } from '#core/pipeline.ts'
import { columnNamed } from '#core/pipeline.ts'

/** The key of a row that has these values in the key's columns, in their order. */
export function keyTextOf<R>(table: PostgresTable<R>): (values: readonly Scalar[]) => string {
  return keyReader(
    table.key.map((name, at) => ({
      name: columnNamed(table, name).name,
      of: (values: readonly Scalar[]) => values[at] as Scalar,
    })),
  )
}

/** The values of the key's columns as one text, never the same for two keys. */
export function keyReader<R>(columns: readonly Pick<Column<R>, 'name' | 'of'>[]): (row: R) => string {
  const last = columns.length - 1
  // Joined it is one text; a template would leave a tree of its pieces, to be copied together when the key is hashed.
  const parts = columns.map((): Scalar => null)
  return (row) => {
    for (let i = 0; i <= last; i++) {
      const part = partOf(row, columns[i] as Column<R>)
      parts[i] = i < last ? withoutSpaces(part) : part
    }
    return parts.join(' ')
  }
}

/** @throws TypeError where the row breaks what its column promises: the decoder is wrong */
function partOf<R>(row: R, column: Pick<Column<R>, 'name' | 'of'>): Scalar {
  const value = column.of(row)
  // A decoder in JavaScript may give anything.
  if (value === null || value === undefined || typeof value === 'object')
    throw new TypeError(`${column.name} is ${value}, and part of the key`)
  return value
}

/** No value has a NUL, so it can stand for a space where that separates values. Only texts have spaces. */
function withoutSpaces(value: Scalar): Scalar {
  return typeof value === 'string' ? value.replaceAll(' ', '\0') : value
}
