import { decoderError } from '#core/dead-letter.ts'
import type { Delivery } from '#core/delivery.ts'
import { messageOf } from '#core/error-message.ts'
import { engineRules, ignoreRulesOf, isIgnored } from '#core/ignored.ts'
import type { DecodeLimits, Decoded, Pipeline } from '#core/pipeline.ts'
import { isRejection } from '#core/rejection.ts'
import type { Addition, StoredValues } from './stored-row.ts'
import { addition, storedDeletion, storedRow } from './stored-row.ts'

/** What becomes of a message. */
export interface Outcome {
  /** Its line in the input; of those that were pulled, which it was. */
  readonly message: number
  readonly rows: readonly StoredValues[]
  readonly deleted: readonly StoredValues[]
  /** Of sums, in place of rows: what is added to the row of which key. */
  readonly added: readonly Addition[]
  /** The rules by which there is nothing to store. */
  readonly ignored: readonly string[]
  readonly rejected: readonly { readonly reason: string; readonly detail: string }[]
}

/** As the engine takes a message in, but for the table. */
export function outcomeOf(
  pipeline: Pipeline,
  delivery: Delivery,
  message: number,
  limits: DecodeLimits,
): Outcome {
  const outcome = {
    message,
    rows: [] as StoredValues[],
    deleted: [] as StoredValues[],
    added: [] as Addition[],
    ignored: [] as string[],
    rejected: [] as { reason: string; detail: string }[],
  }
  const { sink, merge } = pipeline
  const rules = ignoreRulesOf(pipeline)
  try {
    const decoded: Decoded = pipeline.decode(delivery, limits)
    const all: readonly unknown[] = Array.isArray(decoded) ? decoded : [decoded]
    if (all.length === 0) outcome.ignored.push(engineRules.empty)
    for (const [index, row] of all.entries()) {
      if (isRejection(row)) outcome.rejected.push({ reason: row.reason, detail: row.detail })
      else if (isIgnored(row)) outcome.ignored.push(rules.has(row.rule) ? row.rule : engineRules.undeclared)
      else {
        merge.recordOf(row, delivery, index)
        if (sink.deletes?.when(row)) outcome.deleted.push(storedDeletion(sink, row))
        else if (sink.mode === 'sum') outcome.added.push(addition(sink, row))
        else outcome.rows.push(storedRow(sink, row))
      }
    }
    return outcome
  } catch (error) {
    const rejected = [{ reason: decoderError, detail: messageOf(error) }]
    return { message, rows: [], deleted: [], added: [], ignored: [], rejected }
  }
}
