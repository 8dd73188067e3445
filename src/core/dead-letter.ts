import type { Delivery } from './delivery.ts'
import type { Rejection } from './pipeline.ts'

/** A message that cannot become a row, with the reason. */
export interface DeadLetter extends Rejection {
  readonly delivery: Delivery
}

export interface DeadLetterStore {
  /**
   * Resolves when all are stored for good. Storing one again is harmless.
   *
   * @throws WriteFailure whatever went wrong
   */
  store(letters: readonly DeadLetter[]): Promise<void>
}
