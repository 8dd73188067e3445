import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Merge } from '#core/merge.ts'
import type { Column, PostgresTable } from '#core/pipeline.ts'

/** What a row takes beside its texts, roughly: addresses and numbers. */
const overheadBytes = 48

/** Where a row comes from does not matter. */
export interface Newest<R = unknown> extends Merge<R> {
  recordOf(row: R): KeyedRecord<R>
}

/** Of each key the row with the greatest version stays; between equal ones the greater content. */
export function newest<R>(table: PostgresTable<R>): Newest<R> {
  const keyOf = keyReader(table)
  const [version, content] = table.version.map((name) => columnNamed(table, name)) as [Column<R>, Column<R>]
  const texts = table.columns.filter(({ type }) => type === 'text')
  return {
    recordOf: (row) => ({
      key: keyOf(row),
      version: BigInt(version.of(row) as number | bigint),
      content: content.of(row) as string,
      row,
      bytes: bytesOf(row, texts),
    }),
    compare: compareVersions,
  }
}

/** The order of rows of one key: by version, then by content. */
export function compareVersions(a: KeyedRecord, b: KeyedRecord): number {
  if (a.version !== b.version) return a.version < b.version ? -1 : 1
  return compareUtf8(a.content, b.content)
}

/** Orders text as PostgreSQL does under COLLATE "C": by UTF-8 bytes. `<` would compare UTF-16 code units. */
export function compareUtf8(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** The values of the key's columns as one text, never the same for two keys. */
function keyReader<R>(table: PostgresTable<R>): (row: R) => string {
  const columns = table.key.map((name) => columnNamed(table, name))
  const last = columns.pop() as Column<R>
  return (row) => {
    let key = ''
    for (const column of columns) {
      const value = column.of(row)
      // No value has a NUL, so it can stand for a space where that separates values. Only texts have spaces.
      key += column.type === 'text' ? `${(value as string).replaceAll(' ', '\0')} ` : `${value} `
    }
    return `${key}${last.of(row)}`
  }
}

function bytesOf<R>(row: R, texts: readonly Column<R>[]): number {
  let bytes = overheadBytes
  for (const column of texts) bytes += Buffer.byteLength(column.of(row) as string)
  return bytes
}

function columnNamed<R>({ name: table, columns }: PostgresTable<R>, name: string): Column<R> {
  const column = columns.find((one) => one.name === name)
  if (!column) throw new Error(`table ${table} has no column ${name}`)
  return column
}
