import type { Decoded, DecodedRow } from '#core/pipeline.ts'
import { Rejection, isRejection } from '#core/rejection.ts'

/** What a message became that is not exactly one row. */
export type Several<R> = readonly DecodedRow<R>[]

export function isSeveral<R>(decoded: Decoded<R>): decoded is Several<R> {
  return Array.isArray(decoded)
}

/**
 * Why some of a message's rows cannot be stored; undefined where all can. A message has one dead letter: it counts
 * under the first reason, and its detail says which row that was, and how many more there are.
 */
export function rejectionAmong<R>(several: Several<R>): Rejection | undefined {
  const at = several.findIndex(isRejection)
  const first = several[at]
  if (!isRejection(first)) return undefined
  const more = several.filter(isRejection).length - 1
  const place = several.length > 1 ? `record ${at + 1} of ${several.length}: ` : ''
  return new Rejection(first.reason, `${place}${first.detail}${more > 0 ? ` (and ${more} more)` : ''}`)
}
