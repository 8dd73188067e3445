import type { Identity } from './identity.ts'

/**
 * A row as lanes, cache and sink know it: one version of one key.
 *
 * Equal in version and content, two records of a key are the same record. Otherwise the greater version is newer; between
 * equal versions the pipeline's merge decides, or the sink.
 */
export interface KeyedRecord<R = unknown> {
  /** Canonical, well-formed Unicode; two records have the same key if and only if they are about the same row. */
  readonly key: string
  /** 0 to 10^19 − 1, which is 19 digits; of a version of several columns the first. */
  readonly version: bigint
  /** All that tells records of one key and version from each other. Well-formed Unicode. */
  readonly content: string
  readonly row: R
  /** Size of the row as it travels to the database, in UTF-8, for bounding batches. */
  readonly bytes: number
  /** Of a pipeline whose messages may delete. */
  readonly guard?: Guard
  /** Of a pipeline whose records count once each. */
  readonly identity?: RecordIdentity
}

/** What makes two records the same, wherever each counts once. */
export interface RecordIdentity {
  /** Of the message, or of the request that it was made of. */
  readonly of: Identity
  /** The record's place in its message, from 0. */
  readonly index: number
}

/** What decides between a row and the deletions of its key. */
export interface Guard {
  /** The record is a deletion: there is no such row any more. */
  readonly isGone: boolean
  /** The columns of its version, in order: integers as they are, times in microseconds since 1970. */
  readonly ranks: readonly bigint[]
  /** When its message was published first, in Unix ms. */
  readonly publishTimeMs: number
}
