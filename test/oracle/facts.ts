/** One version of one key's row, as its publisher means it: never as the ingester reads it. */
export interface RowVersion {
  readonly key: string
  /** Of a version of several columns all of them, as one number that has their order. */
  readonly version: bigint
  readonly content: string
  /** A deletion: from this version on there is no such row. It has no content. */
  readonly gone?: boolean
}

/**
 * What a record of a message is. `row`: it must become a row, or be superseded by a newer one of its key; or
 * its key must have no row, if it is a deletion. `refused`: such a row
 * would be, but the database refuses it. `invalid`: no row can be made of it, for this reason.
 */
export type Meaning = { readonly row: RowVersion; readonly refused?: boolean } | { readonly invalid: string }

/** A message that the broker has taken, under an id that no other one has. */
export interface AcceptedMessage {
  readonly id: string
  /** Of each of its records. */
  readonly meanings: readonly Meaning[]
  /** Its text, where dead letters are to be compared with it. */
  readonly data?: string
}

/** A stored dead letter, under the id of its message. */
export interface StoredDeadLetter {
  readonly id: string
  readonly reason: string
  readonly data?: string
}

/** The reason of a dead letter whose row the database rejected. */
export const refusedByDatabase = 'refused-by-database'

export function describeRow({ key, version, content, gone = false }: RowVersion): string {
  return `${key} ${version} ${gone ? 'gone' : content}`
}
