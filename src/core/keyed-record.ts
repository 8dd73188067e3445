/**
 * What a pipeline makes of a message: one version of one key's row.
 *
 * Records of a key are ordered by `version`, then by `content` as UTF-8 bytes; equal in both, they are the same
 * record. The order is total, so every order of delivery ends in the same row.
 */
export interface KeyedRecord {
  /** Canonical, well-formed Unicode; two records have the same key if and only if they are about the same row. */
  readonly key: string
  /** 0 to 2^63 − 1. */
  readonly version: bigint
  /** Decides between equal versions. Well-formed Unicode. */
  readonly content: string
  /** The row's values, in the order of the table's columns; text, integers and null only. */
  readonly values: readonly (string | number | bigint | null)[]
  /** Size of the row as it travels to the database, in UTF-8, for bounding batches. */
  readonly bytes: number
}

/** Negative where `a` is older than `b`, positive where it is newer, 0 where they are the same record. */
export function compareRecords(a: KeyedRecord, b: KeyedRecord): number {
  if (a.version !== b.version) return a.version < b.version ? -1 : 1
  return compareUtf8(a.content, b.content)
}

/** Orders text as PostgreSQL does under COLLATE "C": by UTF-8 bytes. `<` would compare UTF-16 code units. */
export function compareUtf8(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b))
}
