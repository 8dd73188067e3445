import type { ColumnType } from '#core/column-type.ts'
import type { Column } from '#core/pipeline.ts'
import { typeOf } from '#core/pipeline.ts'

/** What a row takes beside its texts, roughly: addresses and numbers. */
const overheadBytes = 48

const smallTypes: ReadonlySet<string> = new Set(
  'smallint,integer,bigint,real,double precision,boolean,uuid,inet,cidr,date,time,timestamp,timestamptz'.split(
    ',',
  ),
)

/** Measures a row as it travels to the database, in bytes of UTF-8. */
export function rowSize<R>(columns: readonly Column<R>[]): (row: R) => number {
  const sized = columns.filter((column) => column.from === undefined && !isSmall(typeOf(column)))
  return (row) => {
    let bytes = overheadBytes
    for (const column of sized) {
      const value = column.of(row)
      if (typeof value === 'string') bytes += Buffer.byteLength(value)
    }
    return bytes
  }
}

/** Whether its values count as {@link overheadBytes}. */
function isSmall({ name, isArray }: ColumnType): boolean {
  return !isArray && smallTypes.has(name)
}
