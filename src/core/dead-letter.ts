import type { Delivery } from './delivery.ts'
import type { Rejection } from './rejection.ts'
import type { LockWait } from './sink.ts'

/** The reason of messages over the size limit: of their data only the beginning may have been kept. */
export const tooLarge = 'too-large'
/** The reason of rows that the database refuses for their own sake. */
export const refusedByDatabase = 'refused-by-database'

/** The reason of records that a store which takes them one by one refuses for their own sake. */
export const refusedBySink = 'refused-by-sink'

/** The reason of records that count once, and whose messages are so old that it is unknown whether they have counted. */
export const tooOld = 'too-old'

/** The reason of records whose identity was used before, with other values. */
export const identityReused = 'identity-reused'

/** The reason of messages with a value that its column cannot take. */
export const badValue = 'bad-value'

/** The reason of messages that a pipeline's own code fails on: by its contract it rejects them instead. */
export const decoderError = 'decoder-error'

/** What has become of a stored dead letter: `redriven` was published again, `discarded` is kept for the record only. */
export type DeadLetterStatus = 'new' | 'redriven' | 'discarded'

/** A message that cannot become a row, with the reason. */
export interface DeadLetter extends Pick<Rejection, 'reason' | 'detail'> {
  readonly delivery: Delivery
}

export interface DeadLetterStore {
  /**
   * Resolves when all are stored for good. Storing one again is harmless.
   *
   * @throws WriteFailure whatever went wrong
   */
  store(deadLetters: readonly DeadLetter[], wait?: LockWait): Promise<void>
}
