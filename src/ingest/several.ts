import type { KeyedRecord } from '#core/keyed-record.ts'
import type { Decoded, Rejection } from '#core/pipeline.ts'
import { isRejection } from '#core/pipeline.ts'

/** What a message became that is not exactly one record. */
export type Several = readonly (KeyedRecord | Rejection)[]

export function isSeveral(decoded: Decoded): decoded is Several {
  return Array.isArray(decoded)
}

/**
 * Why some of a message's records cannot be stored; undefined where all can. A message has one dead letter: it counts
 * under the first reason, and its detail says which record that was, and how many more there are.
 */
export function rejectionAmong(several: Several): Rejection | undefined {
  const at = several.findIndex(isRejection)
  const first = several[at]
  if (!first || !isRejection(first)) return undefined
  const more = several.filter(isRejection).length - 1
  const place = several.length > 1 ? `record ${at + 1} of ${several.length}: ` : ''
  return { reason: first.reason, detail: `${place}${first.detail}${more > 0 ? ` (and ${more} more)` : ''}` }
}
