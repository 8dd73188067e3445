import type { KeyedRecord } from './keyed-record.ts'
import type { WriteFailure } from './write-failure.ts'

/**
 * How long a statement waits for a row that another transaction holds: `usual` is longer than writers like ourselves
 * need, `brief` is just enough to see that it is held.
 */
export type LockWait = 'usual' | 'brief'

/** What became of the records of one `write`. Those that are not counted here were stale. */
export interface Stored {
  /** How many are now in place. */
  readonly written: number
  /** Records that had had their effect before, known by their identity, by their index. */
  readonly duplicates?: readonly number[]
  /** Records that came too late for anyone to know whether they count, by their index: nothing was stored for them. */
  readonly ignored?: readonly number[]
  /**
   * Records that the store refused for their own sake, by their index, and neither stored nor will: of a store that takes
   * them one by one. One that takes all or nothing throws, and the engine finds the record to blame.
   */
  readonly refused?: readonly RefusedRecord[]
}

export interface RefusedRecord {
  readonly at: number
  readonly failure: WriteFailure
  /** Of its dead letter. Absent: `refused-by-sink`. */
  readonly reason?: string
}

/** Puts records where they are kept. */
export interface Sink<R = unknown> {
  /**
   * Writes records of distinct keys. Resolves only after the commit, or whatever makes the store answer for them for good.
   *
   * @throws WriteFailure whatever went wrong; the records may or may not have been stored
   */
  write(records: readonly KeyedRecord<R>[], wait?: LockWait): Promise<Stored>

  /**
   * Whether the store still takes a record that it has stored before: tried as if it were new, and rolled back. Absent:
   * `write` does as well, since to write it again changes nothing.
   *
   * @throws WriteFailure where it does not
   */
  retake?(record: KeyedRecord<R>): Promise<void>

  /**
   * Those of the records whose rows another transaction holds at this moment, as far as that is visible: a row that is
   * being inserted is not. Waits for none. Absent: no write of this sink fails because of locks.
   *
   * @throws WriteFailure
   */
  locked?(records: readonly KeyedRecord<R>[]): Promise<readonly KeyedRecord<R>[]>

  /**
   * Writes an existing row to itself with the same statement and rolls back: nothing changes, but it shows whether the
   * table still accepts the rows it has. Absent: there is none to try.
   *
   * @returns false where no row can be tried: the table is empty, or other transactions hold what it has
   * @throws WriteFailure where it was not accepted
   */
  rewriteExistingRow?(): Promise<boolean>
}
