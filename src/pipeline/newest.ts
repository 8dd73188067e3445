import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Merge } from '#core/merge.ts'
import type { Column, PostgresTable, Scalar } from '#core/pipeline.ts'
import { columnNamed } from '#core/pipeline.ts'

/** What a row takes beside its texts, roughly: addresses and numbers. */
const overheadBytes = 48
/** Of a bigint. */
const maxVersion = 2n ** 63n - 1n

/** Where a row comes from does not matter. */
export interface Newest<R = unknown> extends Merge<R> {
  recordOf(row: R): KeyedRecord<R>
  /** The key of a row that has these values in the key's columns, in their order. */
  keyOf(values: readonly Scalar[]): string
}

/** Of each key the row with the greatest version stays; between equal ones the greater content. */
export function newest<R>(table: PostgresTable<R>): Newest<R> {
  const keyColumns = table.key.map((name) => columnNamed(table, name))
  const [version, content] = table.version.map((name) => columnNamed(table, name)) as [Column<R>, Column<R>]
  const texts = table.columns.filter(({ type }) => type === 'text')
  const keyOf = keyReader(keyColumns)
  return {
    recordOf: (row) => ({
      key: keyOf(row),
      version: versionOf(row, version),
      content: textOf(row, content),
      row,
      bytes: bytesOf(row, texts),
    }),
    keyOf: keyReader(
      keyColumns.map((column, at) => ({
        ...column,
        of: (values: readonly Scalar[]) => values[at] as Scalar,
      })),
    ),
    compare: compareVersions,
  }
}

/** @throws TypeError where the row breaks what its column promises: the decoder is wrong */
function versionOf<R>(row: R, column: Column<R>): bigint {
  const value = column.of(row)
  const version =
    typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : -1n
  if (version < 0n || version > maxVersion)
    throw new TypeError(`${column.name} is ${value}: a version must be a whole number from 0 to 2^63 - 1`)
  return version
}

function textOf<R>(row: R, column: Column<R>): string {
  const value = column.of(row)
  if (typeof value !== 'string') throw new TypeError(`${column.name} is ${value}, which is no text`)
  return value
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
function keyReader<R>(columns: readonly Column<R>[]): (row: R) => string {
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

/** @throws TypeError as above */
function partOf<R>(row: R, column: Column<R>): Scalar {
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

function bytesOf<R>(row: R, texts: readonly Column<R>[]): number {
  let bytes = overheadBytes
  for (const column of texts) bytes += Buffer.byteLength((column.of(row) ?? '') as string)
  return bytes
}
