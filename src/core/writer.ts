import type { KeyedRecord } from './keyed-record.ts'

/** Puts records where they are kept. */
export interface Writer {
  /**
   * Writes records of distinct keys in one statement. Resolves only after its commit, with the number of records
   * that are now in place; the guard refused the others, since a newer or equal row stood there.
   *
   * @throws WriteFailure whatever went wrong; the records may or may not have been stored
   */
  write(records: readonly KeyedRecord[]): Promise<number>
}
