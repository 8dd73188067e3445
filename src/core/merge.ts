import type { KeyedRecord } from './keyed-record.ts'

/** What makes two rows of a pipeline rows of one key, and which of them stays. Pure. */
export interface Merge<R = unknown> {
  recordOf(row: R): KeyedRecord<R>
  /**
   * Negative where `a` is older than `b`, positive where it is newer, 0 where they are the same record. Only of one key;
   * a total order, so that every order of delivery ends in the same row.
   */
  compare(a: KeyedRecord<R>, b: KeyedRecord<R>): number
}
