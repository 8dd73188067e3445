import type { Delivery } from '#core/delivery.ts'
import type { Arrival, Entry } from '#ingest/entry.ts'
import { hashOfKey } from '#ingest/line.ts'
import { fold, newEntry } from '#ingest/entry.ts'
import { nameOf } from './journal.ts'
import { recordOfWords, wordPipeline } from './word-pipeline.ts'

/** A delivery that no source keeps. */
export function deliveryOf(text: string): Delivery {
  const data = Buffer.from(text)
  return {
    messageId: text,
    publishTimeMs: 0,
    orderingKey: '',
    attributes: {},
    data,
    deliveryAttempt: 1,
    bytes: data.length,
    receivedAtMs: 0,
  }
}

/** Of a message `key version content`. */
export function arrivalOf(text: string): Arrival {
  return { record: recordOfWords(text), delivery: deliveryOf(text) }
}

/** All of one key, in order of arrival. */
export function entryOf(first: string, ...others: readonly string[]): Entry {
  const arrival = arrivalOf(first)
  const entry = newEntry(arrival, hashOfKey(arrival.record.key), 0)
  for (const text of others) fold(entry, arrivalOf(text), wordPipeline.merge)
  return entry
}

/** Its winner, then its losers, as messages. */
export function textsOf({ winner, losers }: Entry): string[] {
  return [winner, ...losers].map(({ record }) => nameOf(record))
}
