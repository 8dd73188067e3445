import type { Delivery } from './delivery.ts'
import type { Rejection } from './rejection.ts'

/** What an outside service made of a row. A time-out or an error is none of these: the enricher asks again. */
export type Enriched<R = unknown> =
  | { readonly row: R }
  /** By a well-formed answer there is nothing to store; counted under this rule. */
  | { readonly ignore: string }
  | { readonly reject: Rejection }

/** A row that is to be looked up. */
export interface Question<D = unknown> {
  readonly row: D
  readonly delivery: Delivery
}

/** Asks an outside service about rows between decoding and writing. */
export interface Enricher<D = unknown, R = unknown> {
  /**
   * Takes rows in, and calls `answer` once for each, in any order and at any time: a slow one holds up no other. Neither
   * throws nor gives up; what bounds its attempts, and what they end in, is its own.
   */
  enrich(questions: readonly Question<D>[], answer: (at: number, enriched: Enriched<R>) => void): void
}
