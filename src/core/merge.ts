import type { Delivery } from './delivery.ts'
import type { KeyedRecord } from './keyed-record.ts'

/**
 * What makes two rows of a pipeline one record, and which of them stays. Pure.
 *
 * Where the newest row of each key stays, the key is the row's own. Where each row counts once, as in a sum or a log, it is
 * the row's identity, its message and its place there, so that only a redelivery meets it again.
 */
export interface Merge<R = unknown> {
  /** @param index the row's place among those of its message, from 0: the same for every delivery of it */
  recordOf(row: R, delivery: Delivery, index: number): KeyedRecord<R>
  /**
   * Negative where `a` is older than `b`, positive where it is newer, 0 where they are the same record. Only of one key.
   * Undefined where only the sink can tell: then one is written after the other, in any order. With that the order is
   * total, so that every order of delivery ends in the same row.
   */
  compare(a: KeyedRecord<R>, b: KeyedRecord<R>): number | undefined
}
