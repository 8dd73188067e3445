import type { KeyedRecord } from './keyed-record.ts'

/**
 * How long a statement waits for a row that another transaction holds: `usual` is longer than writers like ourselves
 * need, `brief` is just enough to see that it is held.
 */
export type LockWait = 'usual' | 'brief'

/** Puts records where they are kept. */
export interface Writer<R = unknown> {
  /**
   * Writes records of distinct keys in one statement. Resolves only after its commit, with the number of records
   * that are now in place; the guard rejected the others, since there was a newer or equal row.
   *
   * @throws WriteFailure whatever went wrong; the records may or may not have been stored
   */
  write(records: readonly KeyedRecord<R>[], wait?: LockWait): Promise<number>

  /**
   * Those of the records whose rows another transaction holds at this moment, as far as that is visible: a row that is
   * being inserted is not. Waits for none.
   *
   * @throws WriteFailure
   */
  locked(records: readonly KeyedRecord<R>[]): Promise<readonly KeyedRecord<R>[]>

  /**
   * Writes an existing row to itself with the same statement and rolls back: nothing changes, but it shows whether the
   * table still accepts the rows it has.
   *
   * @returns false where no row can be tried: the table is empty, or other transactions hold what it has
   * @throws WriteFailure where it was not accepted
   */
  rewriteExistingRow(): Promise<boolean>
}
