/** One version of one key's row, as its publisher means it: never as the ingester reads it. */
export interface RowVersion {
  readonly key: string
  readonly version: bigint
  readonly content: string
}

/**
 * What a record of a message is. `row`: it must become a row, or be superseded by a newer one of its key. `refused`: such a row
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

export function describeRow({ key, version, content }: RowVersion): string {
  return `${key} ${version} ${content}`
}
