/**
 * A row as lanes, cache and sink know it: one version of one key.
 *
 * Records of a key are ordered by `version`, then by `content` as UTF-8 bytes; equal in both, they are the same
 * record. The order is total, so every order of delivery ends in the same row.
 */
export interface KeyedRecord<R = unknown> {
  /** Canonical, well-formed Unicode; two records have the same key if and only if they are about the same row. */
  readonly key: string
  /** 0 to 2^63 − 1. */
  readonly version: bigint
  /** Decides between equal versions. Well-formed Unicode. */
  readonly content: string
  readonly row: R
  /** Size of the row as it travels to the database, in UTF-8, for bounding batches. */
  readonly bytes: number
}
